"""What is said about the signing slot: names, lines to paste, the refusal that several policies share."""

from __future__ import annotations

import json
from collections.abc import Mapping

from btp_trust.certificate import Certificate
from btp_trust.formatting import format_day, propose_free_name, short_fingerprint
from btp_trust.rotation.decision import Decision, Reason, refuse
from btp_trust.rotation.declaration import Declaration
from btp_trust.snapshot import Snapshot


def accept_hint(declaration: Declaration, active: Certificate) -> str:
    """Write the line that accepts what signs now."""
    return ", ".join(generation_arguments(declaration, active))


def generation_arguments(declaration: Declaration, active: Certificate) -> tuple[str, str]:
    """Write the arguments that declare and that name what signs now."""
    name = declaration.generation_of(active) or _suggest_name(active, declaration.generations)
    return f'generation="{name}"', f"known_generations={json.dumps({name: active.fingerprint})}"


def label(certificate: Certificate, name: str | None) -> str:
    """Name a certificate so briefly that two of them fit into what a preview shows of a string."""
    return (
        f"{short_fingerprint(certificate.fingerprint)} ({name})" if name else short_fingerprint(certificate.fingerprint)
    )


def refuse_same_command(declaration: Declaration, snapshot: Snapshot) -> Decision:
    """Refuse to prepare and to rotate in one command, or what no earlier one has prepared."""
    pending = declaration.pending_generation or declaration.candidate_pending
    if pending is None:
        what = f"Generation {declaration.generation!r} was not prepared by an earlier deployment."
        why = (
            f"Its certificate ({declaration.declared_fingerprint}) is not in the state under this name yet, so nobody could "
            "review it and no target could be given it."
        )
        remedy = (
            f'Deploy once with generation="{declaration.deployed_generation}", then change it; or teach the name: '
            f'known_generations={{"{declaration.generation}": "{declaration.declared_fingerprint}"}}.'
        )
        return refuse(Reason.NOT_PREPARED, what, why, remedy)
    return refuse(
        Reason.CANDIDATE_PENDING,
        f"Generation {declaration.generation!r} cannot be made to sign in the command that also prepares {pending!r}.",
        "To prepare and to rotate are two deployments: the certificate that will sign must be seen in a preview "
        f"and given to the targets first. The slots of subaccount {snapshot.subaccount_id}: {snapshot.slots}.",
        f'Keep generation="{declaration.deployed_generation or "<a name for what signs now>"}" on the RotationTrigger, '
        f'deploy, then change it to "{declaration.generation}" in a second deployment.',
    )


def refuse_restore_and_generate(declaration: Declaration, snapshot: Snapshot) -> Decision:
    """Refuse to put a certificate back in the command that generates another one over it."""
    return refuse(
        Reason.CANDIDATE_PENDING,
        f"Generation {declaration.generation!r} cannot be put back in the command that also prepares "
        f"{declaration.pending_generation!r}.",
        "Somebody else swapped, and on_drift says to restore; a certificate that is generated in the same command "
        f"would meet other slots than were previewed. The slots of subaccount {snapshot.subaccount_id}: "
        f"{snapshot.slots}.",
        "Let the signer be restored first: take the change of PassiveTrustCertificate back, deploy, then make it "
        'again; or leave the signer as it is: on_drift="report".',
    )


def _suggest_name(certificate: Certificate, taken: Mapping[str, str]) -> str:
    """Propose a free name after the month in which the certificate was made."""
    month = format_day(certificate.not_before)[:7]
    return month if month not in taken else propose_free_name(month, taken)
