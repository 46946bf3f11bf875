"""Policies about the names of generations: a name is bound permanently to one certificate."""

from __future__ import annotations

from collections.abc import Mapping

from btp_trust.formatting import propose_free_name
from btp_trust.rotation.decision import Action, Decision, Reason, refuse
from btp_trust.rotation.declaration import Declaration, swappable_certificate
from btp_trust.rotation.messages import known_generations_argument, list_lines, refuse_same_command
from btp_trust.runtime.command_plan import second_name_refusal
from btp_trust.snapshot import Snapshot


def name_bound_otherwise(declaration: Declaration, _: Snapshot) -> Decision | None:
    """Refuse to bind a known name to another certificate."""
    recorded, candidate = declaration.recorded_generations, declaration.candidate_generations
    return _name_bound_otherwise(
        declaration, "known_generations", declaration.known_generations, {**candidate, **recorded}
    ) or _name_bound_otherwise(declaration, "candidate", candidate, recorded)


def _name_bound_otherwise(
    declaration: Declaration, prop: str, names: Mapping[str, str], bound: Mapping[str, str]
) -> Decision | None:
    conflicts = (name for name, fingerprint in names.items() if bound.get(name, fingerprint) != fingerprint)
    if (name := next(conflicts, None)) is None:
        return None
    fingerprint, free = names[name], propose_free_name(name, declaration.generations)
    arguments = (
        f'generation="{free}", adopt="{fingerprint}" on PassiveTrustCertificate'
        if prop == "candidate"
        else known_generations_argument(free, fingerprint)
    )
    return refuse(
        Reason.NAME_BOUND_OTHERWISE,
        f"`{prop}` says that generation {name!r} is certificate {fingerprint}.",
        f"It is recorded as {bound[name]}, and a name is bound permanently to one certificate.",
        f"Give that certificate a name that was not used before: {arguments}.",
        prop=prop,
    )


def certificate_has_name(declaration: Declaration, _: Snapshot) -> Decision | None:
    """Refuse a candidate that adopts a certificate of another name, unless the program names that certificate."""
    name = declaration.candidate
    fingerprint = None if name is None else declaration.candidate_generations.get(name)
    # With adopt=, a certificate gets a second name on purpose.
    if name is None or fingerprint in (None, declaration.adopted_fingerprint):
        return None
    names = (known for known, bound in declaration.eligible_generations.items() if bound == fingerprint)
    if name in declaration.eligible_generations or (known_as := next(names, None)) is None:
        return None
    free = propose_free_name(name, declaration.generations)
    # Once adopted, the certificate is the resource's own, which any further name overwrites.
    alternative = f'replace="{fingerprint}"' if declaration.candidate_awaits_adoption else f'generation="{free}"'
    refusal = second_name_refusal(name, str(fingerprint), known_as, alternative, prop="candidate")
    return Decision(Action.REFUSE, Reason.NAME_BOUND_OTHERWISE, refusal.what, refusal=refusal)


def generated_name_taken(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """Refuse to generate another certificate under a name that is bound already."""
    name = declaration.pending_generation
    if name is None or name not in declaration.eligible_generations:
        return None
    fingerprint = declaration.eligible_generations[name]
    free = propose_free_name(name, declaration.generations)
    remedy = f'Give PassiveTrustCertificate a name that was not used before, such as generation="{free}"'
    if snapshot.find(fingerprint) is not None:
        remedy += f'; or adopt the certificate that has the name: adopt="{fingerprint}"'
    return refuse(
        Reason.NAME_BOUND_OTHERWISE,
        f"Generation {name!r} is certificate {fingerprint}; no other can be generated under that name.",
        "A name is bound permanently to one certificate, and this command would generate a new one.",
        f"{remedy}.",
        prop="candidate",
    )


def candidate_not_generated_yet(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """Refuse to declare a certificate that this command is about to generate."""
    return refuse_same_command(declaration, snapshot) if is_pending_name(declaration) else None


def unknown_generation(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """Refuse a name without a certificate."""
    if declaration.declared_fingerprint is not None or is_pending_name(declaration):
        return None
    name = declaration.generation
    known = list_lines(dict(sorted(declaration.generations.items())))
    declare = 'Take "candidate" out of ignore_changes, or declare' if declaration.candidate_ignored else "Declare"
    return refuse(
        Reason.UNKNOWN_GENERATION,
        f"Generation {name!r} is not known.",
        f"The RotationTrigger of {snapshot.subaccount} knows:\n{known}",
        f"{declare} one of these; or prepare the new one first (PassiveTrustCertificate with "
        f'generation="{name}", passed as candidate=, deployed); or name its certificate: '
        f"{known_generations_argument(name, '<fingerprint>')}.",
    )


def not_prepared(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """Refuse a swap to a certificate whose name the state lacked before this command."""
    is_eligible = declaration.generation in declaration.eligible_generations
    if is_eligible or swappable_certificate(declaration, snapshot) is None:
        return None
    return refuse_same_command(declaration, snapshot)


def is_pending_name(declaration: Declaration) -> bool:
    """Return True if the declared name is the candidate's, and the candidate's certificate is unknown yet."""
    return declaration.generation == declaration.candidate_pending and declaration.declared_fingerprint is None
