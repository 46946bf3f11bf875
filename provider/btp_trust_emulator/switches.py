"""What is unknown of the real service, and what the emulator does about it.

Each choice is an enum. The members of those in `Switches` are the values of the command line's option of the same name;
the control plane sets `S4Switches`, for one S/4HANA tenant each.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated

import msgspec


class SerialSign(Enum):
    """The sign of a new certificate's 10-byte serial number (real ones were seen with both)."""

    RANDOM = "random"
    NEGATIVE = "negative"
    POSITIVE = "positive"


class Lifetime(Enum):
    """How long two years are, if they contain a 29 February."""

    CALENDAR_YEARS = "calendar-years"
    DAYS_730 = "730-days"


class RotateWithoutActive(Enum):
    """What a swap does if the active slot alone is empty."""

    REFUSE = "refuse"
    """404, with the text that names the active key pair."""
    SWAP = "swap"
    """The passive certificate becomes active; the response has only `activeCertificate`."""


class PassiveWithoutActive(Enum):
    """What generating a passive certificate does if the active slot is empty."""

    GENERATE = "generate"
    REFUSE = "refuse"
    """400 with a JSON error: a 404 is undocumented for this operation."""


class MetadataLayout(Enum):
    """Where the SAML metadata puts the passive certificate."""

    SECOND_KEY_DESCRIPTOR = "second-key-descriptor"
    SECOND_X509_DATA = "second-x509-data"
    """Inside the one `KeyInfo`."""


class NotFoundText(Enum):
    """The text of the JSON error for a missing key pair; clients must not depend on it."""

    SPECIFIED = "specified"
    """As in SAP's API description."""
    RECORDED = "recorded"
    """As recorded from a real landscape, through another API."""


class MetadataCertificates(Enum):
    """Which certificates count if the metadata of an identity provider contains several."""

    ALL = "all"
    FIRST = "first"
    FIRST_OF_X509_DATA = "first-of-x509-data"
    """The first in each `X509Data`, as versions of the UAA up to 77.18 have it."""


class ProviderMetadata(Enum):
    """What metadata needs to be registered."""

    COMPLETE = "complete"
    """A certificate to sign with, and a `SingleSignOnService` for browsers, as of version 77.2x of the UAA."""
    ANY = "any"
    """Only an entity ID, as up to 77.18; if no certificate can be read, each assertion is rejected."""


class IsActive(Enum):
    """What the field `isActive` of an identity provider means; SAP's examples send it beside `active`."""

    IGNORED = "ignored"
    """Nothing, as in the UAA: only `active` switches a provider off, and responses leave `isActive` out."""
    HONORED = "taken"
    """The same as `active`, in requests and in responses."""


class ActiveFilter(Enum):
    """Which parameter of a list of identity providers leaves inactive ones out."""

    EITHER = "either"
    UAA = "active_only"
    SAP = "activeOnly"


class InactiveProviders(Enum):
    """Whether a list of identity providers has inactive ones if both parameters are missing."""

    LISTED = "listed"
    HIDDEN = "hidden"


class Bearer(Enum):
    """Which assertions a subaccount's token service accepts, and the texts of its rejections."""

    STRICT = "strict"
    """What both of the others accept, with the texts of the newer one."""
    OLD = "old"
    """As version 77.18 of the UAA."""
    CURRENT = "current"
    """As version 77.2x; unlike in some of these, unsigned assertions are rejected."""


class Replay(Enum):
    """Whether a subaccount's token service accepts an assertion a second time."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


class TokenCache(Enum):
    """Whether finding a destination returns an earlier token or assertion of the user."""

    OFF = "off"
    UNTIL_EXPIRY = "until-expiry"
    """Yes, while it is valid, even after a swap: a success from the cache hides a target's rejection."""


