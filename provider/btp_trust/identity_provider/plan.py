"""What a deployment does to the registration of a subaccount in another one: keep it, create it, or change its content.

Only the provider with the declared origin key is ever touched. What a person set in it beside name, metadata and
activity is kept. Metadata is compared by its meaning: whom it trusts, as whom, in which layout. So a document that was
written before this one had a SingleSignOnService counts as the same; the next write adds it.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from msgspec import Struct

from btp_trust.certificate import Certificate
from btp_trust.errors import Refused
from btp_trust.formatting import format_day, short_fingerprint
from btp_trust.saml.metadata import IdentityProvider, MetadataLayout, write_metadata


class OnDelete(StrEnum):
    """What a removal of the resource does to the registration."""

    DELETE = "delete"
    """It is deleted, with the users who came from it and their role collection assignments."""
    DEACTIVATE = "deactivate"
    """It stays, inactive, and keeps its users."""


class DesiredRegistration(Struct, frozen=True):
    """What is to be registered."""

    origin_key: str
    name: str | None
    """None: the origin key at first, then the name that it has."""
    entity_id: str
    layout: MetadataLayout
    certificates: tuple[Certificate, ...]
    """One or two, the signer first."""

    @property
    def fingerprints(self) -> list[str]:
        """The fingerprints that are to be trusted, sorted."""
        return sorted({certificate.fingerprint for certificate in self.certificates})

    @property
    def expiries(self) -> dict[str, str]:
        """{fingerprint: when it expires} of them, as a preview shows them: one that goes is one line."""
        return {
            certificate.fingerprint: f"expires {format_day(certificate.not_after)}"
            for certificate in sorted(self.certificates, key=lambda certificate: certificate.fingerprint)
        }

    def trusted_already(self, provider: IdentityProvider | None) -> list[str]:
        """List those of them that users can log on by already."""
        metadata = None if provider is None or not provider.active else provider.metadata
        if metadata is None or metadata.entity_id != self.entity_id:
            return []
        return [fingerprint for fingerprint in self.fingerprints if fingerprint in metadata.fingerprints]

    @property
    def document(self) -> str:
        """The SAML metadata."""
        return write_metadata(self.certificates, entity_id=self.entity_id, layout=self.layout)

    def body(self, provider: IdentityProvider | None) -> dict[str, Any]:
        """Return the body of a write, which keeps the settings of the one that is there."""
        # A PUT sets back what is left out, so the settings are sent as they were read. A new one hides its link:
        # the Destination service has no logon page.
        config = {"showSamlLink": False} if provider is None else provider.config or {}
        return {
            "type": "saml",
            "originKey": self.origin_key,
            # A write needs one: the UAA answers 500 if it is missing.
            "name": self.name or (self.origin_key if provider is None else provider.name),
            **_activity_fields(active=True),
            "config": {**config, "metaDataLocation": self.document, "idpEntityAlias": self.origin_key},
        }

    def differences(self, provider: IdentityProvider) -> list[str]:
        """List what is to change in an identity provider."""
        metadata = provider.metadata
        changes = self._certificate_changes(set(() if metadata is None else metadata.fingerprints))
        if metadata is not None and metadata.entity_id != self.entity_id:
            changes.append(f"entity ID {self.entity_id}")
        # Any other change writes the metadata again, in the desired layout.
        if metadata is not None and metadata.layout not in (None, self.layout) and not changes:
            changes.append(f"layout {self.layout}")
        if self.name not in (None, provider.name):
            changes.append(f"name {self.name!r}")
        if not provider.active:
            changes.append("active again")
        return changes

    def _certificate_changes(self, trusted: set[str]) -> list[str]:
        desired, changes = set(self.fingerprints), []
        if added := desired - trusted:
            changes.append(f"trust {_short_list(added)}{' as well' if desired & trusted else ''}")
        if removed := trusted - desired:
            changes.append(f"no longer trust {_short_list(removed)}")
        return changes


class RegistrationStep(Struct, frozen=True):
    """What is to be done, if anything."""

    provider: IdentityProvider | None
    sentence: str | None = None
    """None: all is as desired."""
    writes: bool = True
    """Whether a request is sent; adopting what has the desired content takes none."""


def deactivation_body(provider: IdentityProvider) -> dict[str, Any]:
    """Return the body of a write that makes it inactive, and keeps the rest.

    Raises:
        Refused: Its settings cannot be read, so that they would be lost.
    """
    if provider.config is None:
        raise _unreadable(provider)
    return {
        "type": provider.type,
        "originKey": provider.origin_key,
        "name": provider.name or provider.origin_key,
        **_activity_fields(active=False),
        "config": provider.config,
    }


def removal_text(origin_key: str, on_delete: OnDelete, preexisting: str | None) -> str:
    """Describe what a removal of the resource does to the registration: the preview of a removal shows it.

    The input `subaccount` of the same preview names the subaccount that trusts.

    Args:
        origin_key: Which identity provider.
        on_delete: The program's choice.
        preexisting: Its ID, if it was there before the resource.
    """
    provider = f"identity provider {origin_key!r}"
    text = f"sets {provider} inactive in the subaccount that trusts, which keeps its users and their role collections"
    if on_delete is OnDelete.DELETE:
        text = (
            f"deletes {provider} in the subaccount that trusts, with its users there and their role collection "
            "assignments"
        )
    if preexisting is not None:
        text += f"; it was there before this resource ({preexisting}): another stack may rely on it"
    return text


def _activity_fields(*, active: bool) -> dict[str, bool]:
    """Write it by both names: the UAA reads `active` alone, and SAP's pages have `isActive`."""
    return {"active": active, "isActive": active}


