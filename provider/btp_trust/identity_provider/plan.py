"""What becomes of the registration of a subaccount in another one: nothing, a new one, or another content.

Only the provider with the declared origin key is ever touched. What a person set in it beside name, metadata and
whether it is active is kept. Metadata is compared by what it means: whom it trusts, as whom, in which layout. So one
that was written without a SingleSignOnService, and that the service took, is no difference; the next write adds it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from btp_trust.certificate import Certificate
from btp_trust.errors import Refused
from btp_trust.formatting import short_fingerprint
from btp_trust.saml.metadata import IdentityProvider, MetadataLayout, write_metadata


class OnDelete(StrEnum):
    """What becomes of the registration when the resource is removed."""

    DELETE = "delete"
    """It is deleted, and with it the users who came from it and what they were assigned."""
    DEACTIVATE = "deactivate"
    """It stays, inactive, and keeps its users."""


@dataclass(frozen=True, slots=True)
class DesiredRegistration:
    """What shall be registered."""

    origin_key: str
    name: str | None
    """None: the origin key at first, then whatever it is."""
    entity_id: str
    layout: MetadataLayout
    certificates: tuple[Certificate, ...]
    """One or two, what signs first."""

    @property
    def fingerprints(self) -> list[str]:
        """What shall be trusted, sorted."""
        return sorted({each.fingerprint for each in self.certificates})

    def certificates_before(self, found: IdentityProvider | None) -> list[str]:
        """List what of that is trusted already: nothing while users cannot log on by it."""
        metadata = None if found is None or not found.active else found.metadata
        if metadata is None or metadata.entity_id != self.entity_id:
            return []
        return [each for each in self.fingerprints if each in metadata.fingerprints]

    def body(self, found: IdentityProvider | None) -> dict[str, Any]:
        """Write what is sent, with the settings that it has kept."""
        config = {"showSamlLink": False} if found is None else found.config or {}
        document = write_metadata(self.certificates, entity_id=self.entity_id, layout=self.layout)
        return {
            "type": "saml",
            "originKey": self.origin_key,
            "name": self.name or (self.origin_key if found is None else found.name),
            **_activity_fields(active=True),
            "config": {**config, "metaDataLocation": document, "idpEntityAlias": self.origin_key},
        }

    def differences(self, found: IdentityProvider) -> list[str]:
        """Say what is to change in what was found; nothing if all is as wanted."""
        metadata = found.metadata
        certificates_before = set(() if metadata is None else metadata.fingerprints)
        desired = set(self.fingerprints)
        said = []
        if desired - certificates_before:
            said.append(
                f"trust {_short_list(desired - certificates_before)}{' as well' if desired & certificates_before else ''}"
            )
        if certificates_before - desired:
            said.append(f"no longer trust {_short_list(certificates_before - desired)}")
        if metadata is not None and metadata.entity_id != self.entity_id:
            said.append(f"entity ID {self.entity_id}")
        if metadata is not None and metadata.layout not in (None, self.layout) and not said:
            said.append(f"layout {self.layout}")
        if self.name not in (None, found.name):
            said.append(f"name {self.name!r}")
        if not found.active:
            said.append("active again")
        return said


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done, if anything."""

    found: IdentityProvider | None
    sentence: str | None = None
    """None: nothing, and there is nothing to say."""
    writes: bool = True
    """Whether something is sent: not if what is there is only adopted."""


def deactivation_body(found: IdentityProvider) -> dict[str, Any]:
    """Write what is sent to make it inactive, and to change nothing else.

    Raises:
        Refused: Its settings cannot be read, so that they would be lost.
    """
    if found.config is None:
        raise _unreadable(found)
    return {
        "type": found.type,
        "originKey": found.origin_key,
        "name": found.name or found.origin_key,
        **_activity_fields(active=False),
        "config": found.config,
    }


def removal_text(subaccount_id: str, on_delete: OnDelete, preexisting: str | None) -> str:
    """Say what becomes of the registration when the resource is removed: the preview of a removal shows it.

    Args:
        subaccount_id: Where it is.
        on_delete: What was chosen.
        preexisting: Its ID, if the resource found it and did not make it.
    """
    said = f"sets it inactive in {subaccount_id}, where its users and what they were assigned stay"
    if on_delete is OnDelete.DELETE:
        said = f"deletes it in {subaccount_id}, with its users there and all that they were assigned"
    if preexisting is not None:
        said += f"; it was there before this resource ({preexisting}): another stack may rely on it"
    return said


