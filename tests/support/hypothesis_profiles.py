"""Profiles of hypothesis: the number of examples, and whether they are the same each time.

All profiles are without a deadline: the duration of an example depends on the load of the machine.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)

settings.register_profile("unit", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("crash-matrix", deadline=None, derandomize=True)
settings.register_profile("quick", max_examples=300, deadline=None, derandomize=True, suppress_health_check=SLOW)
settings.register_profile("thorough", max_examples=20_000, deadline=None, suppress_health_check=SLOW)


def load(profile: str) -> None:
    """Load a profile for the tests that are collected afterwards."""
    settings.load_profile(profile)
