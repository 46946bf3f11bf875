"""The tasks of a target's administrator: upload the new certificate, and remove the old one after its retirement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from btp_trust.handover.certificate_view import CertificateView
from btp_trust.handover.target_types import Capacity, TargetType


class Phase(StrEnum):
    """The state of the rotation, by the two certificates."""

    BEFORE_SWAP = "before-swap"
    """The old certificate signs."""
    SIGNS = "signs"
    """The new certificate signs already: `certificate` and `replaces` are the same."""
    UNCOMPARED = "uncompared"
    """The hand-over was made without `replaces`."""


class FieldValue(msgspec.Struct, frozen=True):
    """A value to enter on a screen."""

    field: str
    """The label on the target's screen."""
    value: str


class Task(msgspec.Struct, frozen=True):
    """A task for a person."""

    when: str
    steps: tuple[str, ...]
    """In order; plain text."""
    checks: tuple[str, ...]
    """Where to see the result afterwards; plain text."""


_WHEN_TO_UPLOAD: Final = {
    (Phase.BEFORE_SWAP, Capacity.TWO): "Before the swap{by}.",
    (
        Phase.BEFORE_SWAP,
        Capacity.UNKNOWN,
    ): "Before the swap{by}; if the entry has room for one certificate only, in the minute after the swap.",
    (Phase.BEFORE_SWAP, Capacity.ONE): "In the minute after the swap and not earlier; arrange the swap with the "
    "person who deploys it{by}. Between the two, calls are rejected.",
    (Phase.UNCOMPARED, Capacity.TWO): "Before the certificate signs{by}.",
    (Phase.UNCOMPARED, Capacity.UNKNOWN): "Before the certificate signs{by}; if the entry has room for one certificate "
    "only, in the minute after that.",
    (Phase.UNCOMPARED, Capacity.ONE): "In the minute after the certificate begins to sign, and not earlier{by}.",
}
_CALL_TARGET: Final = (
    "Call the target as a user through a destination of the subaccount. Until the swap, success shows only that the "
    "old certificate is still trusted; after it, that the new one is, unless the answer came from a cache."
)
_ROLLBACK: Final = "If the new certificate has replaced the old one, and the swap is undone: upload {old} again."
_ALREADY_SIGNING: Final = "The certificate signs already. Where it is missing, calls are rejected: if it is, at once."


def upload_task(
    target_type: TargetType,
    placeholders: Mapping[str, str],
    *,
    holds: Capacity,
    phase: Phase,
    deadline: str | None,
    new: CertificateView,
    old: CertificateView | None,
) -> Task:
    """Write the first task: upload the certificate to the target.

    Args:
        target_type: The type of the target.
        placeholders: Values for the placeholders of its texts.
        holds: How many certificates the target can hold.
        phase: Whether the old certificate still signs.
        deadline: The last day, YYYY-MM-DD, if there is one.
        new: The certificate to upload.
        old: The certificate that signs until the swap, if it is known.
    """
    when = (
        _ALREADY_SIGNING
        if phase is Phase.SIGNS
        else _WHEN_TO_UPLOAD[phase, holds].format(by="" if deadline is None else f", by {deadline}")
    )
    steps = [target_type.open.format_map(placeholders)]
    if old is not None:
        steps.append(f"See that it has the old certificate: {_describe(old)}.")
    steps += _change_steps(target_type, holds, phase, placeholders)
    # A target with room for two has the old certificate until its retirement.
    if old is not None and holds is not Capacity.TWO:
        steps.append(_ROLLBACK.format_map(placeholders))
    steps.append("Open the entry again, and compare what it shows with the table of both certificates.")
    return Task(
        when,
        tuple(steps),
        (
            f"{target_type.check.format_map(placeholders)} It must be: {_describe(new)}.",
            _CALL_TARGET,
        ),
    )


def _change_steps(
    target_type: TargetType, holds: Capacity, phase: Phase, placeholders: Mapping[str, str]
) -> Iterator[str]:
    signs = phase is Phase.SIGNS
    if holds is Capacity.TWO:
        yield target_type.add.format_map(placeholders)
    # An earlier upload would end the target's trust in the certificate that still signs.
    elif holds is Capacity.ONE:
        yield ("" if signs else "Wait for the swap. ") + target_type.replace.format_map(placeholders)
    else:
        yield f"Find out whether it can hold a second certificate. It is not known: {target_type.capacity_evidence}"
        yield f"If it can: {target_type.add.format_map(placeholders)}"
        wait = "" if signs else "leave it as it is, tell the person who deploys the rotation, and wait for the swap. "
        yield f"If it cannot: {wait}{target_type.replace.format_map(placeholders)}"


def removal_task(
    target_type: TargetType,
    placeholders: Mapping[str, str],
    *,
    holds: Capacity,
    new: CertificateView,
    old: CertificateView | None,
) -> Task:
    """Write the second task: remove the old certificate, once a rollback to it is impossible.

    Args:
        target_type: The type of the target.
        placeholders: Values for the placeholders of its texts.
        holds: How many certificates the target can hold.
        new: The certificate that stays.
        old: The certificate to remove, if it is known.
    """
    when = "After the old certificate is retired: until then, a rollback needs it."
    which = f"any other than: {_describe(new)}" if old is None else _describe(old)
    if holds is Capacity.ONE:
        return Task(when, ("There is nothing to remove: the new certificate has replaced the old one.",), ())
    if_both = "If it has both, not otherwise: " if holds is Capacity.UNKNOWN else ""
    return Task(
        when,
        (
            f"{if_both}{target_type.remove.format_map(placeholders)}",
            f"The one that goes is {which}.",
            f"The one that stays is {_describe(new)}.",
        ),
        (target_type.check.format_map(placeholders), "Call the target as a user once more."),
    )


def _describe(certificate: CertificateView) -> str:
    return f"valid to {certificate.not_after}, SHA-1 {certificate.sha1}, serial number {certificate.serial_hexadecimal}"
