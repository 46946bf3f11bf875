"""Unit tests mirror the package. Their properties try the same examples each time: a failure comes from a change."""

from support import hypothesis_profiles

hypothesis_profiles.load("unit")
