"""The gate: another certificate signs only when every target trusts it, or has said what will happen instead."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from btp_trust.certificate import Certificate
from btp_trust.formatting import brief, day, rfc3339
from btp_trust.rotation.decision import Decision, Reason, refuse
from btp_trust.rotation.declaration import Declaration, swappable
from btp_trust.snapshot import Snapshot
from btp_trust.trusted_by.statements import Answer, Attestation, Switch, Word

SHOWN: Final = 150
"""Characters of a string that `pulumi preview --diff` shows."""


def untrusted(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """A target would refuse every user from the swap on, and nobody said that this is expected.

    It never stands in the way back to what signed before.
    """
    wanted = swappable(declaration, snapshot)
    if wanted is None or snapshot.active is None or _is_return(declaration, wanted, snapshot.active):
        return None
    doubtful = [answer for answer in answers(declaration, wanted, snapshot) if answer.is_doubtful]
    if not doubtful:
        return None
    told = "\n".join(f"  {answer.target}: {answer.sentence}" for answer in doubtful)
    if all(answer.word is Word.UNKNOWN for answer in doubtful):
        return refuse(
            Reason.TARGET_PENDING,
            f"It is not known yet whether {_names(doubtful)} will trust the certificate of generation "
            f"{declaration.generation!r} ({wanted.fingerprint}).",
            "A target that this command changes has its answer only afterwards, and the swap could not be reviewed "
            f"with it:\n{told}",
            f'Deploy the target first: keep generation="{declaration.declared}" on the RotationTrigger, deploy, then '
            f'change it to "{declaration.generation}" in a second deployment.',
            prop="trusted_by",
        )
    return refuse(
        Reason.UNTRUSTED,
        f"Generation {declaration.generation!r} ({wanted.fingerprint}) is not trusted by {_names(doubtful)}.",
        f"From the swap on they would refuse every user:\n{told}",
        "Give them that certificate first (outputs of the PassiveTrustCertificate); until then keep "
        f'generation="{declaration.declared}" on the RotationTrigger.',
        prop="trusted_by",
    )


def answers(declaration: Declaration, wanted: Certificate, snapshot: Snapshot) -> tuple[Answer, ...]:
    """Ask each target whether it trusts this certificate: refusals first, attested before observed, then by name."""
    asked = (_ask(declaration, target, wanted, snapshot) for target in declaration.trusted_by)
    return tuple(sorted(asked, key=lambda answer: (list(Word).index(answer.word), answer.source, answer.target)))


def summary(told: tuple[Answer, ...], room: int) -> str:
    """Say in one clause what all targets answered: one by one, or counted where that takes too much room."""
    if not told:
        return "no target was asked"
    each = ", ".join(str(answer) for answer in told)
    if len(each) <= room:
        return each
    kinds = [answer.kind for answer in told]
    return "targets: " + ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))


def doubts(told: tuple[Answer, ...], wanted: Certificate) -> str:
    """Say which targets will refuse what is about to sign again; empty if none will."""
    doubtful = [answer for answer in told if answer.is_doubtful]
    if not doubtful:
        return ""
    return (
        f"{brief(wanted.fingerprint)}, which is about to sign again, is not trusted by {_names(doubtful)}. They refuse "
        "every user until they have it. Give it to them at once."
    )


def _is_return(declaration: Declaration, wanted: Certificate, active: Certificate) -> bool:
    """Whether the certificate signed before, as far as the inputs of earlier commands tell; diff knows the outputs."""
    if declaration.way_back is None:
        return not declaration.is_new or wanted.not_before < active.not_before
    return not declaration.is_new or wanted.fingerprint == declaration.way_back


def _ask(declaration: Declaration, target: str, wanted: Certificate, snapshot: Snapshot) -> Answer:
    told = declaration.trusted_by[target]
    if isinstance(told, Switch):
        return Answer(target, Word.GAP, "", f"gap expected until {told.owner} uploads{_ticket(told.ticket)}")
    if isinstance(told, Attestation):
        return _attested(declaration, target, told, wanted, snapshot)
    if isinstance(told, str):
        return Answer(target, Word.UNKNOWN, "", "not known in this preview; what it comes from will change")
    if wanted.fingerprint in told:
        return _named(target, declaration.valid_until.get(target, {}).get(wanted.fingerprint), snapshot)
    return Answer(target, Word.NO, "observed", f"no, it trusts {_held(declaration, told, snapshot)}, observed")


def _named(target: str, valid_until: datetime | None, snapshot: Snapshot) -> Answer:
    """Believe what names the certificate, unless it is metadata that says of itself that its time is over."""
    if valid_until is None or snapshot.now < valid_until:
        return Answer(target, Word.YES, "observed", "yes, observed")
    problem = f"the metadata that names it was valid until {rfc3339(valid_until)} (validUntil): read it anew"
    return Answer(target, Word.NO, "observed", f"no, {problem}, observed")


def _attested(
    declaration: Declaration, target: str, told: Attestation, wanted: Certificate, snapshot: Snapshot
) -> Answer:
    """Nobody can attest a certificate before it is made, nor in the future."""
    if told.by is None or told.on is None:
        return Answer(target, Word.NO, "", "no, nobody has attested it yet")
    said = f"attested by {told.by} on {told.on}{_ticket(told.ticket)}, not observed"
    if told.fingerprint != wanted.fingerprint:
        problem = f"{_describe(declaration, told.fingerprint, snapshot)} was {said}"
    elif told.on > snapshot.now.date():
        problem = f"{said}; that day is still to come, the service's clock says {rfc3339(snapshot.now)}"
    elif told.on < wanted.not_before.date():
        problem = f"{said}; the certificate was made later, at {rfc3339(wanted.not_before)}"
    else:
        return Answer(target, Word.YES, "attested", f"yes, {said}")
    return Answer(target, Word.NO, "attested", f"no, {problem}")


def _held(declaration: Declaration, told: list[str], snapshot: Snapshot) -> str:
    return " and ".join(_describe(declaration, each, snapshot) for each in told) or "no certificate"


def _describe(declaration: Declaration, fingerprint: str, snapshot: Snapshot) -> str:
    """Name a certificate: short fingerprint, and its generation and last day where they are known."""
    held = snapshot.find(fingerprint)
    until = declaration.expiry.get(fingerprint) if held is None else held.not_after
    name = next((name for name, known in declaration.generations.items() if known == fingerprint), None)
    details = [*([name] if name else []), *([f"expires {day(until)}"] if until else [])]
    return f"{brief(fingerprint)} ({', '.join(details)})" if details else brief(fingerprint)


def _names(doubtful: list[Answer]) -> str:
    return ", ".join(answer.target for answer in doubtful)


def _ticket(ticket: str | None) -> str:
    return f" ({ticket})" if ticket else ""
