"""How thoroughly the properties are tried: quickly by default, HYPOTHESIS_PROFILE=thorough for a long search."""

import os

from support import hypothesis_profiles

hypothesis_profiles.load(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