def _activity_fields(*, active: bool) -> dict[str, bool]:
    """Say it by both names: the UAA reads `active` alone, and SAP's pages have `isActive`."""
    return {"active": active, "isActive": active}


def find_by_origin_key(origin_key: str, providers: Iterable[IdentityProvider]) -> IdentityProvider | None:
    """Return the provider with this origin key."""
    return next((each for each in providers if each.origin_key == origin_key), None)


def decide(
    desired: DesiredRegistration, providers: Iterable[IdentityProvider], *, recorded: str | None, adopt: str | None
) -> Step:
    """Decide.

    Args:
        desired: What shall be registered.
        providers: All that the subaccount has.
        recorded: ID of the one that the resource registered or took over, by its state.
        adopt: ID of one that somebody else made and that may be taken over.

    Raises:
        Refused: Somebody else made one with this origin key, or one with this entity ID.
    """
    providers = tuple(providers)
    found = find_by_origin_key(desired.origin_key, providers)
    _refuse_same_entity(desired, providers)
    if found is None:
        return Step(None, f"register {desired.origin_key!r}: trust {_short_list(desired.fingerprints)}")
    if found.type != "saml":
        raise _origin_key_taken(desired, f"It is of type {found.type!r}, which this resource never makes.", "")
    if found.config is None or not found.id:
        raise _unreadable(found)
    differences = desired.differences(found)
    is_known = found.id in (recorded, adopt)
    is_left = recorded is None and _is_left_deactivated(desired, found)
    if not is_known and not is_left and not _is_as_written(desired, found, differences):
        raise _foreign_provider(desired, found, recorded)
    if found.id == recorded:
        return Step(found, ", ".join(differences) or None)
    name = f"{desired.origin_key!r}, which this resource did not make ({found.id})"
    if not differences:
        return Step(found, f"adopt {name}: it has this content already, and nothing is written", writes=False)
    return Step(found, f"take over {name}: {', '.join(differences)}")


def _is_left_deactivated(desired: DesiredRegistration, found: IdentityProvider) -> bool:
    """Whether it is what a removal with on_delete="deactivate" leaves: nobody can log on by it."""
    metadata = found.metadata
    return not found.active and metadata is not None and metadata.entity_id == desired.entity_id


def _is_as_written(desired: DesiredRegistration, found: IdentityProvider, differences: list[str]) -> bool:
    """Whether it is to the letter what would be written: as an interrupted run, or another stack, left it."""
    return not differences and (found.config or {}).get("metaDataLocation") == _metadata_document(desired)


def _foreign_provider(desired: DesiredRegistration, found: IdentityProvider, recorded: str | None) -> Refused:
    certificates_before = ", ".join(found.trusted) or "no certificate that can be read"
    made = "was not made by this resource" if recorded is None else "is not the one that this resource registered"
    return _origin_key_taken(
        desired, f"It {made}. It trusts {certificates_before}.", f'To take it over: adopt="{found.id}". '
    )


def _unreadable(found: IdentityProvider) -> Refused:
    what = "settings" if found.id else "an ID"
    return Refused(
        f"Identity provider {found.origin_key!r} has {what} that cannot be read.",
        "It is replaced as a whole, so that what a person set in it would be lost.",
        "Look at it in the cockpit: save it there anew, or delete it, and run again.",
        prop="origin_key",
    )


def _metadata_document(desired: DesiredRegistration) -> str:
    return write_metadata(desired.certificates, entity_id=desired.entity_id, layout=desired.layout)


def _refuse_same_entity(desired: DesiredRegistration, providers: Iterable[IdentityProvider]) -> None:
    for each in providers:
        metadata = each.metadata
        if each.origin_key != desired.origin_key and metadata is not None and metadata.entity_id == desired.entity_id:
            raise Refused(
                f"Identity provider {each.origin_key!r} has the entity ID {desired.entity_id} already.",
                "A subaccount cannot tell two identity providers with one entity ID apart.",
                f'To take it over: origin_key="{each.origin_key}", adopt="{each.id}". '
                "Or delete it in the cockpit first.",
                prop="origin_key",
            )


def _origin_key_taken(desired: DesiredRegistration, why: str, way: str) -> Refused:
    return Refused(
        f"There is an identity provider with origin key {desired.origin_key!r} already.",
        why,
        f"{way}Or choose another origin key.",
        prop="origin_key",
    )


def _short_list(fingerprints: Iterable[str]) -> str:
    return ", ".join(short_fingerprint(each) for each in sorted(fingerprints))
