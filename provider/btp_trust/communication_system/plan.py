"""Decide what a CommunicationSystemTrust does about its block: follow it, or write the declared certificate."""

from __future__ import annotations

from msgspec import Struct

from btp_trust.certificate import Certificate
from btp_trust.communication_system import messages
from btp_trust.communication_system.schema import PlannedWrite, SystemTrustArgs
from btp_trust.property_bag import UNKNOWN
from btp_trust.service import certificate_field
from btp_trust.service.certificate_field import FieldFormat
from btp_trust.service.communication_systems import SystemTrust


class SystemStep(Struct, frozen=True):
    """What is planned for the block."""

    trusted: str
    """Identity of what it trusts after this deployment."""
    write: PlannedWrite | None
    """For the inputs: the write of this command, else the last one."""
    is_due: bool = False
    is_left: bool = False
    """Whether a creation leaves the declared certificate to the next deployment."""


def decide(
    args: SystemTrustArgs,
    trust: SystemTrust,
    last: PlannedWrite | None,
    *,
    exists: bool,
    switched_to: Certificate | None = None,
) -> SystemStep:
    """Decide the step.

    Args:
        args: The arguments.
        trust: What the block trusts.
        last: The last write that was planned.
        exists: Whether the resource is in the state already; creating it never writes.
        switched_to: The certificate to which a RotationTrigger of this command is about to switch the block over.
    """
    identity = certificate_field.identity(trust.field)
    if switched_to is not None:
        return SystemStep(_identity_after(args, trust, switched_to), last)
    if is_as_declared(args, trust):
        return SystemStep(identity, last)
    if not exists:
        return SystemStep(identity, last, is_left=True)
    declared = args.declared
    write = PlannedWrite(
        number=1 + (0 if last is None else last.number),
        step=messages.step(declared, identity),
        only_if_trusted=messages.identity_text(identity),
        becomes=messages.becomes(declared),
    )
    return SystemStep(_identity_after(args, trust, declared), write, is_due=True)


def is_as_declared(args: SystemTrustArgs, trust: SystemTrust) -> bool:
    """Whether the block trusts what the program declares, or the program declares nothing."""
    if args.certificate == UNKNOWN:
        return False
    declared = args.declared
    return declared is None or certificate_field.trusts(trust.field, declared)


def _identity_after(args: SystemTrustArgs, trust: SystemTrust, declared: Certificate | None) -> str:
    if declared is None:
        return UNKNOWN
    format_ = certificate_field.tell_format(trust.field) or args.certificate_format
    return declared.key_identity if format_ is FieldFormat.KEY else declared.fingerprint
