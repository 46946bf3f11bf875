"""Profiles of hypothesis: how many examples are tried, and which are the same each time.

No profile has a deadline: machines are busy with other tests, and how long one example takes says nothing.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)

settings.register_profile("unit", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("crash-matrix", deadline=None, derandomize=True)
settings.register_profile("quick", max_examples=300, deadline=None, derandomize=True, suppress_health_check=SLOW)
settings.register_profile("thorough", max_examples=20_000, deadline=None, suppress_health_check=SLOW)


def load(profile: str) -> None:
    """Load a profile for the tests that are collected from here on."""
    settings.load_profile(profile)