def find_by_origin_key(origin_key: str, providers: Iterable[IdentityProvider]) -> IdentityProvider | None:
    """Return the provider with this origin key."""
    return next((provider for provider in providers if provider.origin_key == origin_key), None)


def decide(
    desired: DesiredRegistration, providers: Iterable[IdentityProvider], *, recorded: str | None, adopt: str | None
) -> RegistrationStep:
    """Decide on the step to the desired registration.

    Args:
        desired: What is to be registered.
        providers: All that the subaccount has.
        recorded: ID of the one that the resource registered or adopted, by its state.
        adopt: ID of one that another client created and that may be adopted.

    Raises:
        Refused: Another client created one with this origin key, or one with this entity ID.
    """
    providers = tuple(providers)
    provider = find_by_origin_key(desired.origin_key, providers)
    # Inactive ones count as well: the UAA answers 409.
    _refuse_same_entity(desired, providers)
    if provider is None:
        return RegistrationStep(None, f"register {desired.origin_key!r}: trust {_short_list(desired.fingerprints)}")
    if provider.type != "saml":
        why = f"Its type is {provider.type!r}; this resource manages only SAML identity providers."
        raise _origin_key_taken(desired, why, "")
    if provider.config is None or not provider.id:
        raise _unreadable(provider)
    differences = desired.differences(provider)
    # An unnamed one is touched only where its owner keeps everything.
    is_known = provider.id in (recorded, adopt)
    # An inactive one in the place of the recorded one was made by somebody since.
    is_deactivated_by_us = recorded is None and _is_deactivated_by_us(desired, provider)
    if not (is_known or is_deactivated_by_us or _matches_written_document(desired, provider, differences)):
        raise _foreign_provider(desired, provider, recorded)
    if provider.id == recorded:
        return RegistrationStep(provider, ", ".join(differences) or None)
    name = f"{desired.origin_key!r}, which this resource did not register ({provider.id})"
    if not differences:
        return RegistrationStep(
            provider, f"adopt {name}: it has this content already, and nothing is written", writes=False
        )
    return RegistrationStep(provider, f"adopt {name}: {', '.join(differences)}")


def _is_deactivated_by_us(desired: DesiredRegistration, provider: IdentityProvider) -> bool:
    """Whether it is what a removal with on_delete="deactivate" leaves, by which users cannot log on."""
    metadata = provider.metadata
    return not provider.active and metadata is not None and metadata.entity_id == desired.entity_id


def _matches_written_document(desired: DesiredRegistration, provider: IdentityProvider, differences: list[str]) -> bool:
    """Whether it is to the letter what would be written: as an interrupted run, or another stack, left it."""
    return not differences and (provider.config or {}).get("metaDataLocation") == desired.document


def _foreign_provider(desired: DesiredRegistration, provider: IdentityProvider, recorded: str | None) -> Refused:
    trusted = ", ".join(provider.trusted) or "no certificate that can be read"
    made = "was not registered by this resource" if recorded is None else "is not the one that this resource registered"
    return _origin_key_taken(desired, f"It {made}. It trusts {trusted}.", f'To adopt it: adopt="{provider.id}". ')


def _unreadable(provider: IdentityProvider) -> Refused:
    what = "settings" if provider.id else "an ID"
    return Refused(
        f"Identity provider {provider.origin_key!r} has {what} that cannot be read.",
        "It is replaced as a whole, so that what a person set in it would be lost.",
        "Look at it in the cockpit: save it there again, or delete it, and run again.",
        prop="origin_key",
    )


def _refuse_same_entity(desired: DesiredRegistration, providers: Iterable[IdentityProvider]) -> None:
    for provider in providers:
        metadata = provider.metadata
        is_other = provider.origin_key != desired.origin_key
        if is_other and metadata is not None and metadata.entity_id == desired.entity_id:
            raise Refused(
                f"Identity provider {provider.origin_key!r} has the entity ID {desired.entity_id} already.",
                "A subaccount cannot tell two identity providers with one entity ID apart.",
                f'To adopt it: origin_key="{provider.origin_key}", adopt="{provider.id}". '
                "Or delete it in the cockpit first.",
                prop="origin_key",
            )


def _origin_key_taken(desired: DesiredRegistration, why: str, alternative: str) -> Refused:
    return Refused(
        f"There is an identity provider with origin key {desired.origin_key!r} already.",
        why,
        f"{alternative}Or choose another origin key.",
        prop="origin_key",
    )


def _short_list(fingerprints: Iterable[str]) -> str:
    return ", ".join(map(short_fingerprint, sorted(fingerprints)))
