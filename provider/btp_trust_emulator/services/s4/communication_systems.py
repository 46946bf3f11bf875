"""The OData service `aps_com_cs_a4c_odata` of a tenant: its communication systems, read and written.

Paths, properties, CSRF and errors are those of SAP's pages and of two public programs that call the service. A switch
of the tenant decides the rest; codes of errors other than `CM_APS_CS/026` are made up.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from btp_trust_emulator.backend import s4_tenant
from btp_trust_emulator.backend.communication_system import CommunicationSystem, InboundUser, check_system_id
from btp_trust_emulator.errors import Conflict, Invalid
from btp_trust_emulator.messages import Response
from btp_trust_emulator.services.operations import Operation, operations_at
from btp_trust_emulator.services.s4 import entity, logon, odata
from btp_trust_emulator.services.s4.metadata import SERVICE_DOCUMENT, metadata_document
from btp_trust_emulator.services.s4.odata import ODataError
from btp_trust_emulator.services.s4.sessions import CSRF_HEADER, Sessions
from btp_trust_emulator.switches import Edition, Etags

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from btp_trust_emulator.backend.landscape import Landscape
    from btp_trust_emulator.backend.s4_tenant import Tenant
    from btp_trust_emulator.messages import Request

    Handler = Callable[["CommunicationSystemService", "Call"], Response]

SERVICE_PATH = "/sap/opu/odata4/sap/aps_com_cs_a4c_odata/srvd_a2x/sap/aps_com_cs_a4c_odata/0001"
_BASE = f"/s4/{{tenant}}{SERVICE_PATH}"
_SET = f"{_BASE}/CommunicationSystems"
_KEY = re.compile(r"(?:UUID=)?([0-9a-fA-F-]{36})")
_READS = {"GET", "HEAD"}


@dataclass(frozen=True, slots=True)
class Call:
    """An authenticated request to a tenant, and the parameters in its path."""

    tenant: Tenant
    request: Request
    parameters: Mapping[str, str]

    @property
    def system(self) -> CommunicationSystem:
        """The system that the path names by its key.

        Raises:
            ODataError: there is none.
        """
        match = _KEY.fullmatch(self.parameters["key"])
        system = self.tenant.systems.get(match[1].lower()) if match else None
        if system is None:
            raise ODataError(404, "/IWBEP/CM_V4_COS/001", "The requested CommunicationSystems entity does not exist")
        return system

    @property
    def options(self) -> odata.QueryOptions:
        """The query options. Raises: see `odata.query_options`."""
        return odata.query_options(self.request.query, entity.PROPERTIES, entity.NAVIGATIONS)


@dataclass(frozen=True, slots=True)
class CommunicationSystemService:
    """The service of all tenants, and their sessions."""

    landscape: Landscape
    sessions: Sessions = field(default_factory=Sessions)

    def handle(self, tenant: Tenant, request: Request) -> Response:
        """Log the user on, check the CSRF token of a write, then act."""
        if not self._log_on(tenant, request):
            return logon.unauthorized_response(tenant)
        try:
            return self._answer(tenant, request)
        except ODataError as refusal:
            return refusal.response

    def _log_on(self, tenant: Tenant, request: Request) -> bool:
        """Return True if the user is logged on; failed logons are counted, and a success clears their number."""
        if not logon.is_of_client(tenant, request) or tenant.is_locked:
            return False
        succeeded = logon.is_authenticated(tenant, request, self.landscape.clock.now())
        changed = tenant.with_logon(succeeded=succeeded)
        if changed != tenant and logon.presents_password(tenant, request):
            self.landscape.commit(lambda old: old.with_tenant(changed))
        return succeeded

    def _answer(self, tenant: Tenant, request: Request) -> Response:
        _refuse_edition(tenant)
        _refuse_user(tenant)
        operations = operations_at(OPERATIONS, request.path)
        if request.method not in _READS and not self.sessions.has_token(tenant, request, self.landscape.clock.now()):
            return Response(403, b"CSRF token validation failed", headers={CSRF_HEADER: "Required"})
        operation = operations.get(request.method)
        if operation is None:
            raise _no_operation(operations)
        current = self.landscape.state.tenants[tenant.name]
        call = Call(current, request, operation.parameters(request.path) or {})
        return self._with_csrf_token(call, operation.handler(self, call))

    def _with_csrf_token(self, call: Call, response: Response) -> Response:
        """Add a CSRF token and a session, where the request fetches one."""
        if call.request.method not in _READS or call.request.headers.get(CSRF_HEADER, "").lower() != "fetch":
            return response
        fetched = self.sessions.fetch_token(call.tenant, call.request, self.landscape.clock.now())
        return replace(response, headers={**response.headers, **fetched})

    def service_document(self, _: Call) -> Response:
        """Return the names of the entity sets."""
        return odata.json(200, SERVICE_DOCUMENT)

    def metadata(self, _: Call) -> Response:
        """Return the types."""
        return Response(200, metadata_document().encode(), "application/xml", {"odata-version": "4.0"})

    def batch(self, call: Call) -> Response:
        """Refuse a batch: JSON is refused by the real service, and multipart is outside of the emulation."""
        media_type = call.request.headers.get("content-type", "")
        status = 415 if media_type.startswith("application/json") else 501
        raise ODataError(status, "/IWBEP/CM_V4_COS/044", f"The media type '{media_type}' is not supported for $batch")

    def list_systems(self, call: Call) -> Response:
        """Return the systems that the filter selects."""
        options = call.options
        found = [self._entity(call, system, options) for system in call.tenant.systems.values()]
        return odata.json(
            200, {"@odata.context": "$metadata#CommunicationSystems", "value": [each for each in found if each]}
        )

    def _entity(self, call: Call, system: CommunicationSystem, options: odata.QueryOptions) -> dict[str, object] | None:
        """Return a system as an entity, None if the filter leaves it out."""
        addresses = self.landscape.addresses
        base = addresses.s4_cert(call.tenant.name) if call.request.tls else addresses.s4(call.tenant.name)
        whole = entity.entity(call.tenant, system, base, options.expand)
        if options.where is not None and str(whole[options.where[0]]) != options.where[1]:
            return None
        return options.select_from(whole)

    def read(self, call: Call) -> Response:
        """Return one system."""
        return self._one(call, call.system, 200, call.options)

    def _one(
        self,
        call: Call,
        system: CommunicationSystem,
        status: int,
        options: odata.QueryOptions,
        *,
        note: str | None = None,
    ) -> Response:
        content = self._entity(call, system, replace(options, where=None)) or {}
        headers = {} if call.tenant.switches.etags is Etags.OFF else {"etag": system.etag}
        context = {"@odata.context": "$metadata#CommunicationSystems/$entity"}
        return odata.json(status, {**context, **content}, headers, note)

    def create(self, call: Call) -> Response:
        """Create a system; its ID is required."""
        given = _properties(call.request)
        system_id = str(given.pop("ID", ""))
        entity.refuse_read_only(given)
        if call.tenant.has_system(system_id):
            raise ODataError(400, "CM_APS_CS/026", f"Communication system {system_id} already exists")
        with _validation():
            user = InboundUser(f"{check_system_id(system_id)}_USER", secrets.token_urlsafe(24))
        return self._save(call, 201, entity.with_properties(CommunicationSystem(system_id, system_id, "", user), given))

    def patch(self, call: Call) -> Response:
        """Set properties of a system; with `Prefer: return=minimal`, the response is empty."""
        old = call.system
        _check_etag(call, old)
        given = _properties(call.request)
        given = entity.taken_by_patch(given, call.tenant.switches.patch_properties)
        response = self._save(call, 200, entity.with_properties(old, given))
        if call.request.headers.get("prefer", "") == "return=minimal":
            return replace(response, status=204, body=b"")
        return response

    def _save(self, call: Call, status: int, new: CommunicationSystem) -> Response:
        options = call.options  # bad ones are refused before the write
        with _validation():
            delay = call.tenant.switches.effect_delay_seconds
            tenant = s4_tenant.with_system(call.tenant, new, self.landscape.clock.now(), delay)
        self.landscape.commit(lambda old: old.with_tenant(tenant))
        saved = tenant.systems[new.uuid]
        note = s4_tenant.description(tenant, saved)
        return self._one(replace(call, tenant=tenant), saved, status, options, note=note)


def _properties(request: Request) -> dict[str, object]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise ODataError(415, "/IWBEP/CM_V4_COS/044", f"The media type '{media_type}' is not supported")
    return entity.parse_properties(request.body)


def _check_etag(call: Call, system: CommunicationSystem) -> None:
    switch, given = call.tenant.switches.etags, call.request.headers.get("if-match")
    if switch is Etags.OFF or given in {"*", system.etag}:
        return
    if given is not None:
        raise ODataError(412, "/IWBEP/CM_V4_COS/002", "Precondition failed: the entity was changed meanwhile")
    if switch is Etags.REQUIRED:
        raise ODataError(428, "/IWBEP/CM_V4_COS/003", "Precondition required: the header If-Match is missing")


@contextlib.contextmanager
def _validation() -> Iterator[None]:
    """Turn what the rules of systems refuse into an error of the service."""
    try:
        yield
    except (Invalid, Conflict) as refused:
        raise ODataError(400, "CM_APS_CS/026", f"{refused.what} {refused.why}") from refused


def _refuse_edition(tenant: Tenant) -> None:
    if tenant.switches.edition is Edition.PRIVATE:
        raise ODataError(500, "/IWBEP/CM_V4_RUNTIME/018", "An internal server error occurred")


def _refuse_user(tenant: Tenant) -> None:
    if not tenant.user.has_scenario:
        raise ODataError(403, "/IWBEP/CM_V4_RUNTIME/022", "No authorization to access the service APS_COM_CS_A4C_ODATA")


def _no_operation(methods: Mapping[str, object]) -> ODataError:
    if methods:
        return ODataError(405, "/IWBEP/CM_V4_COS/041", "Method not allowed")
    return ODataError(404, "/IWBEP/CM_V4_COS/004", "The requested resource does not exist")


OPERATIONS: tuple[Operation[Handler], ...] = (
    Operation("GET", f"{_BASE}/", CommunicationSystemService.service_document),
    Operation("HEAD", f"{_BASE}/", CommunicationSystemService.service_document),
    Operation("GET", f"{_BASE}/$metadata", CommunicationSystemService.metadata),
    Operation("POST", f"{_BASE}/$batch", CommunicationSystemService.batch),
    Operation("GET", _SET, CommunicationSystemService.list_systems),
    Operation("POST", _SET, CommunicationSystemService.create),
    Operation("GET", f"{_SET}({{key}})", CommunicationSystemService.read),
    Operation("PATCH", f"{_SET}({{key}})", CommunicationSystemService.patch),
)
"""The operations of the service."""
