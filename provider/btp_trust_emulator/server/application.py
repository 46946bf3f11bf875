"""The ASGI application: the control plane, and the pipeline of the emulated services."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.routing import Mount

from btp_trust_emulator.control import api
from btp_trust_emulator.control.requests import OPERATIONS_HINT
from btp_trust_emulator.messages import Request, Response, UpstreamRequest, json
from btp_trust_emulator.server.in_process import UpstreamClient
from btp_trust_emulator.server.pipeline import Pipeline, Service
from btp_trust_emulator.services import target_systems, trust_certificates
from btp_trust_emulator.services.destinations import service as destinations
from btp_trust_emulator.services.s4 import service as s4
from btp_trust_emulator.services.xsuaa import identity_providers, token_endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request as StarletteRequest
    from starlette.responses import Response as StarletteResponse
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from btp_trust_emulator.backend.clock import Clock
    from btp_trust_emulator.control.emulation import Emulation
    from btp_trust_emulator.faults.request import Override, RequestEffect
    from btp_trust_emulator.services.operations import Operation


SERVICE_OPERATIONS: tuple[Operation[Any], ...] = (
    *trust_certificates.OPERATIONS,
    *token_endpoint.OPERATIONS,
    *destinations.OPERATIONS,
    *identity_providers.OPERATIONS,
    *target_systems.OPERATIONS,
    *s4.OPERATIONS,
)
"""Every operation of the emulated services: method, path, handler and effect."""


def application(emulation: Emulation) -> ASGIApp:
    """Return the application behind both hosts."""
    landscape = emulation.landscape
    services = ServiceRouter(
        {
            "uaa": token_endpoint.TokenService(landscape),
            "uaa-api": identity_providers.IdentityProviderService(landscape),
            "s4": s4.S4Service(landscape),
            "systems": target_systems.SystemTokenService(landscape),
        },
        destinations.DestinationService(landscape),
        trust_certificates.TrustService(landscape),
    )
    routes = [Mount("/_emulator", routes=api.routes(emulation))]
    router = Starlette(routes=routes, exception_handlers={HTTPException: _no_such_path})
    app = DateHeaderMiddleware(router, landscape.clock)
    # The default instead of a mount at "/": a mount misses paths with a line break.
    router.router.default = Pipeline(emulation, services, UpstreamClient(app, landscape.addresses))
    router.router.redirect_slashes = False
    return app


@dataclass(frozen=True, slots=True)
class ServiceRouter:
    """The emulated services side by side, chosen by the path: by its first segment, or as destinations."""

    by_prefix: Mapping[str, Service]
    destinations: Service
    default: Service

    def subaccount(self, request: Request) -> str | None:
        """Ask the service in charge."""
        return self._service_for(request).subaccount(request)

    def effect(self, request: Request) -> RequestEffect:
        """Ask the service in charge."""
        return self._service_for(request).effect(request)

    def handle(self, request: Request, override: Override) -> Response | UpstreamRequest:
        """Let the service in charge answer."""
        return self._service_for(request).handle(request, override)

    def _service_for(self, request: Request) -> Service:
        otherwise = self.destinations if destinations.is_destination_path(request.path) else self.default
        return self.by_prefix.get(request.path.removeprefix("/").partition("/")[0], otherwise)


@dataclass(frozen=True, slots=True)
class DateHeaderMiddleware:
    """Adds a `Date` header by the emulator's clock to every response (RFC 9110, section 6.6.1)."""

    app: ASGIApp
    clock: Clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and date the response."""

        async def send_with_date(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["date"] = format_datetime(self.clock.now(), usegmt=True)
            await send(message)

        await self.app(scope, receive, send_with_date)


async def _no_such_path(request: StarletteRequest, exc: Exception) -> StarletteResponse:
    status = exc.status_code if isinstance(exc, HTTPException) else 500
    content = {
        "what": f"{request.method} {request.url.path} was not carried out.",
        "why": "The control plane has no operation with this path and method.",
        "remedy": OPERATIONS_HINT,
    }
    return json(status, {"error": content}).to_starlette()
