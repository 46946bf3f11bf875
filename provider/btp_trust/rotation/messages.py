"""Texts about the signing slot: names, lines to paste, and the refusals that several policies share."""

from __future__ import annotations

import json
from collections.abc import Mapping

from btp_trust.certificate import Certificate
from btp_trust.formatting import format_day, label_fingerprint, propose_free_name
from btp_trust.rotation.decision import Decision, Reason, refuse
from btp_trust.rotation.declaration import Declaration
from btp_trust.snapshot import Snapshot

READ_NEW_PLAN = "Run `pulumi preview` and read the new plan."
"""The remedy of a plan that no longer fits the slots."""


def accept_hint(declaration: Declaration, active: Certificate) -> str:
    """Format the arguments that accept the active certificate, as a line to paste."""
    return ", ".join(generation_arguments(declaration, active))


def generation_arguments(declaration: Declaration, active: Certificate) -> tuple[str, str]:
    """Format the arguments that declare and that name the active certificate."""
    name = declaration.generation_of(active) or _suggest_name(active, declaration.generations)
    return f'generation="{name}"', known_generations_argument(name, active.fingerprint)


def known_generations_argument(name: str, fingerprint: str | None) -> str:
    """Format the argument that names a certificate, as a line to paste."""
    return f"known_generations={json.dumps({name: fingerprint})}"  # JSON, which Python reads as a dict


def label(certificate: Certificate, name: str | None) -> str:
    """Name a certificate in a few characters."""
    return label_fingerprint(certificate.fingerprint, name)


def list_lines(lines: Mapping[str, object]) -> str:
    """Format a list of names with what is found for each, a line each."""
    return "\n".join(f"  {name}: {text}" for name, text in lines.items())


def keep_generation(declaration: Declaration) -> str:
    """Format the argument that a RotationTrigger keeps until a second deployment."""
    name = declaration.deployed_generation or "<a name for the active certificate>"
    return f'generation="{name}" on the RotationTrigger'


def refuse_same_command(declaration: Declaration, snapshot: Snapshot) -> Decision:
    """Refuse a rotation to a certificate that the same command prepares, or that no earlier one prepared."""
    pending = declaration.pending_generation or declaration.candidate_pending
    if pending is None:
        return _refuse_unprepared(declaration)
    return refuse(
        Reason.CANDIDATE_PENDING,
        f"Generation {declaration.generation!r} cannot be made to sign in the command that also prepares {pending!r}.",
        "To prepare and to rotate are two deployments: the next signer must be seen in a preview and given to the "
        f"targets first. {snapshot.slots_sentence}",
        f'Keep {keep_generation(declaration)}, deploy, then change it to "{declaration.generation}" in a second '
        "deployment.",
    )


def _refuse_unprepared(declaration: Declaration) -> Decision:
    name, fingerprint = declaration.generation, declaration.declared_fingerprint
    return refuse(
        Reason.NOT_PREPARED,
        f"Generation {name!r} was not prepared by an earlier deployment.",
        f"The state lacks its certificate ({fingerprint}) under this name: it was in no preview, and the targets could "
        "get it from no output.",
        f'Deploy once with generation="{declaration.deployed_generation}", then change it; or name the certificate: '
        f"{known_generations_argument(name, fingerprint)}.",
    )


def refuse_restore_and_generate(declaration: Declaration, snapshot: Snapshot) -> Decision:
    """Refuse to restore a certificate in the command that generates another one over it."""
    return refuse(
        Reason.CANDIDATE_PENDING,
        f"Generation {declaration.generation!r} cannot be restored in the command that also prepares "
        f"{declaration.pending_generation!r}.",
        "Somebody else swapped, and on_drift says to restore; a certificate that is generated in the same command "
        f"would meet other slots than were previewed. {snapshot.slots_sentence}",
        "Let the signer be restored first: revert the change of PassiveTrustCertificate, deploy, then make the "
        'change again; or leave the signer as it is: on_drift="report".',
    )


def _suggest_name(certificate: Certificate, taken: Mapping[str, str]) -> str:
    """Propose a free name: the month in which the certificate was generated."""
    month = format_day(certificate.not_before)[:7]
    return month if month not in taken else propose_free_name(month, taken)
