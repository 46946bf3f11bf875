"""Warnings of RotationTrigger about the signer: another one than declared, and its expiry. It knows the targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from btp_trust.certificate import Certificate
from btp_trust.formatting import short_fingerprint
from btp_trust.rotation.decision import Action, Decision
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.schema import OnDrift, RotationInputs, RotationState
from btp_trust.rotation.target_status import target_statuses
from btp_trust.runtime import signer_warnings as runtime_warnings
from btp_trust.runtime.command_plan import CommandPlan
from btp_trust.runtime.comparison import Notice
from btp_trust.runtime.expiry import ExpiryContext, successor_of
from btp_trust.runtime.session import Session
from btp_trust.runtime.signer_warnings import SignerChange, between_sentence, since, validity_of
from btp_trust.snapshot import Snapshot, has_fingerprint
from btp_trust.trusted_by.statements import TrustStatus


def signer_notices(
    session: Session, state: RotationState, new: RotationInputs, snapshot: Snapshot, command_plan: CommandPlan
) -> list[Notice]:
    """Return the warnings of another signer than the declared one, and of its expiry."""
    drift = command_plan.signer_warning
    expiry = expiry_notices(session, new, snapshot, command_plan)
    if drift is None or snapshot.active is None:
        return [*expiry]
    what, why, remedy = drift
    if command_plan.refreshed_drift is not None and command_plan.refreshed_drift[:2] == (
        new.declared_fingerprint,
        snapshot.active.fingerprint,
    ):
        return [*_rest_of_drift(session, new, command_plan.refreshed_drift, remedy), *expiry]
    return [session.warning(what, f"{_since(state, new.generations, snapshot.active)} {why}", remedy), *expiry]


def _rest_of_drift(
    session: Session, new: RotationInputs, refreshed: tuple[str, str, str], remedy: str
) -> Iterator[Notice]:
    """Return what the refresh of this command has left unsaid of the same drift: it does without the program."""
    _, active, known_remedy = refreshed
    systems = _unswitched_sentence(new)
    if systems or remedy != known_remedy:
        signer = short_fingerprint(active)
        yield session.warning(
            f"{signer} signs, as the refresh has found.", f"The slots stay as they are.{systems}", remedy
        )


def expiry_notices(
    session: Session, new: RotationInputs, snapshot: Snapshot, command_plan: CommandPlan
) -> tuple[Notice, ...]:
    """Return the warning of a signer that expires, with the targets that lack its successor."""
    declaration = Declaration(
        **new.arguments,
        recorded_generations=new.generations,
        valid_until=command_plan.valid_until,
    )
    context = ExpiryContext(
        names=new.generations,
        pending_generation=command_plan.pending_generation,
        next_signer=command_plan.next_signer,
        postponed_until=command_plan.postponed_until,
        declared=new.declared_fingerprint,
        has_trigger=True,
        has_targets=bool(declaration.trusted_by),
        waiting=_waiting_targets(declaration, snapshot),
    )
    return runtime_warnings.expiry_notices(session, snapshot, context)


def warn_in_refresh(session: Session, state: RotationState, snapshot: Snapshot, command_plan: CommandPlan) -> None:
    """Warn of the signer by the state alone: a refresh does not run the program.

    Raises:
        Refused: Another one signs than the last deployment declared, and `btp-trust:strict` is set.
    """
    declaration = declaration_of_state(state, command_plan.recorded_names)
    drift = _recorded_drift(session, declaration, state, snapshot, command_plan)
    context = recorded_expiry_context(declaration, snapshot)
    session.print_notices(drift)
    session.print_notices(runtime_warnings.expiry_notices(session, snapshot, context, may_fail=False))


def declaration_of_state(state: RotationState, names: Mapping[str, str]) -> Declaration:
    """Return what the last deployment declared, by the state alone.

    Args:
        state: The outputs.
        names: {generation: fingerprint} that a PassiveTrustCertificate has recorded.
    """
    generations = {**names, state.generation: state.declared_fingerprint}
    return Declaration(**state.arguments, recorded_generations=generations)


def recorded_expiry_context(declaration: Declaration, snapshot: Snapshot) -> ExpiryContext:
    """Return what the state knows about the replacement of the signer."""
    return ExpiryContext(
        names=declaration.generations,
        declared=declaration.declared_fingerprint,
        has_trigger=True,
        has_targets=bool(declaration.trusted_by),
        waiting=_waiting_targets(declaration, snapshot),
    )


def recorded_change(declaration: Declaration, state: RotationState, snapshot: Snapshot) -> SignerChange | None:
    """Return the change of the signer since the last deployment, or None while the declared one signs."""
    active, declared = snapshot.active, state.declared_fingerprint
    if active is None or has_fingerprint(active, declared):
        return None
    affected = _affected_targets(declaration, active, snapshot)
    between = signer_between(state, active)
    return SignerChange(declared, active, snapshot, state.observed_at, declaration.generations, affected, between)


def signer_between(state: RotationState, active: Certificate) -> str | None:
    """Return the signer of an earlier drift, which the last deployment recorded and left, if another one signs now."""
    is_other = state.deployed_signer not in (state.declared_fingerprint, active.fingerprint)
    return state.deployed_signer if is_other else None


def drift_warning(declaration: Declaration, decision: Decision, snapshot: Snapshot) -> tuple[str, str, str] | None:
    """Return the warning of another signer than the declared one, in three parts, or None."""
    if decision.action not in (Action.REPORT, Action.WARN) or snapshot.active is None:
        return None
    affected = _affected_targets(declaration, snapshot.active, snapshot)
    what = f"{decision.message}."
    affected = f"{affected}{_unswitched_sentence(declaration)}"
    why = f"{affected} The signer is {validity_of(snapshot.active)}. {decision.evidence}"
    return what, why, decision.remedies


def _unswitched_sentence(args: RotationInputs | Declaration) -> str:
    systems = ", ".join(switch.name for switch in args.switches)
    return f" The systems in switches ({systems}) stay as they are, too." if systems else ""


def _recorded_drift(
    session: Session,
    declaration: Declaration,
    state: RotationState,
    snapshot: Snapshot,
    command_plan: CommandPlan,
) -> list[Notice]:
    """Return the drift as a refresh sees it, which gets the state alone."""
    if (change := recorded_change(declaration, state, snapshot)) is None:
        return []
    if state.on_drift is OnDrift.RESTORE and change.was_swapped:
        # Never an error: the next deployment undoes it.
        return [Notice(f"warning: {change.what} {change.why} The next `pulumi up` restores the declared signer.")]
    name = declaration.generation_of(change.active)
    remedy = (
        "Run `pulumi preview`: it prints the arguments that accept or undo it."
        if name is None
        else f'To accept it: generation="{name}". To undo it: on_drift="restore".'
    )
    command_plan.refreshed_drift = (state.declared_fingerprint, change.active.fingerprint, remedy)
    return [session.warning(change.what, change.why, remedy)]


def _since(state: RotationState, names: Mapping[str, str], active: Certificate) -> str:
    # A deployment records the drift, and leaves it: then it is older than the last reading.
    if has_fingerprint(active, state.deployed_signer):
        return f"Recorded at {state.rotated_at}."
    return f"{since(active, state.observed_at)}{between_sentence(signer_between(state, active), names)}"


def _affected_targets(declaration: Declaration, active: Certificate, snapshot: Snapshot) -> str:
    """Say which targets reject users, as far as the program tells."""
    lacking = _lacking_targets(declaration, active, snapshot)
    fingerprint = short_fingerprint(active.fingerprint)
    if not lacking:
        return f"Targets that lack {fingerprint} reject every user."
    return f"Targets that lack {fingerprint} reject every user ({'; '.join(lacking)})."


def _waiting_targets(declaration: Declaration, snapshot: Snapshot) -> tuple[str, ...]:
    """Return the targets that have yet to get the successor of the signer, each with its reason."""
    successor = successor_of(snapshot)
    return () if successor is None else _lacking_targets(declaration, successor, snapshot)


def _lacking_targets(declaration: Declaration, certificate: Certificate, snapshot: Snapshot) -> tuple[str, ...]:
    """Return the targets that are not known to trust a certificate, each with what is known."""
    statuses = target_statuses(declaration, certificate, snapshot)
    return tuple(f"{status.target}: {status.sentence}" for status in statuses if status.status is not TrustStatus.YES)
