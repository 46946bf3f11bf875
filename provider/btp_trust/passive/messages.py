"""Refusals and errors of PassiveTrustCertificate: what happened, the evidence, the arguments to paste."""

from __future__ import annotations

from btp_trust.certificate import Certificate
from btp_trust.errors import Refused, SlotsChanged, TrustError
from btp_trust.snapshot import Snapshot


def no_active_certificate() -> Refused:
    """A successor needs a certificate before it."""
    return Refused(
        "The subaccount has no active trust certificate yet.",
        "A passive certificate is the successor of an active one.",
        "Deploy ActiveTrustCertificate(…, generate=True) alone first.",
    )


def older_foreign_certificate(generation: str, passive: Certificate, snapshot: Snapshot) -> Refused:
    """The passive slot holds a certificate that somebody may need."""
    return Refused(
        f"The passive slot holds {passive.fingerprint}, which this resource neither generated nor displaced.",
        "It is older than the active certificate: somebody's swap left it there, and it may be needed for a rollback. "
        f"{snapshot.slots_sentence}",
        f"If {generation!r} is the active certificate, and this resource was renamed or its state was lost: "
        f'adopt="{snapshot.slots.active}", or give the resource its earlier name in aliases=. To overwrite the passive '
        f'one: replace="{passive.fingerprint}". To adopt the passive one: adopt="{passive.fingerprint}".',
    )


def adopted_has_name(generation: str, fingerprint: str, adopt: str | None, free: str) -> Refused:
    """`adopt` contradicts the name that is bound already."""
    return Refused(
        f"Generation {generation!r} is certificate {fingerprint}, not {adopt}.",
        "A name is bound permanently to one certificate.",
        f'Give the certificate of adopt= a new name, such as generation="{free}".',
    )


def name_has_certificate(generation: str, fingerprint: str, adopt: str | None, free: str) -> Refused:
    """`adopt` was changed while the generation stayed."""
    return Refused(
        f"Generation {generation!r} is certificate {fingerprint}; it cannot become {adopt}.",
        "A name is bound permanently to one certificate.",
        f'Give the adopted certificate a new name, such as generation="{free}".',
        prop="adopt",
    )


def earlier_certificate_gone(generation: str, fingerprint: str, free: str, snapshot: Snapshot) -> Refused:
    """An earlier generation is declared again, and its certificate has left both slots."""
    return Refused(
        f"The certificate of the earlier generation {generation!r} ({fingerprint}) is in no slot.",
        f"A name is bound permanently to one certificate, and generating binds it again. {snapshot.slots_sentence}",
        f'Give `generation` a name that was not used before, such as generation="{free}".',
    )


def nothing_to_adopt(generation: str, fingerprint: str, snapshot: Snapshot) -> Refused:
    """`adopt` names a certificate outside of both slots."""
    return Refused(
        f"There is no certificate {fingerprint} to adopt for {generation!r}.",
        snapshot.slots_sentence,
        "Name one of these in adopt=, or remove adopt= to generate a new certificate.",
        prop="adopt",
    )


def reused_adopt(generation: str, earlier: str, adopt: str) -> Refused:
    """`adopt` of the last generation is still in the program."""
    return Refused(
        f"adopt={adopt!r} was for generation {earlier!r}.",
        f"Left in the program it would bind {generation!r} to the same certificate.",
        f"Remove adopt= to generate a certificate for {generation!r}, or name another one.",
        prop="adopt",
    )


def adoption_during_replacement(generation: str, fingerprint: str, earlier: str) -> Refused:
    """A resource that is replaced would adopt its own certificate under a second name."""
    return Refused(
        f"Generation {generation!r} cannot be prepared in the deployment that also replaces the resource.",
        f"A replacement starts with an empty state. The passive slot holds {fingerprint}, which may be "
        f"the certificate of {earlier!r}, and a certificate keeps its one name.",
        f'To generate another one for {generation!r}: replace="{fingerprint}" on PassiveTrustCertificate; or '
        f'deploy the new generation without the replacement. To keep that certificate: generation="{earlier}", '
        f'adopt="{fingerprint}".',
    )


def slot_changed(planned: str | None, snapshot: Snapshot) -> SlotsChanged:
    """The passive slot holds another certificate than the plan was made for."""
    return SlotsChanged(
        "The passive slot changed since this command was planned; nothing was done.",
        f"Planned for: passive {planned or 'unread'}. Found: {snapshot.slots}.",
        "Run `pulumi preview` and read the new plan; somebody may have had a reason to change the slot.",
    )


def deletion_failed(generation: str, urn: str | None, error: TrustError) -> TrustError:
    """Return the error of a deletion, in its own class, with the ways out."""
    urn = urn or "<the URN that `pulumi stack --show-urns` prints>"
    return type(error)(
        f"The passive certificate of generation {generation!r} was not deleted. {error.what}",
        f"{error.why} Removing the resource empties the passive slot of the subaccount, and that needs the service.",
        f"{error.remedy} To keep the certificate, restore the resource in the program with retain_on_delete=True in "
        "its options, deploy, then remove it. If the subaccount is gone, remove the resource from the state: "
        f"pulumi state delete '{urn}'",
    )
