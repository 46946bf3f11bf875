"""What is unknown of the real service, and what the emulator does about it.

Each choice is an enum whose members are the values of the command line's option of the same name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class SerialSign(Enum):
    """The sign of a new certificate's 10-byte serial number (real ones were seen with both)."""

    RANDOM = "random"
    NEGATIVE = "negative"
    POSITIVE = "positive"


class Lifetime(Enum):
    """How long two years are; it makes a difference only when they contain a 29 February."""

    CALENDAR_YEARS = "calendar-years"
    DAYS_730 = "730-days"


class RotateWithoutActive(Enum):
    """What rotating does when there is a passive certificate but no active one."""

    REFUSE = "refuse"
    """404, with the text that names the active key pair."""
    SWAP = "swap"
    """The passive certificate becomes active; the answer has no `passiveCertificate`."""


class PassiveWithoutActive(Enum):
    """What generating a passive certificate does when there is no active one."""

    GENERATE = "generate"
    REFUSE = "refuse"
    """400 with a JSON error: no 404 is documented for this operation."""


class MetadataLayout(Enum):
    """Where the SAML metadata puts the passive certificate."""

    SECOND_KEY_DESCRIPTOR = "second-key-descriptor"
    SECOND_X509_DATA = "second-x509-data"
    """Inside the one `KeyInfo`."""


class NotFoundText(Enum):
    """The text of the JSON error for a missing key pair: clients must not depend on it."""

    SPECIFIED = "specified"
    """As in SAP's API description."""
    RECORDED = "recorded"
    """As recorded from a real landscape, by another way in."""


class MetadataCertificates(Enum):
    """Which certificates in the metadata of one identity provider a subaccount goes by, if there are several."""

    ALL = "all"
    FIRST = "first"
    FIRST_OF_X509_DATA = "first-of-x509-data"
    """The first in each `X509Data`, as versions of the UAA up to 77.18 have it."""


class ProviderMetadata(Enum):
    """What the metadata of an identity provider must have to be registered."""

    COMPLETE = "complete"
    """A certificate to sign with, and a `SingleSignOnService` for browsers, as of version 77.2x of the UAA."""
    ANY = "any"
    """Nothing but an entity ID, as up to 77.18; without a certificate that can be read, each assertion is refused."""


class IsActive(Enum):
    """What the field `isActive` of an identity provider is, which SAP's examples send, beside `active`."""

    IGNORED = "ignored"
    """Nothing, as in the UAA: it does not switch a provider off, and no answer has it."""
    HONORED = "taken"
    """The same as `active`, in requests and in answers."""


class ActiveFilter(Enum):
    """Which parameter of a list of identity providers decides whether inactive ones are in it."""

    EITHER = "either"
    UAA = "active_only"
    SAP = "activeOnly"


class InactiveProviders(Enum):
    """Whether a list of identity providers has inactive ones if no parameter says so."""

    LISTED = "listed"
    HIDDEN = "hidden"


class Bearer(Enum):
    """Which assertions a subaccount's token service takes, and what it says of the others."""

    STRICT = "strict"
    """What both of the others take, with the texts of the newer one."""
    OLD = "old"
    """As version 77.18 of the UAA."""
    CURRENT = "current"
    """As version 77.2x, without the fault of some that unsigned assertions are taken."""


class Replay(Enum):
    """Whether a subaccount's token service takes an assertion a second time."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


class TokenCache(Enum):
    """Whether finding a destination gives the user the token, or assertion, of an earlier time."""

    OFF = "off"
    UNTIL_EXPIRY = "until-expiry"
    """Yes, as long as it is valid, whatever was rotated since: a success from the cache hides a target's refusal."""


@dataclass(frozen=True, slots=True)
class Switches:
    """One decision for each thing that no public source tells of the real service.

    The defaults: serials of either sign, as real certificates show; calendar years, as an (edited) screenshot suggests;
    rotating needs both certificates; a passive certificate needs no active one, because that operation documents no
    404; metadata gives the passive certificate a key descriptor of its own, as SAML does for a key change; error texts
    as SAP's API description has them; a trusting subaccount goes by all certificates of the metadata, as SAML means
    it; and tokens are not cached, though SAP says that they are, but not for how long, so that a test sees what a
    target says now.

    What identity providers and assertions meet at a trusting subaccount is as in the open-source UAA, on which XSUAA is
    built, and where its versions differ, as in the newest that was asked, unless a more careful client is the result:
    metadata has to be complete; and `isActive`, which SAP's examples have, is nothing. Inactive providers are listed,
    and either parameter leaves them out. Assertions have to satisfy both versions of the token service that were asked,
    and may be presented again: neither refuses that.
    """

    serial_sign: SerialSign = SerialSign.RANDOM
    lifetime: Lifetime = Lifetime.CALENDAR_YEARS
    rotate_without_active: RotateWithoutActive = RotateWithoutActive.REFUSE
    passive_without_active: PassiveWithoutActive = PassiveWithoutActive.GENERATE
    metadata_layout: MetadataLayout = MetadataLayout.SECOND_KEY_DESCRIPTOR
    not_found_text: NotFoundText = NotFoundText.SPECIFIED
    metadata_certificates: MetadataCertificates = MetadataCertificates.ALL
    token_cache: TokenCache = TokenCache.OFF
    provider_metadata: ProviderMetadata = ProviderMetadata.COMPLETE
    is_active: IsActive = IsActive.IGNORED
    active_filter: ActiveFilter = ActiveFilter.EITHER
    inactive_providers: InactiveProviders = InactiveProviders.LISTED
    bearer: Bearer = Bearer.STRICT
    replay: Replay = Replay.ACCEPTED
