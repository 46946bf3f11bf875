"""The seven trust operations over HTTP: paths, status codes and bodies of SAP's API description.

One point is not in it: a method that a path does not have is 405.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from btp_trust_emulator.backend.account import Account
from btp_trust_emulator.errors import NoKeyPair
from btp_trust_emulator.faults.request import Purpose, Target
from btp_trust_emulator.messages import NOT_FOUND, Answer, Call, json, not_allowed
from btp_trust_emulator.saml import metadata
from btp_trust_emulator.services import authorization
from btp_trust_emulator.slots import Slot
from btp_trust_emulator.switches import NotFoundText

if TYPE_CHECKING:
    from collections.abc import Callable

    from btp_trust_emulator.backend.landscape import World
    from btp_trust_emulator.faults.request import Twist

    Operation = Callable[[World, Account], Answer]

_METADATA = "/destination-configuration/v1/saml2Metadata"
_ACTIVE = f"{_METADATA}/certificate"
_PASSIVE = f"{_ACTIVE}/passive"
_ROTATE = f"{_METADATA}/rotateCertificate"
_WITHOUT_400 = {("GET", _METADATA), ("DELETE", _PASSIVE)}


@dataclass(frozen=True, slots=True)
class TrustService:
    """The trust operations on the subaccount that the token speaks for."""

    world: World

    def subaccount(self, call: Call) -> str | None:
        """The GUID in a genuine token, be it expired."""
        claims = authorization.claims(self.world, call)
        return claims.subaccount if claims else None

    def purpose(self, call: Call) -> Purpose:
        """What the operation does, if the token is good and there is no body too many."""
        if (call.method == "POST" and call.body) or self._account(call) is None:
            return Purpose()
        return _PURPOSES.get((call.method, call.path), Purpose())

    def answer(self, call: Call, twist: Twist) -> Answer:
        """Authenticate, then act."""
        operations = _OPERATIONS.get(call.path)
        if operations is None:
            return NOT_FOUND
        operation = operations.get(call.method)
        if operation is None:
            return not_allowed(*operations)
        account = self._account(call)
        if account is None:
            return authorization.refusal(call, documented=(call.method, call.path) not in _WITHOUT_400)
        if call.method == "POST" and call.body:
            return _error(400, "Request body should be empty!")
        return operation(self.world, self.world.history.before(account, twist.stale))

    def _account(self, call: Call) -> Account | None:
        return authorization.account(self.world, authorization.claims(self.world, call))


def _get_metadata(world: World, account: Account) -> Answer:
    """Both certificates; without an active one, 404 (nothing is documented for a passive one alone)."""
    if account.active is None:
        return NOT_FOUND
    pems = [pem for slot in Slot if (pem := account.certificate(slot))]
    xml = metadata.document(pems, world.switches.metadata_layout)
    return json(200, {"idpMetadata": base64.b64encode(xml.encode()).decode()})


def _get(slot: Slot) -> Operation:
    def get(world: World, account: Account) -> Answer:
        certificate = account.certificate(slot)
        return json(200, {"certificate": certificate}) if certificate else _missing(world, account, "Keypair")

    return get


def _generate(slot: Slot) -> Operation:
    def generate(world: World, account: Account) -> Answer:
        try:
            renewed = world.generate(account.guid, slot)
        except NoKeyPair as refusal:
            return _error(400, refusal.what)
        return json(200, {"certificate": renewed.certificate(slot)})

    return generate


def _delete_passive(world: World, account: Account) -> Answer:
    try:
        world.delete_passive(account.guid)
    except NoKeyPair:
        return NOT_FOUND
    return json(200, {"Count": 1})


def _rotate(world: World, account: Account) -> Answer:
    try:
        rotated = world.rotate(account.guid)
    except NoKeyPair as refusal:
        return _missing(world, account, "Passive Keypair" if refusal.slot is Slot.PASSIVE else "Keypair")
    pems = {f"{slot.value}Certificate": rotated.certificate(slot) for slot in Slot}
    return json(200, {name: pem for name, pem in pems.items() if pem})


def _missing(world: World, account: Account, what: str) -> Answer:
    if world.switches.not_found_text is NotFoundText.RECORDED:
        return _error(404, "There is no such key pair for this account")
    return _error(404, f"{what} for subaccount - {account.guid} does not exist")


def _error(status: int, message: str) -> Answer:
    return json(status, {"ErrorMessage": message})


_OPERATIONS: dict[str, dict[str, Operation]] = {
    _METADATA: {"GET": _get_metadata},
    _ACTIVE: {"GET": _get(Slot.ACTIVE), "POST": _generate(Slot.ACTIVE)},
    _PASSIVE: {"GET": _get(Slot.PASSIVE), "POST": _generate(Slot.PASSIVE), "DELETE": _delete_passive},
    _ROTATE: {"POST": _rotate},
}

_PEM_READ = frozenset({Target.READ, Target.PEM})
_PEM_WRITE = Purpose(frozenset({Target.WRITE, Target.PEM}))
_PURPOSES = {
    ("GET", _METADATA): Purpose(frozenset({Target.READ}), frozenset(Slot)),
    ("GET", _ACTIVE): Purpose(_PEM_READ, frozenset({Slot.ACTIVE})),
    ("GET", _PASSIVE): Purpose(_PEM_READ, frozenset({Slot.PASSIVE})),
    ("POST", _ACTIVE): _PEM_WRITE,
    ("POST", _PASSIVE): _PEM_WRITE,
    ("POST", _ROTATE): _PEM_WRITE,
    ("DELETE", _PASSIVE): Purpose(frozenset({Target.WRITE})),
}
