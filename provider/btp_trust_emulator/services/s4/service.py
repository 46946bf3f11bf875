"""The S/4HANA tenants side by side, below `/s4/{tenant}`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from btp_trust_emulator.faults.request import RequestEffect
from btp_trust_emulator.messages import NOT_FOUND, not_allowed
from btp_trust_emulator.services.operations import Operation, operations_at
from btp_trust_emulator.services.s4 import bearer, communication_systems
from btp_trust_emulator.services.s4.bearer import BearerService
from btp_trust_emulator.services.s4.communication_systems import SERVICE_PATH, CommunicationSystemService

if TYPE_CHECKING:
    from btp_trust_emulator.backend.landscape import Landscape
    from btp_trust_emulator.faults.request import Override
    from btp_trust_emulator.messages import Request, Response

OPERATIONS: tuple[Operation[Any], ...] = (*communication_systems.OPERATIONS, *bearer.OPERATIONS)
"""The operations of a tenant."""


@dataclass(frozen=True, slots=True)
class S4Service:
    """All tenants."""

    landscape: Landscape
    communication_systems: CommunicationSystemService = field(init=False)

    def __post_init__(self) -> None:
        """Begin with an empty list of sessions."""
        object.__setattr__(self, "communication_systems", CommunicationSystemService(self.landscape))

    def subaccount(self, _: Request) -> str | None:
        """Return None: a tenant belongs to no subaccount."""
        return None

    def effect(self, _: Request) -> RequestEffect:
        """Return an empty effect: the slots stay as they are."""
        return RequestEffect()

    def handle(self, request: Request, _: Override) -> Response:
        """Find the tenant, then its service."""
        name, slash, path = request.path.removeprefix("/s4/").partition("/")
        tenant = self.landscape.state.tenants.get(name)
        if tenant is None:
            return NOT_FOUND
        if f"{slash}{path}".startswith(f"{SERVICE_PATH}/"):
            return self.communication_systems.handle(tenant, request)
        operations = operations_at(bearer.OPERATIONS, request.path)
        operation = operations.get(request.method)
        if operation is None:
            return not_allowed(*operations) if operations else NOT_FOUND
        return operation.handler(BearerService(self.landscape), tenant, request)
