"""PassiveTrustCertificate: whether a generation is to be minted, adopted or taken up again, and over what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from btp_trust.certificate import Certificate
from btp_trust.errors import Refused
from btp_trust.formatting import describe_certificate, propose_free_name
from btp_trust.runtime.command_plan import second_name_refusal
from btp_trust.snapshot import Snapshot, has_fingerprint


@dataclass(frozen=True, slots=True)
class RecordedCertificates:
    """What the resource has recorded of itself."""

    fingerprint: str | None = None
    """Of the certificate of its present generation; None before it is created."""
    generations: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """All names that it ever bound: {name: fingerprint}."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the program asks of the passive slot."""

    generation: str
    adopt: str | None = None
    replace: str | None = None


@dataclass(frozen=True, slots=True)
class Generate:
    """POST a new passive certificate."""

    replaces: Certificate | None
    """What it overwrites."""

    def sentence(self, generation: str) -> str:
        """Say what will be done."""
        where = (
            "in the empty passive slot"
            if self.replaces is None
            else f"over passive {describe_certificate(self.replaces)}"
        )
        return f"generate {generation!r} {where}"


@dataclass(frozen=True, slots=True)
class Adopt:
    """Take up a certificate that a slot holds; call nothing."""

    certificate: Certificate
    why: str

    def sentence(self, generation: str) -> str:
        """Say what will be done."""
        return f"take up {describe_certificate(self.certificate)} as {generation!r}: {self.why}; nothing is generated"


Step = Generate | Adopt


def decide(request: Request, own: RecordedCertificates, snapshot: Snapshot) -> Step:
    """Decide how a generation that is new to the resource gets its certificate.

    Raises:
        Refused: It cannot, or not without overwriting what nobody named.
    """
    if snapshot.active is None:
        raise _no_active_certificate(snapshot)
    if request.generation in own.generations:
        return _adopt_earlier(request, own, snapshot)
    if request.adopt is not None:
        return _adopt_named(request, request.adopt, snapshot)
    if snapshot.passive is None or _may_overwrite(request, own, snapshot.active, snapshot.passive):
        return Generate(snapshot.passive)
    known_as = next((name for name, each in own.generations.items() if each == snapshot.passive.fingerprint), None)
    if known_as is not None:
        fingerprint = snapshot.passive.fingerprint
        raise second_name_refusal(request.generation, fingerprint, known_as, f'replace="{fingerprint}"')
    if snapshot.passive.not_before > snapshot.active.not_before:
        return Adopt(snapshot.passive, "unknown to this resource, younger than the active one")
    raise _unknown_certificate(request, snapshot.passive, snapshot)


def plan_without_outputs(request: Request, snapshot: Snapshot) -> tuple[Step, str]:
    """Plan for a resource whose own certificate is not known: check sees no outputs.

    Returns:
        The step that overwrites most of all that can come true, and the sentence that is true of all.
        `decide` with the recorded outputs settles which, in diff.

    Raises:
        Refused: Whatever the resource recorded, it is refused.
    """
    possible = _possible_steps(request, snapshot)
    mint = next((step for step in possible if isinstance(step, Generate)), possible[0])
    adopt = next((step for step in possible if isinstance(step, Adopt)), mint)
    sentence = mint.sentence(request.generation)
    if mint is not adopt:
        sentence += " if this resource made that one, else take it up and generate nothing"
    return mint, sentence


def displaced_certificate(own: str, snapshot: Snapshot) -> Certificate | None:
    """Return the certificate that this one displaced: it lies passive, older, while this one is active."""
    return snapshot.older_passive if has_fingerprint(snapshot.active, own) else None


def _possible_steps(request: Request, snapshot: Snapshot) -> list[Step]:
    steps: list[Step] = []
    refused: list[Refused] = []
    for own in (
        RecordedCertificates(fingerprint) for fingerprint in (snapshot.slots.passive, snapshot.slots.active, None)
    ):
        try:
            steps.append(decide(request, own, snapshot))
        except Refused as refusal:
            refused.append(refusal)
    if not steps:
        raise refused[0]
    return steps


def _may_overwrite(request: Request, own: RecordedCertificates, active: Certificate, passive: Certificate) -> bool:
    """Only its own certificate, the one that displaced, or the one that the program named."""
    if passive.fingerprint in (own.fingerprint, request.replace):
        return True
    return has_fingerprint(active, own.fingerprint or "") and passive.not_before <= active.not_before


def _adopt_earlier(request: Request, own: RecordedCertificates, snapshot: Snapshot) -> Adopt:
    fingerprint, free = own.generations[request.generation], propose_free_name(request.generation, own.generations)
    if request.adopt not in (None, fingerprint):
        raise Refused(
            f"Generation {request.generation!r} is certificate {fingerprint}, not {request.adopt}.",
            "A name is bound to one certificate for ever.",
            f'Give the certificate of adopt= a new name, such as generation="{free}".',
        )
    certificate = snapshot.find(fingerprint)
    if certificate is None:
        raise Refused(
            f"The certificate of the earlier generation {request.generation!r} ({fingerprint}) is in no slot.",
            f"A name is bound to one certificate for ever, so nothing is generated under it. {_slots_text(snapshot)}",
            f'Give `generation` a name that was not used before, such as generation="{free}".',
        )
    return Adopt(certificate, "it was that before")


def _adopt_named(request: Request, fingerprint: str, snapshot: Snapshot) -> Adopt:
    certificate = snapshot.find(fingerprint)
    if certificate is None:
        raise Refused(
            f"There is no certificate {fingerprint} to adopt for {request.generation!r}.",
            _slots_text(snapshot),
            "Name one of these in adopt=, or remove adopt= to generate a new certificate.",
            prop="adopt",
        )
    return Adopt(certificate, "adopt= says so")


def _no_active_certificate(snapshot: Snapshot) -> Refused:
    return Refused(
        f"Subaccount {snapshot.subaccount_id} has no active trust certificate yet.",
        "A passive certificate is the successor of an active one.",
        "Deploy ActiveTrustCertificate(…, generate=True) alone first.",
    )


def _unknown_certificate(request: Request, passive: Certificate, snapshot: Snapshot) -> Refused:
    return Refused(
        f"The passive slot holds {passive.fingerprint}, which this resource neither made nor displaced.",
        "It is older than the active certificate: somebody's swap left it there, and it may be the way back. "
        f"{_slots_text(snapshot)}",
        f"If {request.generation!r} is what signs, and this resource was renamed or its state was lost: "
        f'adopt="{snapshot.slots.active}", or give the resource its earlier name in aliases=. To overwrite the passive '
        f'one: replace="{passive.fingerprint}". To take up the passive one: adopt="{passive.fingerprint}".',
    )


def refuse_during_replacement(request: Request, step: Adopt, earlier: str) -> Refused:
    """Refuse to take up a certificate for a new generation of a resource that is replaced in the same deployment."""
    fingerprint = step.certificate.fingerprint
    return Refused(
        f"Generation {request.generation!r} cannot be prepared in the deployment that also replaces the resource.",
        f"Replaced, the resource does not know what it was before. The passive slot holds {fingerprint}, which may be "
        f"the certificate of {earlier!r}, and a certificate keeps its one name.",
        f'To generate another one for {request.generation!r}: replace="{fingerprint}" on PassiveTrustCertificate; or '
        f'deploy the new generation without the replacement. To keep that certificate: generation="{earlier}", '
        f'adopt="{fingerprint}".',
    )


def _slots_text(snapshot: Snapshot) -> str:
    return f"The slots of subaccount {snapshot.subaccount_id}: {snapshot.slots}."
