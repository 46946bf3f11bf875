"""The metrics: what each is called, its labels, and its samples. Pure.

All are gauges, so that one text is valid OpenMetrics and valid for the textfile collector of Prometheus' node exporter,
which knows the older format alone. What was last known of a subaccount stays while reading it fails: an alert about an
expiry must outlast an outage of the service.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from prometheus_client import Metric
from prometheus_client.samples import Sample

from btp_trust.errors import TrustError
from btp_trust_cli.landscape import SlotStatus, SubaccountStatus

HELP: Final = {
    "btp_trust_cert_not_before": "Unix time from which on the certificate is valid.",
    "btp_trust_cert_not_after": "Unix time at which the certificate expires.",
    "btp_trust_cert_info": "1 for each certificate in a slot; its labels describe it.",
    "btp_trust_drift": "Differences between the slots and the state of the stack.",
    "btp_trust_next_step_timestamp_seconds": "Unix time from which on the next step is due; `step` names it.",
    "btp_trust_last_success_timestamp_seconds": "Unix time at which the slots were last read.",
    "btp_trust_severity": "The state as in btp-trust status: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.",
    "btp_trust_read_error": "1 if the last reading of the subaccount failed, else 0.",
    "btp_trust_run_error": "1 if the last run failed as a whole, else 0.",
    "btp_trust_last_run_timestamp_seconds": "Unix time at which the last run ended.",
}
"""{metric: what it says}"""
_KEPT: Final = tuple(HELP)[:6]
"""Metrics that keep the last known samples while a reading fails."""
_Labels = dict[str, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one run found out."""

    ended_at: datetime
    statuses: Sequence[SubaccountStatus] = ()
    error: TrustError | None = None
    """Why the whole run failed: Pulumi cannot be run, for example."""


def metric_families(reading: Reading, before: Iterable[Metric] = ()) -> list[Metric]:
    """Return all metrics of a run.

    Args:
        reading: The run.
        before: The metrics of the run before it: the last known samples of what this run failed to read.
    """
    samples = [*_run_samples(reading)]
    for status in sorted(reading.statuses, key=lambda status: (status.stack or "", status.connection)):
        samples += _place_samples(status)
    samples += _last_known(reading, before, samples)
    families = {name: Metric(name, text, "gauge") for name, text in HELP.items()}
    for sample in samples:
        families[sample.name].samples.append(sample)
    return list(families.values())


def _run_samples(reading: Reading) -> Iterator[Sample]:
    yield Sample("btp_trust_run_error", {}, float(reading.error is not None))
    yield Sample("btp_trust_last_run_timestamp_seconds", {}, reading.ended_at.timestamp())


def _place_samples(status: SubaccountStatus) -> Iterator[Sample]:
    place = _place(status)
    yield Sample("btp_trust_severity", place, float(status.severity))
    yield Sample("btp_trust_read_error", place, float(status.error is not None))
    if status.snapshot is None or status.read_at is None:
        return
    yield Sample("btp_trust_last_success_timestamp_seconds", place, status.read_at.timestamp())
    yield Sample("btp_trust_drift", place, float(len(status.drifts)))
    if (due := status.next_due) is not None:
        yield Sample("btp_trust_next_step_timestamp_seconds", {**place, "step": due.step.value}, due.at.timestamp())
    for name, slot in (("active", status.active), ("passive", status.passive)):
        if slot is not None:
            yield from _slot_samples({**place, "slot": name}, slot)


def _slot_samples(place: _Labels, slot: SlotStatus) -> Iterator[Sample]:
    certificate = slot.certificate
    labels = {**place, "serial_number": certificate.serial_number}
    yield Sample("btp_trust_cert_not_before", labels, certificate.not_before.timestamp())
    yield Sample("btp_trust_cert_not_after", labels, certificate.not_after.timestamp())
    described = {
        "fingerprint": certificate.fingerprint,
        "generation": slot.generation or "",
        "issuer": certificate.issuer_name,
    }
    yield Sample("btp_trust_cert_info", {**labels, **described}, 1.0)


def _place(status: SubaccountStatus) -> _Labels:
    return {
        "subaccount": status.name or "",
        "subaccount_id": status.subaccount_id or "",
        "connection": status.connection,
        "stack": status.stack or "",
    }


def _last_known(reading: Reading, before: Iterable[Metric], samples: Sequence[Sample]) -> Iterator[Sample]:
    """Give the earlier samples of each subaccount that this run failed to read."""
    read = {_key(sample) for sample in samples if sample.name == "btp_trust_last_success_timestamp_seconds"}
    failed = [status for status in reading.statuses if status.error is not None]
    for family in before:
        for sample in family.samples:
            if sample.name in _KEPT and _key(sample) not in read and (reading.error or _is_of(sample, failed)):
                yield sample


def _is_of(sample: Sample, failed: Iterable[SubaccountStatus]) -> bool:
    """Return True if a sample is of a failed reading; that of a stack stands for all of its connections."""
    stack, connection = _key(sample)
    return any((each.stack or "") == stack and each.connection in {"", connection} for each in failed)


def _key(sample: Sample) -> tuple[str, str]:
    return sample.labels.get("stack", ""), sample.labels.get("connection", "")
