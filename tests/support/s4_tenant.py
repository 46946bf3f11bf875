"""A tenant of S/4HANA in memory, for tests of what is sent to it: one system, a session, a CSRF token, and faults."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from btp_trust.runtime.communication_systems import CommunicationSystem
from btp_trust.runtime.host import Host
from btp_trust.runtime.session import Session
from btp_trust.service.communication_systems import ROOT, TrustBlock
from support.fake_clock import FakeClock

SYSTEM, CONNECTION, HOST_NAME = "BTP_SHOP", "s4", "my1-api.s4hana.cloud.sap"
UUID = "00505684-1111-4222-8333-00000000cafe"
USER = {"url": f"https://{HOST_NAME}", "user": "BTP_TRUST", "password": "S3CRET-of-the-user"}
MOMENT = datetime(2026, 11, 30, tzinfo=UTC)
Fault = Callable[["S4Tenant", httpx.Request], httpx.Response | None]
"""Answers in place of the tenant, or raises; None lets the tenant answer."""


@dataclass
class S4Tenant:
    """Answers like SAP's service; `faults` are used up by requests of a method, one each."""

    text: str = ""
    """What the certificate field holds."""
    subject: str = ""
    issuer: str = ""
    block: TrustBlock = TrustBlock.OAUTH2
    has_etags: bool = False
    accepts_names: bool = True
    token: str = "t0ken"
    version: int = 1
    journal: list[str] = field(default_factory=list)
    """Method and path of each request, in order."""
    bodies: list[dict[str, str]] = field(default_factory=list)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    engine_exited: bool = False
    clock: FakeClock = field(default_factory=FakeClock)

    @property
    def writes(self) -> int:
        """How many requests of a write the tenant got."""
        return sum(entry.startswith("PATCH") for entry in self.journal)

    def session(self, **config: str) -> Session:
        """Return the session of a process whose connection leads here."""
        connections = {"btp-trust:connections": json.dumps({CONNECTION: USER})}
        host = Host(
            environ={},
            transport=httpx.MockTransport(self.respond),
            clock=lambda: MOMENT,
            sleep=self.clock.sleep,
            monotonic=lambda: self.clock.now,
            engine_exited=lambda: self.engine_exited,
        )
        return Session({**connections, **config}.get, host)

    def system(self) -> CommunicationSystem:
        """Return the system as a process of the plugin has it."""
        return self.session().communication_system(CONNECTION, SYSTEM, self.block)

    def respond(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        self.journal.append(f"{request.method} {request.url.path.removeprefix(ROOT)}")
        waiting = self.faults.get(request.method, [])
        response = waiting.pop(0)(self, request) if waiting else None
        return response or self.answer(request)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer as the tenant does by itself."""
        if request.method == "PATCH":
            return self._patch(request)
        headers = {"Set-Cookie": "SAP_SESSIONID=1; path=/; secure"}
        if request.headers.get("X-CSRF-Token") == "Fetch":
            headers["X-CSRF-Token"] = self.token
        return httpx.Response(200, json={"value": [self.entity]}, headers=headers)

    @property
    def entity(self) -> dict[str, Any]:
        """The system in JSON."""
        entity: dict[str, Any] = {
            "UUID": UUID,
            "ID": SYSTEM,
            f"Is{self.block.prefix}Active": True,
            f"{self.block.prefix}Name": "shop",
            self.block.subject: self.subject,
            self.block.issuer: self.issuer,
            self.block.field: self.text,
        }
        return {**entity, "@odata.etag": self.etag} if self.has_etags else entity

    @property
    def etag(self) -> str:
        """The entity tag, another one after each write."""
        return f'W/"{self.version}"'

    def apply(self, request: httpx.Request) -> None:
        """Do what a write says."""
        body: dict[str, str] = json.loads(request.content)
        self.bodies.append(body)
        self.text, self.version = body[self.block.field], self.version + 1
        self.subject = body.get(self.block.subject, self.subject)
        self.issuer = body.get(self.block.issuer, self.issuer)

    def _patch(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("X-CSRF-Token") != self.token or "SAP_SESSIONID" not in request.headers["Cookie"]:
            return httpx.Response(403, headers={"X-CSRF-Token": "Required"})
        if self.has_etags and request.headers.get("If-Match") != self.etag:
            return odata_error(412 if "If-Match" in request.headers else 428, "Precondition")
        if not self.accepts_names and len(json.loads(request.content)) > 1:
            return odata_error(400, "Property is read-only")
        self.apply(request)
        return httpx.Response(204)


def odata_error(status: int, message: str, code: str = "CM_APS_CS/026") -> httpx.Response:
    """Return an error as OData V4 has it."""
    return httpx.Response(status, json={"error": {"code": code, "message": message}})


def lose_answer(tenant: S4Tenant, request: httpx.Request) -> httpx.Response | None:
    """Do what a write says, and lose the answer."""
    tenant.apply(request)
    raise httpx.ReadTimeout("", request=request)


def lose_request(_tenant: S4Tenant, request: httpx.Request) -> httpx.Response | None:
    """Lose a request after it left, so that nobody knows whether it arrived."""
    raise httpx.ReadTimeout("", request=request)


def refuse_connection(_tenant: S4Tenant, request: httpx.Request) -> httpx.Response | None:
    """Make no connection."""
    raise httpx.ConnectError("", request=request)


def answer(status: int, message: str = "No") -> Fault:
    """Return a fault that answers with an error."""
    return lambda _tenant, _request: odata_error(status, message)


def ignore(status: int, text: str = "{}") -> Fault:
    """Return a fault that answers with success, and changes nothing."""
    return lambda _tenant, _request: httpx.Response(status, text=text)


def change_field(text: str, then: Fault = lose_request) -> Fault:
    """Return a fault in which another client writes, and the request then meets another fault."""

    def fault(tenant: S4Tenant, request: httpx.Request) -> httpx.Response | None:
        tenant.text, tenant.version = text, tenant.version + 1
        return then(tenant, request)

    return fault
