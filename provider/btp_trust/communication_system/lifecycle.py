"""CommunicationSystemTrust: adopt and follow what a block trusts; let it trust the declared certificate."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from btp_trust.communication_system import messages
from btp_trust.communication_system.plan import SystemStep, decide, is_as_declared
from btp_trust.communication_system.schema import (
    PREVIEW_ONLY,
    SystemTrustArgs,
    SystemTrustInputs,
    SystemTrustState,
)
from btp_trust.errors import Refused
from btp_trust.formatting import format_rfc3339
from btp_trust.property_bag import PropertyBag, from_bag, same_arguments, to_bag, with_changes
from btp_trust.runtime import operation_context
from btp_trust.runtime.command_plan import SystemPlan
from btp_trust.runtime.communication_systems import CommunicationSystem
from btp_trust.runtime.comparison import Comparison, Notice
from btp_trust.runtime.lifecycle import Lifecycle, args_as
from btp_trust.runtime.reading import ReadingUnavailable, diff_without_reading, warn_unchecked
from btp_trust.runtime.session import Session
from btp_trust.runtime.system_reading import SystemRead, open_system, read_system
from btp_trust.runtime.system_writes import prepare_write
from btp_trust.service import certificate_field
from btp_trust.service.communication_systems import SystemTrust


def check(session: Session, args: SystemTrustArgs, old: SystemTrustInputs | None) -> SystemTrustInputs:
    """Plan: what the block trusts after this deployment, and the write if one is due."""
    if old is not None and (old.system, old.block) != (args.system, args.block):
        raise messages.moved(args, old)
    reading = _read(session, args, old.tenant if old else None)
    if isinstance(reading, ReadingUnavailable):
        return _plan_without_reading(args, old, reading)
    plan = session.plans.of_system(reading.system.address)
    if not plan.declare(args):
        raise messages.second(args)
    step = decide(args, reading.trust, old.write if old else None, exists=old is not None, switched_to=plan.switched_to)
    plan.is_write_due = step.is_due
    if old is None:  # a creation has no diff
        session.print_notices(_adoption_notices(args, reading.trust, step))
    return with_changes(
        SystemTrustInputs,
        args,
        tenant=reading.system.tenant,
        trusted=_as_list(step.trusted),
        provider_name=reading.trust.provider_name or None,
        active=reading.trust.is_active,
        write=step.write,
    )


def diff(session: Session, state: SystemTrustState, new: SystemTrustInputs) -> Comparison:
    """Find out whether an update is due: a write, a changed argument, or another content than recorded."""
    arguments_changed = not same_arguments(new, state, SystemTrustArgs)
    try:
        reading = _read(session, new, new.tenant)
    except Refused as error:
        _require_gone(error)  # a refresh has warned of it; check refuses it in every other command
        return Comparison(is_update_due=True)
    if isinstance(reading, ReadingUnavailable):
        return diff_without_reading(session, reading, state, arguments_changed=arguments_changed)
    plan = session.plans.of_system(reading.system.address)
    # A refresh compares as well, with the inputs of the last deployment, and plans nothing.
    is_planned = plan.declared is not None
    notices = _change_notices(session, state, new, reading.trust, plan) if is_planned else ()
    recorded = (state.trusted, state.provider_name, state.active)
    is_behind = (new.trusted, new.provider_name, new.active) != recorded or state.drift is not None
    return Comparison(arguments_changed or is_behind or (is_planned and plan.is_write_due), notices)


def create(session: Session, new: SystemTrustInputs) -> tuple[str, PropertyBag]:
    """Adopt what the block trusts; nothing is sent."""
    system = _open(session, new)
    return f"{system.tenant}/{new.system}/{new.block}", _outputs(new, system, system.trust())


def update(session: Session, _bag: PropertyBag, new: SystemTrustInputs) -> PropertyBag:
    """Write the declared certificate if that was planned; bring the outputs up to date."""
    system = _open(session, new)
    plan = session.plans.of_system(system.address)
    # The lock is held over all: a RotationTrigger of this command may switch the same block over.
    with system.lock:
        return _outputs(new, system, _write(system, new) if _is_write_due(new, plan) else system.read())


def read(session: Session, bag: PropertyBag) -> PropertyBag:
    """Find out what the block trusts; a system that is gone stays in the state."""
    state = from_bag(bag, SystemTrustState)
    try:
        reading = _read(session, state, state.tenant)
    except Refused as error:
        _require_gone(error)
        session.warn(*messages.gone(error))
        return {**bag, "drift": error.what}
    if isinstance(reading, ReadingUnavailable):
        warn_unchecked(session, reading, state)
        return bag
    identity = certificate_field.identity(reading.trust.field)
    lasting = {name: value for name, value in bag.items() if name not in {"provider_name", "not_after"}}
    # What an earlier refresh has found stays to be approved until a deployment records it.
    if _as_list(identity) == state.trusted:
        return {**lasting, **_observed(reading.trust)}
    # A RotationTrigger looks at its systems in check, which a refresh leaves out.
    session.print_notices(_unexplained_notices(session, state, replace(state, switched_by=None), reading.trust))
    recorded = next(iter(state.trusted), "")
    return {**lasting, **_observed(reading.trust), "drift": messages.changed(identity, recorded, state.observed_at)[0]}


def delete(session: Session, state: SystemTrustState) -> None:
    """Leave the system as it is: its administrator alone may end its trust."""
    operation_context.current().enter_system(f"{state.system} ({state.block})")
    session.print_once(messages.stays(state.trusted))


def _read(session: Session, args: SystemTrustArgs, tenant: str | None) -> SystemRead | ReadingUnavailable:
    return read_system(session, args.connection, args.system, args.block, tenant)


def _require_gone(error: Refused) -> None:
    """Raise an error that has another reason than a system that is gone."""
    if error.prop != "system":
        raise error


def _open(session: Session, new: SystemTrustInputs) -> CommunicationSystem:
    return open_system(session, new.connection, new.system, new.block, new.tenant)


def _plan_without_reading(
    args: SystemTrustArgs, old: SystemTrustInputs | None, unavailable: ReadingUnavailable
) -> SystemTrustInputs:
    if old is None or not same_arguments(args, old, SystemTrustArgs):
        unavailable.refuse_due_changes()
    if old is None:
        return with_changes(SystemTrustInputs, args)
    found = {name: getattr(old, name) for name in ("tenant", "trusted", "provider_name", "active", "write")}
    return with_changes(SystemTrustInputs, args, **found)


def _adoption_notices(args: SystemTrustArgs, trust: SystemTrust, step: SystemStep) -> list[Notice]:
    content = certificate_field.parse_field(trust.field)
    lines = [messages.trusts(trust, step.trusted, content.not_after if content else None)]
    if step.is_left:
        lines.append(messages.left_by_creation(args.declared, step.trusted))
    return list(map(Notice, lines))


def _change_notices(
    session: Session, state: SystemTrustState, new: SystemTrustInputs, trust: SystemTrust, plan: SystemPlan
) -> tuple[Notice, ...]:
    """Return the lines about a change: who made it, if that is unknown, and what this deployment does."""
    identity = certificate_field.identity(trust.field)
    if plan.is_write_due and new.write is not None:
        return (*_unexplained_notices(session, state, new, trust), Notice(new.write.step))
    if _as_list(identity) == state.trusted or new.certificate is None:
        return _unexplained_notices(session, state, new, trust)
    return (Notice(messages.recorded_only(identity)),)


def _unexplained_notices(
    session: Session, state: SystemTrustState, args: SystemTrustArgs, trust: SystemTrust
) -> tuple[Notice, ...]:
    """Return the warning of a change that is none of this stack, unless another resource knows more of it."""
    identity = certificate_field.identity(trust.field)
    is_ours = args.certificate is not None and is_as_declared(args, trust)
    if _as_list(identity) == state.trusted or is_ours or args.switched_by is not None:
        return ()
    recorded = next(iter(state.trusted), "")
    return (session.warning(*messages.changed(identity, recorded, state.observed_at)),)


def _is_write_due(new: SystemTrustInputs, plan: SystemPlan) -> bool:
    """Return True if a check of this command has planned the write, and no RotationTrigger does another one."""
    return plan.is_write_due and new.write is not None and plan.switched_to is None


def _write(system: CommunicationSystem, new: SystemTrustInputs) -> SystemTrust:
    """Let the block trust the declared certificate, if it still trusts what the preview showed."""
    declared, planned = new.declared, new.write
    if declared is None or planned is None:  # pragma: no cover - a due write has both
        raise AssertionError(new.system)
    expected = "" if planned.only_if_trusted == messages.NOTHING else planned.only_if_trusted
    write = prepare_write(system, declared, expected, new.certificate_format, rehearse=False)
    write.send()
    return write.confirm()


def _as_list(identity: str) -> list[str]:
    return [identity] if identity else []


def _observed(trust: SystemTrust) -> PropertyBag:
    """Return the outputs that a reading shows."""
    content = certificate_field.parse_field(trust.field)
    found = {
        "trusted": _as_list(certificate_field.identity(trust.field)),
        "provider_name": trust.provider_name or None,
        "active": trust.is_active,
        "not_after": format_rfc3339(content.not_after) if content and content.not_after else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _outputs(new: SystemTrustInputs, system: CommunicationSystem, trust: SystemTrust) -> PropertyBag:
    return {
        **to_bag(new, *PREVIEW_ONLY, "provider_name"),
        "block": new.block.value,
        "tenant": system.tenant,
        **_observed(trust),
        "observed_at": format_rfc3339(system.now),
    }


LIFECYCLE: Final = Lifecycle(
    args=args_as(SystemTrustArgs),
    inputs=SystemTrustInputs,
    state=SystemTrustState,
    check=check,
    diff=diff,
    create=create,
    update=update,
    read=read,
    delete=delete,
)
