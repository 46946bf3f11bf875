"""The ASGI application: the control plane, and before everything else the door to the emulated services."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import format_datetime
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.routing import Mount

from btp_trust_emulator.control import api
from btp_trust_emulator.messages import Answer, Call, Errand, json
from btp_trust_emulator.server.in_process import Messenger
from btp_trust_emulator.server.pipeline import Passage, Service
from btp_trust_emulator.services.destinations.service import DestinationService
from btp_trust_emulator.services.destinations.service import is_here as is_destination
from btp_trust_emulator.services.target_systems import SystemTokenService
from btp_trust_emulator.services.trust_certificates import TrustService
from btp_trust_emulator.services.xsuaa.identity_providers import IdentityProviderService
from btp_trust_emulator.services.xsuaa.token_endpoint import TokenService

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from btp_trust_emulator.backend.clock import Clock
    from btp_trust_emulator.backend.landscape import World
    from btp_trust_emulator.faults.request import Purpose, Twist


def application(world: World) -> ASGIApp:
    """All that the emulator answers, over both of its hosts."""
    services = Services(
        {
            "uaa": TokenService(world),
            "uaa-api": IdentityProviderService(world),
            "systems": SystemTokenService(world),
        },
        DestinationService(world),
        TrustService(world),
    )
    routes = [Mount("/_emulator", routes=api.routes(world))]
    router = Starlette(routes=routes, exception_handlers={HTTPException: _no_such_question})
    app = Dated(router, world.clock)
    router.mount("/", Passage(world, services, Messenger(app, world.addresses)))
    return app


@dataclass(frozen=True, slots=True)
class Services:
    """The emulated services side by side, told apart by the path: its first segment, or what comes later in it."""

    named: Mapping[str, Service]
    destinations: Service
    others: Service

    def subaccount(self, call: Call) -> str | None:
        """As the service in charge tells it."""
        return self._in_charge(call).subaccount(call)

    def purpose(self, call: Call) -> Purpose:
        """As the service in charge tells it."""
        return self._in_charge(call).purpose(call)

    def answer(self, call: Call, twist: Twist) -> Answer | Errand:
        """As the service in charge answers."""
        return self._in_charge(call).answer(call, twist)

    def _in_charge(self, call: Call) -> Service:
        otherwise = self.destinations if is_destination(call.path) else self.others
        return self.named.get(call.path.removeprefix("/").partition("/")[0], otherwise)


@dataclass(frozen=True, slots=True)
class Dated:
    """Gives every response a `Date` header by the emulator's clock (RFC 9110, section 6.6.1)."""

    app: ASGIApp
    clock: Clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and date what is sent."""

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["date"] = format_datetime(self.clock.now(), usegmt=True)
            await send(message)

        await self.app(scope, receive, dated)


async def _no_such_question(request: Request, exc: Exception) -> Response:
    status = exc.status_code if isinstance(exc, HTTPException) else 500
    content = {
        "what": f"{request.method} {request.url.path} was not done.",
        "why": "The control plane has no such path, or not with this method.",
        "remedy": "See the list of questions in btp_trust_emulator.control.api.",
    }
    return json(status, {"error": content}).response()