@dataclass(frozen=True, slots=True)
class Switches:
    """One decision for each point that public sources leave open.

    The defaults: serials of either sign, as real certificates show; calendar years, as an (edited) screenshot suggests;
    a swap needs both certificates; a passive certificate can be generated first, because a 404 is undocumented for that
    operation; metadata has a key descriptor for each certificate, as SAML does for a key change; error texts are those
    of SAP's API description; a trusting subaccount uses all certificates of the metadata, as SAML means it. Tokens are
    not cached, although SAP says that they are, but not for how long: so a test sees what a target says now.

    A trusting subaccount treats identity providers and assertions as the open-source UAA does, on which XSUAA is built.
    Where versions of the UAA differ, the newest one counts, unless another choice makes clients more careful: metadata
    has to be complete, and `isActive`, which SAP's examples have, is ignored. Inactive providers are listed, and either
    parameter leaves them out. Assertions have to satisfy both versions of the token service, and may be presented
    again, as in both versions.
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


class FieldFormat(Enum):
    """What `…CertificatePublicKeyBase64` of a communication system holds; text of another format is refused."""

    CERTIFICATE = "certificate"
    """Base64 of the certificate's DER, in one line."""
    PEM = "pem"
    """The PEM with its BEGIN and END, with line breaks or without; the emulator itself writes one line."""
    KEY = "key"
    """Base64 of the key alone (SubjectPublicKeyInfo), in one line."""


class PatchProperties(Enum):
    """Which properties of a certificate PATCH takes."""

    ALL = "all"
    BASE64_ALONE = "base64-alone"
    """Subject and issuer are refused with 400."""
    IGNORED = "ignored"
    """All are accepted, and the certificate stays: OData lets a service ignore what is sent for a computed property."""
    NONE = "none"
    """Systems cannot be patched: 405."""


class SubjectAndIssuer(Enum):
    """What the subject and the issuer beside a certificate are."""

    COMPUTED = "computed"
    """The names in the certificate; empty if only a key is stored."""
    AS_SENT = "as-sent"
    """What was sent last."""


class Etags(Enum):
    """Whether communication systems have ETags."""

    REQUIRED = "required"
    """Yes, and a PATCH without `If-Match` is refused with 428."""
    OPTIONAL = "optional"
    OFF = "off"
    """No, and `If-Match` is ignored."""


class ProviderNames(Enum):
    """Whether two systems of a tenant may have the same provider name in a block."""

    UNIQUE = "unique"
    SHARED = "shared"
    """Yes, and the tenant accepts the certificates of both."""


class CertificateProfile(Enum):
    """Which certificates a communication system takes; trust certificates have RSA 4096, SHA-512 and odd serials."""

    ANY = "any"
    RSA_2048 = "rsa-2048"
    """RSA keys of up to 2048 bits."""
    SHA_256 = "sha-256"
    """Certificates that are signed with RSA and SHA-256."""
    POSITIVE_SERIAL = "positive-serial"


class Edition(Enum):
    """The edition of S/4HANA: the Private Edition answers every request for communication systems with 500."""

    PUBLIC = "public"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class S4Switches:
    """One decision for each point of a tenant's communication systems that public sources leave open.

    The defaults make clients careful: they have to send ETags and keep provider names apart. A patch counts after
    `effect_delay_seconds` of the clock; `lock_after` failed logons in a row lock the communication user; a session,
    with its CSRF token, ends after `session_seconds`.
    """

    field_format: FieldFormat = FieldFormat.CERTIFICATE
    patch_properties: PatchProperties = PatchProperties.ALL
    subject_and_issuer: SubjectAndIssuer = SubjectAndIssuer.COMPUTED
    etags: Etags = Etags.REQUIRED
    provider_names: ProviderNames = ProviderNames.UNIQUE
    certificate_profile: CertificateProfile = CertificateProfile.ANY
    edition: Edition = Edition.PUBLIC
    effect_delay_seconds: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    lock_after: Annotated[int, msgspec.Meta(ge=1)] = 5
    session_seconds: Annotated[float, msgspec.Meta(ge=0)] = 1800.0
