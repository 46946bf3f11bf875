"""Metrics as text, and back. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector


class FixedMetrics(Collector):
    """Metrics as they are."""

    def __init__(self, families: Sequence[Metric] = ()) -> None:
        self.families = tuple(families)

    def collect(self) -> Sequence[Metric]:
        """Return all of them."""
        return self.families


def as_registry(metrics: FixedMetrics) -> CollectorRegistry:
    """Return a registry of these metrics alone: those of this process would be a distraction."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(metrics)
    return registry


def to_openmetrics(families: Sequence[Metric]) -> str:
    """Write metrics as OpenMetrics; as all are gauges, the text is valid in Prometheus' older format too."""
    text: bytes = generate_latest(as_registry(FixedMetrics(families)))  # type: ignore[no-untyped-call]
    return text.decode()


def from_text(text: str) -> list[Metric]:
    """Read metrics that were written; of a damaged text, none."""
    try:
        return list(text_string_to_metric_families(text))
    except (ValueError, LookupError):
        return []
