"""Texts about a block of a communication system: the step, what was found, and the refusals. Pure."""

from __future__ import annotations

from datetime import datetime

from btp_trust.certificate import Certificate
from btp_trust.communication_system.schema import SystemTrustArgs
from btp_trust.errors import Refused
from btp_trust.formatting import describe_certificate, format_day
from btp_trust.property_bag import UNKNOWN
from btp_trust.service.certificate_field import describe_identity
from btp_trust.service.communication_systems import SystemTrust

NOTHING = "nothing"


def identity_text(identity: str) -> str:
    """Write what a field holds as a precondition: whole, so that it can be compared."""
    return identity or NOTHING


def becomes(declared: Certificate | None) -> str:
    """Name the certificate that a block is to trust."""
    return UNKNOWN if declared is None else describe_certificate(declared)


def step(declared: Certificate | None, identity: str) -> str:
    """Say what is written, and what that does."""
    before = describe_identity(identity)
    if declared is None:
        return f"trust the certificate that this deployment finds, in place of {before} (unknown in this preview)"
    return f"trust {describe_certificate(declared)} in place of {before}: what is signed with any other key is refused"


def trusts(trust: SystemTrust, identity: str, not_after: datetime | None) -> str:
    """Say what a block trusts that a resource adopts."""
    end = f", expires {format_day(not_after)}" if not_after else ""
    state = "active" if trust.is_active else "inactive: it refuses every assertion"
    provider = f"provider name {trust.provider_name!r}" if trust.provider_name else "no provider name"
    return f"adopt what is there, and send nothing: it trusts {describe_identity(identity)} ({provider}{end}, {state})"


def left_by_creation(declared: Certificate | None, identity: str) -> str:
    """Warn of a declared certificate that a creation leaves to the next deployment."""
    wanted = "another certificate" if declared is None else describe_certificate(declared)
    return (
        f"warning: it trusts {describe_identity(identity)}, and `certificate` declares {wanted}. Creating a "
        "CommunicationSystemTrust changes nothing. The next `pulumi preview` shows the write, and `pulumi up` does it."
    )


def changed(identity: str, recorded: str, since: str | None) -> tuple[str, str, str]:
    """Warn of a block that trusts something else than was recorded, for a reason outside of this stack."""
    record = f"The last deployment recorded {describe_identity(recorded)} ({since or 'at an unknown date'})."
    return (
        f"The certificate was changed: it trusts {describe_identity(identity)} now.",
        f"{record} Calls that are signed with another key are refused.",
        "Find out who changed it, in the app Communication Systems. `pulumi preview` shows what this deployment does.",
    )


def recorded_only(identity: str) -> str:
    """Say that the declared certificate is there already, as after a run that was killed before it could record."""
    return f"trusts {describe_identity(identity)} already: this deployment records it, and nothing is written"


def gone(error: Refused) -> tuple[str, str, str]:
    """Warn of a system that a refresh has missed."""
    return error.what, f"{error.why} The state keeps the resource.", f"{error.remedy} Or remove the resource."


def stays(trusted: list[str]) -> str:
    """Say what a removal leaves behind; it sends nothing, so that this is as old as the last reading."""
    last = describe_identity(next(iter(trusted), ""))
    return f"the removal leaves the system as it is, and reads nothing: it trusted {last} at the last reading"


def moved(args: SystemTrustArgs, old: SystemTrustArgs) -> Refused:
    """Return the refusal to turn a resource to another block or system."""
    prop = "system" if args.system != old.system else "block"
    return Refused(
        f"A CommunicationSystemTrust of {old.system} ({old.block}) cannot move to {args.system} ({args.block}).",
        "What it recorded is about that block; the other one would be written unseen.",
        f'Restore {prop}="{getattr(old, prop)}"; a resource for the other one needs a name of its own.',
        prop=prop,
    )


def second(args: SystemTrustArgs) -> Refused:
    """Return the refusal of a second resource for one block."""
    return Refused(
        f"A second CommunicationSystemTrust for {args.system} ({args.block}).",
        "Both connections reach the same block, which holds one certificate; two resources would undo each other.",
        "Remove one, or give it another system= or block=.",
        prop="system",
    )
