"""Decide how a generation of PassiveTrustCertificate gets its certificate: generated over which one, or adopted."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct, field

from btp_trust.certificate import Certificate
from btp_trust.errors import Refused
from btp_trust.formatting import PREVIEW_WIDTH, describe_certificate, format_day, propose_free_name, short_fingerprint
from btp_trust.passive import messages
from btp_trust.runtime.command_plan import second_name_refusal
from btp_trust.snapshot import Snapshot, has_fingerprint

_NO_NAMES: Final[Mapping[str, str]] = MappingProxyType({})
ADOPTED: Final = "nothing: the certificate is adopted, and none is generated"


class RecordedCertificates(Struct, frozen=True):
    """The certificates that the resource has recorded as its own."""

    fingerprint: str | None = None
    """Of the certificate of its present generation; None before it is created."""
    generations: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """All names that it ever bound: {name: fingerprint}."""


class DeclaredPassive(Struct, frozen=True):
    """The program's request for the passive slot."""

    generation: str
    adopt: str | None = None
    replace: str | None = None


class Generate(Struct, frozen=True):
    """POST a new passive certificate."""

    replaces: Certificate | None
    """The certificate that it overwrites."""
    ends_rollback: bool = False
    """That one is older than the signer, so that it may have signed before."""

    def sentence(self, generation: str, names: Mapping[str, str] = _NO_NAMES) -> str:
        """Describe the step; `names` are those of certificates, as far as they are known."""
        if self.replaces is None:
            return f"generate {generation!r} in the empty passive slot"
        loss = ": rolling back to it ends" if self.ends_rollback else ""
        return f"generate {generation!r} over passive {_named(self.replaces, names)}{loss}"

    @property
    def loss(self) -> str:
        """Describe the certificate that is overwritten."""
        if self.replaces is None:
            return "nothing: the passive slot is empty"
        short, made = short_fingerprint(self.replaces.fingerprint), format_day(self.replaces.not_before)
        end = "; rolling back to it ends" if self.ends_rollback else "; its key is gone"
        return f"{short}, exists since {made}, expires {format_day(self.replaces.not_after)}{end}"


class Adopt(Struct, frozen=True):
    """Adopt a certificate that a slot holds; call nothing."""

    certificate: Certificate
    why: str

    @property
    def loss(self) -> str:
        """Say that both certificates stay."""
        return ADOPTED

    def sentence(self, generation: str, _names: Mapping[str, str] = _NO_NAMES) -> str:
        """Describe the step; the certificate gets the name of this generation."""
        return f"adopt {describe_certificate(self.certificate)} as {generation!r}: {self.why}; nothing is generated"


PassiveStep = Generate | Adopt


def decide(request: DeclaredPassive, own: RecordedCertificates, snapshot: Snapshot) -> PassiveStep:
    """Decide how a generation that is new to the resource gets its certificate.

    Raises:
        Refused: There is no way, or only over a certificate that the program has to name first.
    """
    if snapshot.active is None:
        raise messages.no_active_certificate()
    # Before adopt=: a name that is bound leads to its own certificate.
    if request.generation in own.generations:
        return _adopt_earlier(request, own, snapshot)
    if request.adopt is not None:
        return _adopt_named(request, request.adopt, snapshot)
    if snapshot.passive is None or _may_overwrite(request, own, snapshot.active, snapshot.passive):
        return Generate(snapshot.passive, ends_rollback=snapshot.older_passive is not None)
    fingerprint = snapshot.passive.fingerprint
    known_as = next((name for name, bound in own.generations.items() if bound == fingerprint), None)
    if known_as is not None:
        raise second_name_refusal(request.generation, fingerprint, known_as, f'replace="{fingerprint}"')
    # A run that was killed after generating leaves exactly that, and targets may have it already.
    if snapshot.passive.not_before > snapshot.active.not_before:
        return Adopt(snapshot.passive, "unknown to this resource, younger than the active one")
    raise messages.older_foreign_certificate(request.generation, snapshot.passive, snapshot)


