"""Texts about the systems that change over with the signer. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from btp_trust.certificate import Certificate
from btp_trust.errors import Refused, RollbackFailed, SystemChanged, TrustError
from btp_trust.formatting import format_rfc3339, short_fingerprint
from btp_trust.rotation.switchover.schema import OnSwitchFailure
from btp_trust.service import certificate_field
from btp_trust.service.communication_systems import SystemTrust
from btp_trust.snapshot import Snapshot


class Problem(NamedTuple):
    """What a person has to resolve: what, why, and what to do."""

    what: str
    why: str
    remedy: str


def step(*, has_swap: bool) -> str:
    """Say what is done to the systems."""
    if has_swap:
        return "right after the swap each system gets the certificate that signs then, all at the same time"
    # After an interrupted run, or a change by hand: the system alone shows both alike.
    return "the certificate signs already: each system that trusts the other one gets it, without a swap"


def gap(*, has_swap: bool) -> str:
    """Say for how long calls to a system are refused."""
    if has_swap:
        return "a system refuses calls from the swap until it has taken the certificate: about two requests"
    return "each system that still trusts the other certificate refuses calls now"


def consequence(policy: OnSwitchFailure, *, has_swap: bool) -> str:
    """Say what a system causes that refuses the certificate, or is out of reach."""
    if policy is OnSwitchFailure.CONTINUE:
        return "if one refuses or is out of reach, the signer stays, and a page says what its administrator uploads"
    if has_swap:
        return "if one refuses or is out of reach, the swap and all systems are rolled back"
    return "the command ends with an error, and the next one tries again"


def switches(name: str, before: str, after: str, *, has_swap: bool) -> str:
    """Say in a preview that a system is to switch over."""
    return (
        f"{name} switches over from {before} to {after}; it refuses calls {'meanwhile' if has_swap else 'until then'}"
    )


def left_to_people(new: str) -> str:
    """Say what becomes of a system whose reading failed before the swap."""
    return f"{new}, once somebody uploads it or the next deployment reaches the system"


def trusts_other(name: str, found: SystemTrust, to: Certificate, *, has_swap: bool) -> Problem:
    """Explain a system that trusts a certificate from outside of the slots, or has an empty field."""
    then = f"; then rotate to {short_fingerprint(to.fingerprint)}" if has_swap else ""
    remedy = (
        "If this system is meant, let it trust the active certificate first: CommunicationSystemTrust(…, "
        f"certificate=…), deploy{then}. Else take it out of switches=."
    )
    why = "a switchover exchanges only the two certificates in the slots."
    if not certificate_field.identity(found.field):
        return Problem(f"{name} trusts no certificate.", f"Its field is empty; {why}", remedy)
    provider = f"Its provider name is {found.provider_name!r}. " if found.provider_name else ""
    return Problem(
        f"{name} trusts {certificate_field.describe(found.field)}, from outside of the slots.",
        f"{provider}It may belong to another subaccount, which would lose its trust; so {why}",
        remedy,
    )


def unread(name: str, error: TrustError, *, has_swap: bool) -> Problem:
    """Explain a system whose reading failed, where the command goes on."""
    effect = "It refuses calls from the swap on, until it has the certificate." if has_swap else "It was left alone."
    return Problem(f"Reading {name} failed: {error.what}", f"{error.why} {effect}", error.remedy)


def left_by_creation(names: Sequence[str], to: Certificate) -> str:
    """Warn of systems that trust the passive certificate when the trigger is created, which only records."""
    verb = "trusts" if len(names) == 1 else "trust"
    return (
        f"warning: {', '.join(names)} {verb} the passive certificate, and {short_fingerprint(to.fingerprint)} signs. "
        "Calls to such a system are refused. Creating a RotationTrigger only records. Run `pulumi preview` after this "
        "deployment: it shows the switchover, and `pulumi up` performs it."
    )


def changed_since_plan(name: str, planned: str, found: str) -> SystemChanged:
    """Return the error of a system that trusts another certificate than the preview showed."""
    return SystemChanged(
        f"{name} changed since this was planned.",
        f"Planned for: {planned}. Found: {found}.",
        "Run `pulumi preview` and read the new plan; the change may have had a reason.",
    )


def incomplete_error(generation: str, failures: Mapping[str, TrustError]) -> RollbackFailed:
    """Return the error of a switchover without a swap that has left systems behind."""
    return RollbackFailed(
        f"Generation {generation!r} signs, and {_names(failures)} failed to switch over: calls are refused there.",
        _reasons(failures),
        "Run `pulumi up` again once that is resolved, or let an administrator upload the certificate. To return to the "
        'previous signer: declare its generation and on_drift="restore", and deploy.',
    )


def rolled_back_error(
    generation: str, earlier: str | None, failures: Mapping[str, TrustError], since: datetime, after: Snapshot
) -> Refused:
    """Explain a swap that was rolled back because a system failed to switch over.

    Args:
        generation: The generation that was to sign.
        earlier: Name of the generation that signs again, if it has one.
        failures: {system: why it failed to switch over}.
        since: When the swap was, UTC.
        after: The slots since the rollback.
    """
    name = f" ({earlier})" if earlier else ""
    declared = f'generation="{earlier}"' if earlier else "to a name of the present signer"
    return Refused(
        f"Generation {generation!r} was rolled back: {_names(failures)} failed to switch over.",
        f"{after.slots.active or ''}{name} signs again.\n{_reasons(failures)}\nThe systems refused calls at most from "
        f"{format_rfc3339(since)} to {format_rfc3339(after.now)}.",
        f"Revert the change of `generation` ({declared}) and deploy; resolve the cause, then declare {generation!r} "
        'again; with on_switch_failure="continue" that leaves such a system to its administrator. Until the revert is '
        "deployed, this generation is refused.",
    )


def rollback_failed_error(generation: str, failures: Mapping[str, TrustError], error: TrustError) -> RollbackFailed:
    """Explain a swap whose rollback failed after a system failed to switch over."""
    return RollbackFailed(
        f"Generation {generation!r} signs, {_names(failures)} failed to switch over, and the rollback failed: "
        "calls are refused there now.",
        f"{_reasons(failures)}\nThe rollback: {error.what} {error.why}",
        "Run `pulumi up` again at once: it reads the slots and the systems, and plans what is left to be done.",
    )


def unknown_rollback_error(
    generation: str, failures: Mapping[str, TrustError], what_failed: str, until: datetime
) -> Refused:
    """Explain a swap whose rollback has an unknown outcome, after a system failed to switch over."""
    return Refused(
        f"Generation {generation!r}: {_names(failures)} failed to switch over. The rollback was sent, and its "
        "outcome is unknown: calls may be refused now.",
        f"{_reasons(failures)}\n{what_failed} Then reading the slots failed.",
        f"Wait until {format_rfc3339(until)}, then run `pulumi up` again: it reads the slots and the systems.",
    )


def left_by_rollback(failures: Mapping[str, TrustError], certificate: Certificate) -> str:
    """Say which systems a rollback has left behind."""
    if not failures:
        return ""
    return (
        "\nThe signer was rolled back, and these systems still trust the other certificate, so that they refuse "
        f"calls: {_reasons(failures)} Let their administrators upload {certificate.fingerprint}, or deploy once more "
        "after the change of `generation` is reverted."
    )


def left_behind(failures: Mapping[str, TrustError], generation: str) -> str:
    """Explain systems that were left behind by a swap that goes on."""
    return (
        f"generation {generation!r} signs, and {_names(failures)} failed to switch over: calls are refused "
        f"there.\n{_reasons(failures)}\nLet its administrator upload the certificate as the page says, or run "
        "`pulumi up` again once the system takes it."
    )


def _names(failures: Mapping[str, TrustError]) -> str:
    return ", ".join(failures)


def _reasons(failures: Mapping[str, TrustError]) -> str:
    return "\n".join(f"{name}: {error.what} {error.why}" for name, error in failures.items())


def switched(name: str, signer: str, gap: float | None) -> str:
    """Say that a system was switched over, and for how many seconds it refused calls at most."""
    return f"{name} trusts {signer} now" + ("" if gap is None else f"; it refused calls for {gap:.1f} s at most")


def caught_up(name: str, signer: str) -> str:
    """Say that a system that was left behind trusts the signer since."""
    return f"{name}, which was left behind, trusts {signer} now: this deployment records it"


def forgotten(name: str, signer: str) -> str:
    """Warn of a system that was left behind, and that the program has taken out of the list."""
    return (
        f"warning: {name}, which was left behind, is in switches no more: it refuses calls until its administrator has "
        f"uploaded {signer}"
    )
