"""RotationTrigger: who shall sign, and whether a swap is due, allowed, or only to be reported."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from btp_trust.certificate import Certificate
from btp_trust.formatting import format_rfc3339, propose_free_name, short_fingerprint
from btp_trust.rotation.decision import Action, Decision, Reason, refuse
from btp_trust.rotation.declaration import Declaration, OnDrift, swappable_certificate
from btp_trust.rotation.messages import (
    accept_hint,
    generation_arguments,
    label,
    refuse_restore_and_generate,
    refuse_same_command,
)
from btp_trust.rotation.target_gate import PREVIEW_WIDTH, summarize, target_statuses, trust_warning, untrusted
from btp_trust.runtime.command_plan import second_name_refusal
from btp_trust.snapshot import Snapshot, has_fingerprint

Policy = Callable[[Declaration, Snapshot], Decision | None]


def decide(declaration: Declaration, snapshot: Snapshot) -> Decision:
    """Decide what a RotationTrigger does in this command: the first policy that answers."""
    policies = CREATE_POLICIES if declaration.deployed_generation is None else UPDATE_POLICIES
    target_statuses = (policy(declaration, snapshot) for policy in policies)
    return next(answer for answer in target_statuses if answer is not None)


def no_active_certificate(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """Nothing can be declared about a slot that was never filled."""
    if snapshot.active is not None:
        return None
    is_new_declaration = declaration.deployed_generation is None
    return refuse(
        Reason.NO_ACTIVE,
        f"Subaccount {snapshot.subaccount_id} has no active trust certificate{' yet' if is_new_declaration else ' any more'}.",
        "A RotationTrigger swaps the active certificate with the passive one; there is none to swap.",
        "Deploy ActiveTrustCertificate(…, generate=True) alone first, then add the RotationTrigger."
        if is_new_declaration
        else "Look into the cockpit (Connectivity > Destination Trust). To begin anew: remove all three resources, "
        "deploy, then deploy ActiveTrustCertificate(…, generate=True) alone.",
    )


def rebound(declaration: Declaration, _: Snapshot) -> Decision | None:
    """A name is bound to one fingerprint for ever."""
    for prop, names, bound in (
        (
            "known_generations",
            declaration.known_generations,
            {**declaration.candidate_generations, **declaration.recorded_generations},
        ),
        ("candidate", declaration.candidate_generations, declaration.recorded_generations),
    ):
        for name, fingerprint in names.items():
            if bound.get(name, fingerprint) != fingerprint:
                return _rebound(prop, name, fingerprint, bound[name], declaration)
    return None


def _rebound(prop: str, name: str, fingerprint: str, bound: str, declaration: Declaration) -> Decision:
    free = propose_free_name(name, declaration.generations)
    pasted = (
        f'generation="{free}", adopt="{fingerprint}" on PassiveTrustCertificate'
        if prop == "candidate"
        else f"known_generations={json.dumps({free: fingerprint})}"
    )
    return refuse(
        Reason.REBOUND,
        f"`{prop}` says that generation {name!r} is certificate {fingerprint}.",
        f"It is recorded as {bound}, and a name is bound to one certificate for ever.",
        f"Give that certificate a name that was not used before: {pasted}.",
        prop=prop,
    )


def second_name(declaration: Declaration, _: Snapshot) -> Decision | None:
    """The candidate has taken up, or is about to, what has another name, and the program does not name it."""
    name = declaration.candidate
    taken = declaration.candidate_generations.get(name) if name is not None else None
    if (
        name is None
        or taken is None
        or taken == declaration.adopted_fingerprint
        or name in declaration.eligible_generations
    ):
        return None
    known_as = next((known for known, bound in declaration.eligible_generations.items() if bound == taken), None)
    if known_as is None:
        return None
    free = propose_free_name(name, declaration.generations)
    alternative = f'replace="{taken}"' if declaration.candidate_awaits_adoption else f'generation="{free}"'
    refusal = second_name_refusal(name, taken, known_as, alternative, prop="candidate")
    return Decision(Action.REFUSE, Reason.REBOUND, refusal.what, refusal=refusal)


def generated_name_taken(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """A name that is bound already would get a new certificate in this command."""
    name = declaration.pending_generation
    if name is None or name not in declaration.eligible_generations:
        return None
    taken = declaration.eligible_generations[name]
    free = propose_free_name(name, declaration.generations)
    remedy = f'Give PassiveTrustCertificate a name that was not used before, such as generation="{free}"'
    if snapshot.find(taken) is not None:
        remedy += f'; or take up the certificate that has the name: adopt="{taken}"'
    return refuse(
        Reason.REBOUND,
        f"Generation {name!r} is certificate {taken}; no other can be generated under that name.",
        "A name is bound to one certificate for ever, and this command would generate a new one.",
        f"{remedy}.",
        prop="candidate",
    )


def candidate_not_generated_yet(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """What is to sign must be in the state before the command that makes it sign."""
    if not _is_pending_name(declaration):
        return None
    return refuse_same_command(declaration, snapshot)


def baseline(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """On creation: record what signs under the declared name, or the named certificate if it signs."""
    if snapshot.active is None or _is_pending_name(declaration):
        return None
    if declaration.declared_fingerprint is None:
        return Decision(Action.RECORD, Reason.BASELINE)
    if has_fingerprint(snapshot.active, declaration.declared_fingerprint):
        return Decision(Action.RECORD, Reason.ALREADY_SIGNS)
    return None


def create_never_swaps(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """On creation: the named certificate does not sign, and making it sign takes a second deployment."""
    signing = "none" if snapshot.active is None else snapshot.active.fingerprint
    return refuse(
        Reason.CREATE_NEVER_SWAPS,
        f"A new RotationTrigger cannot make generation {declaration.generation!r} sign.",
        f"Creating a trigger never swaps; it records what signs, and that is {signing}, not {declaration.declared_fingerprint}.",
        "Create it with a name for the certificate that signs now, deploy, then change `generation` to "
        f"{declaration.generation!r} in a second deployment.",
    )


def unknown_generation(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """A name that nothing binds to a certificate."""
    if declaration.declared_fingerprint is not None or _is_pending_name(declaration):
        return None
    known = "\n".join(f"  {name}: {fingerprint}" for name, fingerprint in sorted(declaration.generations.items()))
    way = 'Take "candidate" out of ignore_changes, or declare' if declaration.candidate_ignored else "Declare"
    return refuse(
        Reason.UNKNOWN_GENERATION,
        f"Generation {declaration.generation!r} is not known.",
        f"The RotationTrigger of subaccount {snapshot.subaccount_id} knows:\n{known}",
        f"{way} one of these; or prepare the new one first (PassiveTrustCertificate with "
        f'generation="{declaration.generation}", passed as candidate=, deployed); or teach the name: '
        f'known_generations={{"{declaration.generation}": "<fingerprint>"}}.',
    )


def already_signs(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """The declared certificate signs: nothing to do."""
    if declaration.declared_fingerprint is None or not has_fingerprint(
        snapshot.active, declaration.declared_fingerprint
    ):
        return None
    return Decision(Action.RECORD, Reason.ALREADY_SIGNS)


def certificate_gone(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """The declared certificate is in no slot: no swap can bring it back."""
    wanted = declaration.declared_fingerprint
    if wanted is None or snapshot.active is None or snapshot.find(wanted) is not None:
        return None
    what = f"The certificate of generation {declaration.generation!r} ({wanted}) is in no slot any more."
    why = f"The slots of subaccount {snapshot.subaccount_id}: {snapshot.slots}."
    remedy = f"To declare what signs now: {accept_hint(declaration, snapshot.active)}."
    if declaration.is_new_declaration:
        return refuse(Reason.CERTIFICATE_GONE, what, why, remedy)
    name = declaration.generation_of(snapshot.active)
    return Decision(
        Action.WARN,
        Reason.CERTIFICATE_GONE,
        f"{short_fingerprint(wanted)} ({declaration.generation}) should sign but is in no slot any more; "
        f"{label(snapshot.active, name)} signs",
        evidence=why,
        remedies=remedy,
    )


def drift(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """Somebody else made the other certificate sign, and the program says to report that.

    A signer without a name was never seen in a preview, so that it is not swapped out by restoring either.
    """
    wanted = swappable_certificate(declaration, snapshot)
    if wanted is None or snapshot.active is None or declaration.is_new_declaration:
        return None
    name = declaration.generation_of(snapshot.active)
    if declaration.on_drift is OnDrift.RESTORE and name is not None:
        return None
    if name is None:
        known_generations = generation_arguments(declaration, snapshot.active)
        remedies = f'To accept it: {known_generations[0]}, {known_generations[1]}. To undo it: {known_generations[1]}, on_drift="restore".'
    else:
        remedies = f'To accept it: generation="{name}". To undo it: on_drift="restore".'
    who, evidence = _who_swapped(name, wanted, snapshot.active)
    return Decision(
        Action.REPORT,
        Reason.DRIFT,
        f"{label(wanted, declaration.generation)} should sign, but {label(snapshot.active, name)} does: "
        f"{who}; nothing is done about it",
        evidence=f"The slots of subaccount {snapshot.subaccount_id}: {snapshot.slots}.{evidence}",
        remedies=remedies,
    )


def _who_swapped(name: str | None, wanted: Certificate, active: Certificate) -> tuple[str, str]:
    """Tell who swapped, and why that is believed: the slots alone cannot tell a colleague from a run that was killed.

    If its change was reverted since, such a run leaves a generation signing that this stack knows, and what signed by
    the state in the passive slot. The younger one is what only a rotation makes sign.
    """
    if name is None:
        return "somebody else swapped", ""
    killed = (
        f" A run of this stack leaves exactly that if it was killed after its swap to {name!r}, before that was "
        "recorded, and the change of `generation` was reverted since."
    )
    if active.not_before > wanted.not_before:
        return "a killed run of this stack did that, or somebody else swapped", f"{killed} That is probable."
    return "somebody else swapped", killed


def not_prepared(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """The certificate was not in the state under this name before this command."""
    if (
        swappable_certificate(declaration, snapshot) is None
        or declaration.generation in declaration.eligible_generations
    ):
        return None
    return refuse_same_command(declaration, snapshot)


def generation_pending(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """A mint in the same command changes a slot: the swap would meet others than were previewed."""
    if declaration.pending_generation is None or swappable_certificate(declaration, snapshot) is None:
        return None
    return (
        refuse_same_command(declaration, snapshot)
        if declaration.is_new_declaration
        else refuse_restore_and_generate(declaration, snapshot)
    )


def candidate_removed(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """A retirement in the same command would delete what the swap makes passive: the way back."""
    if not declaration.candidate_removed or swappable_certificate(declaration, snapshot) is None:
        return None
    return refuse(
        Reason.CANDIDATE_REMOVED,
        f"Generation {declaration.generation!r} cannot be made to sign in the command that takes candidate= away.",
        "To rotate and to retire are two deployments: with its PassiveTrustCertificate the certificate goes that the "
        f"swap makes passive, and so the way back. The slots of subaccount {snapshot.subaccount_id}: {snapshot.slots}.",
        "Put candidate= and the PassiveTrustCertificate back, deploy the swap, then remove them in a second "
        "deployment.",
        prop="candidate",
    )


def validity(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """A certificate outside its validity must not sign."""
    wanted = swappable_certificate(declaration, snapshot)
    if wanted is None or wanted.not_before <= snapshot.now < wanted.not_after:
        return None
    expired = wanted.not_after <= snapshot.now
    moment = wanted.not_after if expired else wanted.not_before
    return refuse(
        Reason.EXPIRED if expired else Reason.NOT_YET_VALID,
        f"The certificate of generation {declaration.generation!r} ({wanted.fingerprint}) "
        f"{'expired' if expired else 'is not valid before'} {format_rfc3339(moment)}.",
        f"Targets refuse assertions signed with it; the service's clock says {format_rfc3339(snapshot.now)}.",
        "Prepare a new certificate: give PassiveTrustCertificate a new `generation`, deploy, then declare that "
        "one here."
        if expired
        else f"Wait until {format_rfc3339(moment)}, then run `pulumi up` again.",
    )


def swap(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """Make the declared certificate sign: only where no other policy objects."""
    wanted, active = swappable_certificate(declaration, snapshot), snapshot.active
    objections = (rebound, drift, not_prepared, generation_pending, candidate_removed, validity, untrusted)
    if declaration.deployed_generation is None or wanted is None or active is None:
        return None
    if any(policy(declaration, snapshot) for policy in objections):
        return None
    reason, verb = _reason_and_verb(declaration, wanted, active)
    step = (
        f"{verb}: passive {label(wanted, declaration.generation)} becomes active, active "
        f"{label(active, declaration.generation_of(active))} becomes passive; "
    )
    told = target_statuses(declaration, wanted, snapshot)
    return Decision(
        Action.SWAP,
        reason,
        step + summarize(told, PREVIEW_WIDTH - len(step)),
        slots_before=snapshot.slots,
        targets={answer.target: answer.sentence for answer in told},
        trust_warning=trust_warning(told, wanted),
    )


CREATE_POLICIES: Final[tuple[Policy, ...]] = (
    no_active_certificate,
    rebound,
    second_name,
    generated_name_taken,
    candidate_not_generated_yet,
    baseline,
    create_never_swaps,
)
UPDATE_POLICIES: Final[tuple[Policy, ...]] = (
    no_active_certificate,
    rebound,
    second_name,
    generated_name_taken,
    candidate_not_generated_yet,
    unknown_generation,
    already_signs,
    certificate_gone,
    drift,
    not_prepared,
    generation_pending,
    candidate_removed,
    validity,
    untrusted,
    swap,
)


def _is_pending_name(declaration: Declaration) -> bool:
    return declaration.generation == declaration.candidate_pending and declaration.declared_fingerprint is None


def _reason_and_verb(declaration: Declaration, wanted: Certificate, active: Certificate) -> tuple[Reason, str]:
    if not declaration.is_new_declaration:
        return Reason.RESTORE, "put back"
    if wanted.not_before < active.not_before:
        return Reason.ROLL_BACK, "roll back"
    return Reason.ROTATE, "rotate"
