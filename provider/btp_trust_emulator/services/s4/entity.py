"""A communication system as an entity, and changes of it by properties."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from btp_trust_emulator.backend.communication_system import TrustBlock
from btp_trust_emulator.backend.target_system import TOKEN_PATH
from btp_trust_emulator.services.s4.odata import ODataError
from btp_trust_emulator.switches import Etags, PatchProperties

if TYPE_CHECKING:
    from collections.abc import Mapping

    from btp_trust_emulator.backend.communication_system import CommunicationSystem
    from btp_trust_emulator.backend.s4_tenant import Tenant

_BLOCK_PREFIXES = {TrustBlock.OAUTH2: "OAuth2IdentityProvider", TrustBlock.SAML_BEARER: "SAMLBearerAssertionProvider"}
_BLOCK_FIELDS = {
    "Is{prefix}Active": "is_active",
    "{prefix}Name": "provider_name",
    "{prefix}UserLogonType": "logon_type",
    "{prefix}CertificateSubject": "subject",
    "{prefix}CertificateIssuer": "issuer",
    "{prefix}CertificatePublicKeyBase64": "certificate",
}
BLOCK_PROPERTIES = {
    name.format(prefix=prefix): (block, attribute)
    for block, prefix in _BLOCK_PREFIXES.items()
    for name, attribute in _BLOCK_FIELDS.items()
}
"""The properties of the blocks, and where a system keeps each."""
OWN_PROPERTIES = {"Name": "name", "HostName": "host_name"}
"""Further properties that may be written."""
READ_ONLY = ("UUID", "ID", "Type", "DestinationServiceName", "OAuth2TokenEndpoint", "OAuth2Audience")
PROPERTIES = frozenset({*READ_ONLY, *OWN_PROPERTIES, *BLOCK_PROPERTIES})
NAVIGATIONS = frozenset({"InboundUsers", "OutboundUsers"})
_NAMES = [name for name, (_, attribute) in BLOCK_PROPERTIES.items() if attribute in {"subject", "issuer"}]
_CERTIFICATES = [name for name, (_, attribute) in BLOCK_PROPERTIES.items() if attribute == "certificate"]
_LOGON_TYPES = {"user_name", "user_uuid"}


def entity(tenant: Tenant, system: CommunicationSystem, base: str, expand: tuple[str, ...] = ()) -> dict[str, object]:
    """Return a system as an entity of the tenant whose base URL is `base`."""
    tag = {} if tenant.switches.etags is Etags.OFF else {"@odata.etag": system.etag}
    properties: dict[str, object] = {
        "UUID": system.uuid,
        "ID": system.system_id,
        "Name": system.name,
        "HostName": system.host_name,
        "Type": "",
        "DestinationServiceName": "",
        "OAuth2TokenEndpoint": f"{base}{TOKEN_PATH}",
        "OAuth2Audience": tenant.audience,
    }
    for name, (block, attribute) in BLOCK_PROPERTIES.items():
        properties[name] = getattr(system.blocks[block], attribute)
    return {**tag, **properties, **{name: _users(system, name) for name in expand}}


def _users(system: CommunicationSystem, navigation: str) -> list[dict[str, object]]:
    if navigation == "OutboundUsers":
        return []
    user = system.inbound_user
    return [
        {"UUID": user.user_id, "CommunicationSystemUUID": system.uuid, "UserID": user.name, "Type": "USER_PASSWORD"}
    ]


def parse_properties(body: bytes) -> dict[str, object]:
    """Return the properties in a body.

    Raises:
        ODataError: the body is malformed, or a property is unknown, read-only or of another type.
    """
    try:
        given = msgspec.json.decode(body, type=dict[str, object])
    except msgspec.DecodeError as exc:
        raise ODataError(400, "/IWBEP/CM_V4_COS/021", f"Error while parsing the request body: {exc}") from exc
    for name, value in given.items():
        _check_property(name, value)
    return given


def _check_property(name: str, value: object) -> None:
    if name not in PROPERTIES:
        raise ODataError(400, "/IWBEP/CM_V4_COS/005", f"Property {name} does not exist in type CommunicationSystems")
    if type(value) is not (bool if name.startswith("Is") else str):
        raise ODataError(400, "/IWBEP/CM_V4_COS/022", f"Property {name} has an invalid value")
    if name.endswith("LogonType") and value not in _LOGON_TYPES:
        raise ODataError(400, "CM_APS_CS/031", f"Value of {name} is not allowed")


def taken_by_patch(properties: Mapping[str, object], switch: PatchProperties) -> dict[str, object]:
    """Return what PATCH sets; refuse what the switch leaves out of PATCH.

    Raises:
        ODataError: PATCH is forbidden, or a property is read-only.
    """
    if switch is PatchProperties.NONE:
        raise ODataError(405, "/IWBEP/CM_V4_COS/042", "Update is not allowed for CommunicationSystems")
    refuse_read_only(properties, *(_NAMES if switch is PatchProperties.BASE64_ALONE else ()))
    ignored = (*_NAMES, *_CERTIFICATES) if switch is PatchProperties.IGNORED else ()
    return {name: value for name, value in properties.items() if name not in ignored}


def refuse_read_only(properties: Mapping[str, object], *more: str) -> None:
    """Refuse properties that are read-only, and some more.

    Raises:
        ODataError: see above.
    """
    for name in sorted(properties.keys() & {*READ_ONLY, *more}):
        raise ODataError(400, "CM_APS_CS/027", f"Property {name} is read-only")


def with_properties(system: CommunicationSystem, properties: Mapping[str, object]) -> CommunicationSystem:
    """Return the system with other values of properties."""
    blocks = dict(system.blocks)
    own = {OWN_PROPERTIES[name]: value for name, value in properties.items() if name in OWN_PROPERTIES}
    for name, value in properties.items():
        if name in BLOCK_PROPERTIES:
            block, attribute = BLOCK_PROPERTIES[name]
            blocks[block] = replace(blocks[block], **{attribute: value})  # type: ignore[arg-type]
    return replace(system, blocks=blocks, **own)  # type: ignore[arg-type]
