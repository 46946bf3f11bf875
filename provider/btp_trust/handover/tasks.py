"""What to do with the files, in order; and the second task, after the old certificate is retired."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from btp_trust.handover.certificate_view import CertificateView
from btp_trust.handover.target_types import Capacity, TargetType


class Phase(StrEnum):
    """Where the rotation stands, as far as the two certificates tell."""

    BEFORE_SWAP = "before-swap"
    """The old certificate signs."""
    SIGNS = "signs"
    """The certificate signs already: the one that it replaces is itself."""
    UNCOMPARED = "uncompared"
    """It was not said which one it replaces."""


class Task(msgspec.Struct, frozen=True):
    """Something for a person to do."""

    when: str
    steps: tuple[str, ...]
    """In order; plain text."""
    checks: tuple[str, ...]
    """Where to see afterwards that it is done; plain text."""


_WHEN_TO_UPLOAD: Final = {
    (Phase.BEFORE_SWAP, Capacity.TWO): "Before the swap{by}.",
    (
        Phase.BEFORE_SWAP,
        Capacity.UNKNOWN,
    ): "Before the swap{by}; if the entry has room for one certificate only, in the minute after the swap.",
    (Phase.BEFORE_SWAP, Capacity.ONE): "In the minute after the swap and not earlier; arrange the swap with whoever "
    "rotates{by}. Between the two, calls are refused.",
    (Phase.UNCOMPARED, Capacity.TWO): "Before the certificate signs{by}.",
    (Phase.UNCOMPARED, Capacity.UNKNOWN): "Before the certificate signs{by}; if the entry has room for one certificate "
    "only, in the minute after that.",
    (Phase.UNCOMPARED, Capacity.ONE): "In the minute after the certificate begins to sign, and not earlier{by}.",
}
_CALL_TARGET: Final = (
    "Call the target as a user through a destination of the subaccount. Until the swap that proves only that the old "
    "certificate is still trusted; after it, that the new one is, unless the answer came from a cache."
)
_ROLLBACK: Final = "If the new certificate has taken the old one's place, and the swap is undone: put {old} back."
_ALREADY_SIGNING: Final = "The certificate signs already. Where it is missing, calls are refused: if it is, at once."


def upload_task(
    kind: TargetType,
    placeholders: Mapping[str, str],
    *,
    holds: Capacity,
    phase: Phase,
    by: str | None,
    new: CertificateView,
    old: CertificateView | None,
) -> Task:
    """Write the first task: give the certificate to the target.

    Args:
        kind: The type of target.
        placeholders: What the kind's texts name.
        holds: How many certificates it can hold.
        phase: Whether the old certificate signs still.
        by: The last day, YYYY-MM-DD, if there is one.
        new: The certificate to be uploaded.
        old: What signs until the swap, if it is known.
    """
    when = (
        _ALREADY_SIGNING
        if phase is Phase.SIGNS
        else _WHEN_TO_UPLOAD[phase, holds].format(by="" if by is None else f", by {by}")
    )
    steps = [kind.open.format_map(placeholders)]
    if old is not None:
        steps.append(f"See that it has the old certificate: {_describe(old)}.")
    steps += _change_steps(kind, holds, phase, placeholders)
    if old is not None and holds is not Capacity.TWO:
        steps.append(_ROLLBACK.format_map(placeholders))
    steps.append("Read the entry anew, and compare what it shows with the table of both certificates.")
    return Task(
        when,
        tuple(steps),
        (
            f"{kind.check.format_map(placeholders)} It must be: {_describe(new)}.",
            _CALL_TARGET,
        ),
    )


def _change_steps(kind: TargetType, holds: Capacity, phase: Phase, placeholders: Mapping[str, str]) -> Iterator[str]:
    signs = phase is Phase.SIGNS
    if holds is Capacity.TWO:
        yield kind.add.format_map(placeholders)
    elif holds is Capacity.ONE:
        yield ("" if signs else "Wait for the swap. ") + kind.replace.format_map(placeholders)
    else:
        yield f"Find out whether it can hold a second certificate. It is not known: {kind.capacity_evidence}"
        yield f"If it can: {kind.add.format_map(placeholders)}"
        wait = "" if signs else "leave it as it is, tell whoever rotates, and wait for the swap. "
        yield f"If it cannot: {wait}{kind.replace.format_map(placeholders)}"


def removal_task(
    kind: TargetType,
    placeholders: Mapping[str, str],
    *,
    holds: Capacity,
    new: CertificateView,
    old: CertificateView | None,
) -> Task:
    """Write the second task: take the old certificate out, once there is no way back to it.

    Args:
        kind: The type of target.
        placeholders: What the kind's texts name.
        holds: How many certificates it can hold.
        new: What stays.
        old: What goes, if it is known.
    """
    when = "After the old certificate is retired: until then, a swap back needs it."
    which = f"any other than: {_describe(new)}" if old is None else _describe(old)
    if holds is Capacity.ONE:
        return Task(when, ("There is nothing to remove: the new certificate has replaced the old one.",), ())
    if_both = "If it has both, not otherwise: " if holds is Capacity.UNKNOWN else ""
    return Task(
        when,
        (
            f"{if_both}{kind.remove.format_map(placeholders)}",
            f"The one that goes is {which}.",
            f"The one that stays is {_describe(new)}.",
        ),
        (kind.check.format_map(placeholders), "Call the target as a user once more."),
    )


def _describe(certificate: CertificateView) -> str:
    return f"valid to {certificate.not_after}, SHA-1 {certificate.sha1}, serial number {certificate.serial_hexadecimal}"
