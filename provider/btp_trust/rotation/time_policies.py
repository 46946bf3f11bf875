"""Policies about the time of a rotation: how long its certificate has existed, freezes, and windows. Pure.

They stand after the target gate: people can give a target its certificate meanwhile, and time passes by itself.
A certificate that signs again passes them, for a rollback and a restoration undo a change.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from btp_trust.certificate import Certificate
from btp_trust.formatting import format_rfc3339, short_fingerprint
from btp_trust.rotation.decision import Decision, Reason, refuse
from btp_trust.rotation.declaration import Declaration, swappable_certificate
from btp_trust.rotation.target_status import signs_again
from btp_trust.rotation.time_limits import NEVER, duration_argument, freeze_at, soaked_from, thawed_from
from btp_trust.rotation.window import open_from
from btp_trust.snapshot import Snapshot

_ARGUMENTS: Final = {Reason.FROZEN: "freeze", Reason.SOAKING: "soak", Reason.OUTSIDE_WINDOW: "window"}
"""{reason: the argument that asks for it}."""
Limit = Callable[[Declaration, Certificate, datetime], datetime]


def soak(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """Refuse a rotation to a certificate that exists for a shorter time than `soak`."""
    certificate = _limited_certificate(declaration, snapshot)
    if certificate is None or _soak_limit(declaration, certificate, snapshot.now) <= snapshot.now:
        return None
    exists_since = format_rfc3339(certificate.not_before)
    why = f"It exists since {exists_since}, and `soak` gives its targets {declaration.soak}."
    return _refuse_until_later(declaration, certificate, snapshot, Reason.SOAKING, why)


def freeze(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """Refuse a rotation in a time in which the signer has to stay."""
    certificate, holding = _limited_certificate(declaration, snapshot), freeze_at(declaration.freeze, snapshot.now)
    if certificate is None or holding is None:
        return None
    why = f"The signer is frozen from {holding.start} to {holding.to}: {holding.why}."
    return _refuse_until_later(declaration, certificate, snapshot, Reason.FROZEN, why)


def window(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """Refuse a rotation outside of the window."""
    certificate = _limited_certificate(declaration, snapshot)
    if certificate is None or _window_limit(declaration, certificate, snapshot.now) <= snapshot.now:
        return None
    why = f"The window opens at {declaration.window}."
    return _refuse_until_later(declaration, certificate, snapshot, Reason.OUTSIDE_WINDOW, why)


def untimely(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """Return the refusal of a certificate that may sign only later, or None."""
    decisions = (policy(declaration, snapshot) for policy in TIME_POLICIES)
    return next((decision for decision in decisions if decision is not None), None)


def refuse_untimely(declaration: Declaration, snapshot: Snapshot) -> None:
    """Compare with the limits of time again.

    Raises:
        Refused: The declared certificate may sign only later.
    """
    decision = untimely(declaration, snapshot)
    if decision is not None and decision.refusal is not None:
        raise decision.refusal


def first_moment(declaration: Declaration, certificate: Certificate, now: datetime) -> datetime:
    """Return from when on all limits let this certificate sign; NEVER if it has expired by then."""
    moment, earlier = now, None
    while moment != earlier:
        earlier = moment
        for limit in _LIMITS:
            moment = limit(declaration, certificate, moment)
    return moment if moment < certificate.not_after else NEVER


def is_broken_glass(declaration: Declaration) -> bool:
    """Return True if the declared generation may sign at any time."""
    return declaration.generation in declaration.break_glass


def passed_limits(declaration: Declaration, snapshot: Snapshot) -> str | None:
    """Return the line of a swap that breaks the glass: what it passes, and the reason of the program."""
    unbroken = replace(declaration, break_glass={})
    refusals = (policy(unbroken, snapshot) for policy in TIME_POLICIES)
    passed = [refusal.reason for refusal in refusals if refusal is not None]
    if not passed or not is_broken_glass(declaration):
        return None
    return f"passes {' and '.join(passed)}: {declaration.break_glass[declaration.generation]}"


def _limited_certificate(declaration: Declaration, snapshot: Snapshot) -> Certificate | None:
    """Return the next signer, if the time of its swap is limited."""
    certificate = swappable_certificate(declaration, snapshot)
    if certificate is None or is_broken_glass(declaration) or signs_again(declaration, certificate):
        return None
    return certificate


def _refuse_until_later(
    declaration: Declaration, certificate: Certificate, snapshot: Snapshot, reason: Reason, why: str
) -> Decision:
    prop = _ARGUMENTS[reason]
    moment, name = first_moment(declaration, certificate, snapshot.now), declaration.generation
    when = "at no time" if moment == NEVER else f"from {format_rfc3339(moment)} on"
    wait = f"Change `{prop}`" if moment == NEVER else f"Run `pulumi up` again at {format_rfc3339(moment)} or later"
    return refuse(
        reason,
        f"{reason}: generation {name!r} ({short_fingerprint(certificate.fingerprint)}) may sign {when}.",
        f"{why} The service's clock says {format_rfc3339(snapshot.now)}.",
        f'{wait}. In an emergency: break_glass={{"{name}": "<reason>"}}.',
        prop=prop,
    )


def _soak_limit(declaration: Declaration, certificate: Certificate, moment: datetime) -> datetime:
    if declaration.soak is None:
        return moment
    return soaked_from(duration_argument(declaration.soak, "soak"), certificate.not_before, moment)


def _freeze_limit(declaration: Declaration, _: Certificate, moment: datetime) -> datetime:
    return thawed_from(declaration.freeze, moment)


def _window_limit(declaration: Declaration, _: Certificate, moment: datetime) -> datetime:
    return moment if declaration.window is None else open_from(declaration.window, moment)


_LIMITS: Final[tuple[Limit, ...]] = (_soak_limit, _freeze_limit, _window_limit)
TIME_POLICIES: Final = (freeze, soak, window)
