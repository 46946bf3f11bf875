"""Unit tests mirror the package. Their properties try the same examples each time: a change is judged by itself."""

from support import hypothesis_profiles

hypothesis_profiles.load("unit")
