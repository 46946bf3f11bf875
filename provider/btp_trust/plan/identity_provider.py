"""What becomes of the registration of a subaccount in another one: nothing, a new one, or another content.

Only the provider with the declared origin key is ever touched. What a person set in it beside name, metadata and
whether it is active is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from btp_trust.certificate import Certificate
from btp_trust.errors import Refused
from btp_trust.model import brief
from btp_trust.saml import IdentityProvider, Layout, write


@dataclass(frozen=True, slots=True)
class Wanted:
    """What shall be registered."""

    origin_key: str
    name: str | None
    """None: the origin key at first, then whatever it is."""
    entity_id: str
    layout: Layout
    certificates: tuple[Certificate, ...]
    """One or two, what signs first."""

    @property
    def fingerprints(self) -> list[str]:
        """What shall be trusted, sorted."""
        return sorted({each.fingerprint for each in self.certificates})

    def body(self, found: IdentityProvider | None) -> dict[str, Any]:
        """Write what is sent, with the settings that it has kept."""
        config = {"showSamlLink": False} if found is None else found.config
        document = write(self.certificates, entity_id=self.entity_id, layout=self.layout)
        return {
            "type": "saml",
            "originKey": self.origin_key,
            "name": self.name or (self.origin_key if found is None else found.name),
            "isActive": True,
            "config": {**config, "metaDataLocation": document, "idpEntityAlias": self.origin_key},
        }

    def differences(self, found: IdentityProvider) -> list[str]:
        """Say what is to change in what was found; nothing if all is as wanted."""
        metadata = found.metadata
        held = set(() if metadata is None else metadata.fingerprints)
        wanted = set(self.fingerprints)
        said = []
        if wanted - held:
            said.append(f"trust {_briefly(wanted - held)}{' as well' if wanted & held else ''}")
        if held - wanted:
            said.append(f"no longer trust {_briefly(held - wanted)}")
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
    """None: nothing."""


def find(origin_key: str, providers: Iterable[IdentityProvider]) -> IdentityProvider | None:
    """Return the provider with this origin key."""
    return next((each for each in providers if each.origin_key == origin_key), None)


def decide(wanted: Wanted, providers: Iterable[IdentityProvider], *, recorded: str | None, adopt: str | None) -> Step:
    """Decide.

    Args:
        wanted: What shall be registered.
        providers: All that the subaccount has.
        recorded: ID of the one that the resource registered or took over, by its state.
        adopt: ID of one that somebody else made and that may be taken over.

    Raises:
        Refused: Somebody else made one with this origin key, or one with this entity ID.
    """
    providers = tuple(providers)
    found = find(wanted.origin_key, providers)
    _refuse_same_entity(wanted, providers)
    if found is None:
        return Step(None, f"register {wanted.origin_key!r}: trust {_briefly(wanted.fingerprints)}")
    if found.type != "saml":
        raise _taken(wanted, f"It is of type {found.type!r}, which this resource never makes.", "")
    differences = wanted.differences(found)
    as_wanted = not differences and found.config.get("metaDataLocation") == _document(wanted)
    if found.id not in (recorded, adopt) and not as_wanted:
        raise _of_somebody_else(wanted, found, recorded)
    taken = "" if found.id == recorded else f"take over {wanted.origin_key!r}: "
    return Step(found, f"{taken}{', '.join(differences)}" if differences else None)


def _of_somebody_else(wanted: Wanted, found: IdentityProvider, recorded: str | None) -> Refused:
    held = ", ".join(found.trusted) or "no certificate that can be read"
    made = "was not made by this resource" if recorded is None else "is not the one that this resource registered"
    return _taken(wanted, f"It {made}. It trusts {held}.", f'To take it over: adopt="{found.id}". ')


def _document(wanted: Wanted) -> str:
    return write(wanted.certificates, entity_id=wanted.entity_id, layout=wanted.layout)


def _refuse_same_entity(wanted: Wanted, providers: Iterable[IdentityProvider]) -> None:
    for each in providers:
        metadata = each.metadata
        if each.origin_key != wanted.origin_key and metadata is not None and metadata.entity_id == wanted.entity_id:
            raise Refused(
                f"Identity provider {each.origin_key!r} has the entity ID {wanted.entity_id} already.",
                "A subaccount cannot tell two identity providers with one entity ID apart.",
                f'To take it over: origin_key="{each.origin_key}", adopt="{each.id}". '
                "Or delete it in the cockpit first.",
                prop="origin_key",
            )


def _taken(wanted: Wanted, why: str, way: str) -> Refused:
    return Refused(
        f"There is an identity provider with origin key {wanted.origin_key!r} already.",
        why,
        f"{way}Or choose another origin key.",
        prop="origin_key",
    )


def _briefly(fingerprints: Iterable[str]) -> str:
    return ", ".join(brief(each) for each in sorted(fingerprints))
