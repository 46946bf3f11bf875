"""Errors of writes of communication systems: what happened, what the block trusts, what to do. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btp_trust.errors import EngineExited, OutcomeUnknown, Refused, SystemChanged, TrustError, WriteNotApplied
from btp_trust.service.certificate_field import describe, describe_identity
from btp_trust.service.communication_systems import SystemTrust

if TYPE_CHECKING:
    from btp_trust.runtime.communication_systems import CommunicationSystem


def changed(system: CommunicationSystem, expected: str, now: SystemTrust) -> SystemChanged:
    """Return the error of a block that holds something else than was planned for."""
    return SystemChanged(
        f"{system.label} changed since this was planned: another client wrote.",
        f"Planned for: {describe_identity(expected)}. Found: {describe(now.field)}. It stays as found.",
        "Run `pulumi preview` and read the new plan; the change may have had a reason.",
    )


def unresolved(
    system: CommunicationSystem, before: SystemTrust, wanted: SystemTrust, now: SystemTrust | None, cause: TrustError
) -> TrustError:
    """Return the error of a write whose attempts are used up.

    Args:
        system: The block.
        before: What it trusted before.
        wanted: What it was to trust.
        now: What a reading after the last attempt has shown; None if that failed.
        cause: Why the last attempt failed.
    """
    kind = OutcomeUnknown if now is None else WriteNotApplied
    state = "It could not be read afterwards" if now is None else "It trusts what it trusted before"
    return kind(
        f"The certificate of {system.label} could not be set: {cause.what}",
        f"{state}: {describe(before.field)}. Wanted: {describe(wanted.field)}. {cause.why}",
        "Run the same command again once the system answers: it reads the system first. To act at once, let its "
        "administrator upload the certificate.",
    )


def ignored(system: CommunicationSystem, before: SystemTrust, wanted: SystemTrust) -> WriteNotApplied:
    """Return the error of a write that was answered with success, and changed nothing."""
    return WriteNotApplied(
        f"{system.label} answered that the certificate was saved, and still has the earlier one.",
        f"It trusts {describe(before.field)}. Sent: {describe(wanted.field)}. A service may accept a property and "
        "ignore its value.",
        "Let its administrator upload the certificate; and look whether the app Communication Systems lets people "
        "alone change that field.",
    )


def engine_exited(system: CommunicationSystem, before: SystemTrust) -> EngineExited:
    """Return the error of a write that was kept back because Pulumi has ended."""
    return EngineExited(
        f"The certificate of {system.label} was not sent: Pulumi has ended in the meantime.",
        f"The state would miss its outcome, and another run may have begun. It trusts {describe(before.field)}.",
        "Run `pulumi cancel` if the stack is locked, then `pulumi up` again: it reads the system first.",
    )


def unknown_format(system: CommunicationSystem, now: SystemTrust) -> Refused:
    """Return the refusal to write a field whose format nothing tells."""
    return Refused(
        f"The format of the certificate field of {system.label} is unknown.",
        f"It holds {describe(now.field)}, which shows no format.",
        'Upload a certificate there once, which shows the format; or give certificate_format="certificate" '
        '(DER in base64), "pem" or "key" (the public key alone).',
        prop="certificate_format",
    )
