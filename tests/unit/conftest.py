"""Properties run on machines that are busy with other tests: how long one example takes says nothing.

They try the same examples each time, so that a change is judged by what it changes; the long search is that of
tests/property.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("unit", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unit")
