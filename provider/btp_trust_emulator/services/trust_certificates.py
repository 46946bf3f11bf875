"""The seven trust operations over HTTP: paths, status codes and bodies of SAP's API description.

One point is missing there: a method that a path lacks is 405.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from btp_trust_emulator.backend.account import Account
from btp_trust_emulator.errors import NoKeyPair
from btp_trust_emulator.faults.request import RequestEffect, RequestType
from btp_trust_emulator.messages import NOT_FOUND, Request, Response, json, not_allowed
from btp_trust_emulator.saml import metadata
from btp_trust_emulator.services import authorization
from btp_trust_emulator.services.operations import Operation, operations_at
from btp_trust_emulator.slots import Slot
from btp_trust_emulator.switches import NotFoundText

if TYPE_CHECKING:
    from collections.abc import Callable

    from btp_trust_emulator.backend.landscape import Landscape
    from btp_trust_emulator.faults.request import Override

    Handler = Callable[[Landscape, Account], Response]

_METADATA = "/destination-configuration/v1/saml2Metadata"
_ACTIVE = f"{_METADATA}/certificate"
_PASSIVE = f"{_ACTIVE}/passive"
_ROTATE = f"{_METADATA}/rotateCertificate"


@dataclass(frozen=True, slots=True)
class TrustService:
    """The trust operations on the subaccount in the token."""

    landscape: Landscape

    def subaccount(self, request: Request) -> str | None:
        """Return the GUID in a genuine token, expired or not."""
        claims = authorization.destination_claims(self.landscape, request)
        return claims.subaccount if claims else None

    def effect(self, request: Request) -> RequestEffect:
        """Return the effect of the operation; empty if the token or the body will be refused."""
        if (request.method == "POST" and request.body) or self._account(request) is None:
            return RequestEffect()
        operation = operations_at(OPERATIONS, request.path).get(request.method)
        return operation.effect if operation else RequestEffect()

    def handle(self, request: Request, override: Override) -> Response:
        """Authenticate, then act."""
        operations = operations_at(OPERATIONS, request.path)
        if not operations:
            return NOT_FOUND
        operation = operations.get(request.method)
        if operation is None:
            return not_allowed(*operations)
        account = self._account(request)
        if account is None:
            return authorization.unauthorized_response(request, documented=operation.documents_400)
        if request.method == "POST" and request.body:
            return _error(400, "Request body should be empty!")
        return operation.handler(self.landscape, self.landscape.history.before(account, override.stale))

    def _account(self, request: Request) -> Account | None:
        claims = authorization.destination_claims(self.landscape, request)
        return authorization.authorized_account(self.landscape, claims)


def _get_metadata(landscape: Landscape, account: Account) -> Response:
    """Return both certificates; if the active slot is empty, 404 (a passive one alone is undocumented)."""
    if account.active is None:
        return NOT_FOUND
    pems = [pem for slot in Slot if (pem := account.certificate(slot))]
    xml = metadata.metadata_document(pems, landscape.switches.metadata_layout)
    return json(200, {"idpMetadata": base64.b64encode(xml.encode()).decode()})


def _get(slot: Slot) -> Handler:
    def get(landscape: Landscape, account: Account) -> Response:
        certificate = account.certificate(slot)
        return json(200, {"certificate": certificate}) if certificate else _missing(landscape, account, "Keypair")

    return get


def _generate(slot: Slot) -> Handler:
    def generate(landscape: Landscape, account: Account) -> Response:
        try:
            renewed = landscape.generate(account.guid, slot)
        except NoKeyPair as refusal:
            return _error(400, refusal.what)
        return json(200, {"certificate": renewed.certificate(slot)})

    return generate


def _delete_passive(landscape: Landscape, account: Account) -> Response:
    try:
        landscape.delete_passive(account.guid)
    except NoKeyPair:
        return NOT_FOUND
    return json(200, {"Count": 1})


def _rotate(landscape: Landscape, account: Account) -> Response:
    try:
        rotated = landscape.rotate(account.guid)
    except NoKeyPair as refusal:
        return _missing(landscape, account, "Passive Keypair" if refusal.slot is Slot.PASSIVE else "Keypair")
    pems = {f"{slot.value}Certificate": rotated.certificate(slot) for slot in Slot}
    return json(200, {name: pem for name, pem in pems.items() if pem})


def _missing(landscape: Landscape, account: Account, what: str) -> Response:
    if landscape.switches.not_found_text is NotFoundText.RECORDED:
        return _error(404, "There is no such key pair for this account")
    return _error(404, f"{what} for subaccount - {account.guid} does not exist")


def _error(status: int, message: str) -> Response:
    return json(status, {"ErrorMessage": message})


_PEM_READ = frozenset({RequestType.READ, RequestType.CERTIFICATE})
_READ_BOTH = RequestEffect(frozenset({RequestType.READ}), frozenset(Slot))
_READ_ACTIVE = RequestEffect(_PEM_READ, frozenset({Slot.ACTIVE}))
_READ_PASSIVE = RequestEffect(_PEM_READ, frozenset({Slot.PASSIVE}))
_PEM_WRITE = RequestEffect(frozenset({RequestType.WRITE, RequestType.CERTIFICATE}))
_WRITE = RequestEffect(frozenset({RequestType.WRITE}))
OPERATIONS: tuple[Operation[Handler], ...] = (
    Operation("GET", _METADATA, _get_metadata, _READ_BOTH, documents_400=False),
    Operation("GET", _ACTIVE, _get(Slot.ACTIVE), _READ_ACTIVE),
    Operation("POST", _ACTIVE, _generate(Slot.ACTIVE), _PEM_WRITE),
    Operation("GET", _PASSIVE, _get(Slot.PASSIVE), _READ_PASSIVE),
    Operation("POST", _PASSIVE, _generate(Slot.PASSIVE), _PEM_WRITE),
    Operation("DELETE", _PASSIVE, _delete_passive, _WRITE, documents_400=False),
    Operation("POST", _ROTATE, _rotate, _PEM_WRITE),
)
"""The seven trust operations."""