def plan_without_outputs(request: DeclaredPassive, snapshot: Snapshot) -> tuple[PassiveStep, str]:
    """Plan for a resource whose own certificate is unknown: check sees no outputs.

    Returns:
        The step that overwrites most among those that are possible, and a sentence that is true of all of them.
        `decide` with the recorded outputs selects one, in diff.

    Raises:
        Refused: All of them are refused.
    """
    possible = _possible_steps(request, snapshot)
    generate = next((step for step in possible if isinstance(step, Generate)), possible[0])
    adopt = next((step for step in possible if isinstance(step, Adopt)), generate)
    sentence = generate.sentence(request.generation)
    if generate is not adopt:
        sentence += " if this resource generated that one, else adopt it and generate nothing"
    return generate, sentence


def displaced_certificate(own: str, snapshot: Snapshot) -> Certificate | None:
    """Return the certificate that this one displaced: it is passive and older, while this one is active."""
    return snapshot.older_passive if has_fingerprint(snapshot.active, own) else None


def removal_line(generation: str, step: PassiveStep | None, snapshot: Snapshot) -> str:
    """Return what a removal of the resource deletes, in either role that its certificate may have by then.

    The line is stored before a swap of the same command, and the preview of a removal shows it as stored.

    Args:
        generation: The name of its certificate.
        step: What this command does first.
        snapshot: The slots.
    """
    lines = (_removal(generation, step, snapshot), _removal(None, step, snapshot))
    return next((line for line in lines if len(line) <= PREVIEW_WIDTH), lines[-1])


def _removal(name: str | None, step: PassiveStep | None, snapshot: Snapshot) -> str:
    active, passive = snapshot.active, snapshot.passive
    if isinstance(step, Generate) and active is not None:
        first, second = f"the new {name or 'certificate'}", describe_certificate(active)
    elif active is None or passive is None:
        return "deletes nothing while the passive slot is empty; the signer stays"
    else:
        # A displaced certificate is older than the one of this generation.
        younger = active if snapshot.older_passive is not None else passive
        names = {} if name is None else {younger.fingerprint: name}
        first, second = f"passive {_named(passive, names)}", _named(active, names)
    return f"deletes {first}, or after a swap {second} in its place; the signer stays"


def _named(certificate: Certificate, names: Mapping[str, str]) -> str:
    """Describe a certificate with its name, if that is known: {fingerprint: name}."""
    return describe_certificate(certificate, names.get(certificate.fingerprint))


def _possible_steps(request: DeclaredPassive, snapshot: Snapshot) -> list[PassiveStep]:
    """Decide for each certificate that the resource may have recorded."""
    steps: list[PassiveStep] = []
    refusals: list[Refused] = []
    for own in (
        RecordedCertificates(fingerprint) for fingerprint in (snapshot.slots.passive, snapshot.slots.active, None)
    ):
        try:
            steps.append(decide(request, own, snapshot))
        except Refused as refusal:
            refusals.append(refusal)
    if not steps:
        raise refusals[0]
    return steps


def _may_overwrite(
    request: DeclaredPassive, own: RecordedCertificates, active: Certificate, passive: Certificate
) -> bool:
    """Return True for the resource's own certificate, the one that it displaced, and the one that the program named."""
    if passive.fingerprint in (own.fingerprint, request.replace):
        return True
    return has_fingerprint(active, own.fingerprint or "") and passive.not_before <= active.not_before


def _adopt_earlier(request: DeclaredPassive, own: RecordedCertificates, snapshot: Snapshot) -> Adopt:
    fingerprint, free = own.generations[request.generation], propose_free_name(request.generation, own.generations)
    if request.adopt not in (None, fingerprint):
        raise messages.adopted_has_name(request.generation, fingerprint, request.adopt, free)
    certificate = snapshot.find(fingerprint)
    if certificate is None:
        raise messages.earlier_certificate_gone(request.generation, fingerprint, free, snapshot)
    return Adopt(certificate, "the earlier certificate of this name")


def _adopt_named(request: DeclaredPassive, fingerprint: str, snapshot: Snapshot) -> Adopt:
    certificate = snapshot.find(fingerprint)
    if certificate is None:
        raise messages.nothing_to_adopt(request.generation, fingerprint, snapshot)
    return Adopt(certificate, "named in adopt=")
