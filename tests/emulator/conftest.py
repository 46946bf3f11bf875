"""The emulator in both of its mounts, and a caller that speaks to it as a client does."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from btp_trust_emulator import Emulator, Subaccount
from btp_trust_emulator.pki import trust_certificate
from support.destinations import DestinationScenario
from support.paths import REFERENCE
from support.saml import NOW, IdentityProviderApi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btp_trust_emulator import JournalEntry, Slots

METADATA = "/destination-configuration/v1/saml2Metadata"


@pytest.fixture(params=[pytest.param(False, id="in process"), pytest.param(True, id="over a socket")])
def emulator(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """Provide the emulator, with small keys, in each of its mounts."""
    with Emulator(socket=request.param, key_size=1024) as module_emulator:
        yield module_emulator


@pytest.fixture(scope="session", params=[pytest.param(False, id="in process"), pytest.param(True, id="over a socket")])
def shared_emulator(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """Provide one emulator, in each of its mounts, for all tests that leave only subaccounts behind."""
    with Emulator(socket=request.param, key_size=1024) as module_emulator:
        yield module_emulator


@pytest.fixture
def clean_emulator(shared_emulator: Emulator) -> Iterator[Emulator]:
    """Provide the same, with an empty journal, an empty queue of faults, and the real time."""
    shared_emulator.clear_journal()
    yield shared_emulator
    shared_emulator.clear_faults()
    shared_emulator.set_clock(datetime.now(UTC))


@pytest.fixture
def in_process_emulator() -> Iterator[Emulator]:
    """Provide the emulator in process alone, where a second mount would show the same."""
    with Emulator(key_size=1024) as module_emulator:
        yield module_emulator


@dataclass(frozen=True)
class Caller:
    """A client of one subaccount, with the credentials of its service key."""

    emulator: Emulator
    subaccount: Subaccount
    http: httpx.Client
    key: dict[str, str]

    def ask_token(self, **changes: str | None) -> httpx.Response:
        """Ask for a token with the form that the service key gives, changed by `changes` (None: left out)."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.key["clientid"],
            "client_secret": self.key["clientsecret"],
        }
        data = {name: value for name, value in (form | changes).items() if value is not None}
        return self.http.post(f"{self.key['url']}/oauth/token", data=data)

    def token(self) -> str:
        """Return a fresh token."""
        return str(self.ask_token().json()["access_token"])

    def call(self, method: str, path: str = "", content: bytes | None = None, **headers: str) -> httpx.Response:
        """Request one trust operation, with a fresh token unless a header `authorization` is given."""
        if "authorization" not in headers:
            headers["authorization"] = f"Bearer {self.token()}"
        return self.http.request(method, self.key["uri"] + METADATA + path, content=content, headers=headers)


@pytest.fixture
def make_caller() -> Iterator[Callable[..., Caller]]:
    """Provide a maker of callers of new subaccounts; the arguments are those of `create_subaccount`."""
    clients: list[httpx.Client] = []

    def make(emulator: Emulator, **fields: Any) -> Caller:
        subaccount = emulator.create_subaccount(**fields)
        http = httpx.Client(transport=emulator.transport)
        clients.append(http)
        return Caller(emulator, subaccount, http, emulator.service_key(subaccount.guid))

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def caller(clean_emulator: Emulator, make_caller: Callable[..., Caller]) -> Caller:
    """Provide a caller of a subaccount with an active certificate."""
    return make_caller(clean_emulator, generate=True)


@pytest.fixture
def empty_caller(clean_emulator: Emulator, make_caller: Callable[..., Caller]) -> Caller:
    """Provide a caller of a subaccount with empty slots."""
    return make_caller(clean_emulator)


@dataclass(frozen=True)
class AuthorizedCaller:
    """A caller that holds a token already."""

    caller: Caller
    authorization: str

    @property
    def guid(self) -> str:
        """The GUID of its subaccount."""
        return self.caller.subaccount.guid

    @property
    def slots(self) -> Slots:
        """The true contents of the slots, also where a read is stale."""
        return self.caller.emulator.slots(self.guid)

    def call(self, method: str, path: str, timeout: float | None = 10) -> httpx.Response:
        """Request one trust operation."""
        self.caller.http.timeout = timeout
        return self.caller.call(method, path, authorization=self.authorization)

    def read(self, path: str) -> str | None:
        """Return the fingerprint of the certificate that a read shows, None for an empty slot."""
        response = self.call("GET", path)
        return trust_certificate.fingerprint(response.json()["certificate"]) if response.status_code == 200 else None

    def entry(self) -> JournalEntry:
        """Return the last journal entry; wait for it if the client has given up before the service was done."""
        while not (entries := self.caller.emulator.journal()):
            time.sleep(0.01)
        return entries[-1]


@pytest.fixture
def authorized_caller(clean_emulator: Emulator, caller: Caller) -> AuthorizedCaller:
    """Provide a caller with a token of a subaccount with both certificates; the journal is empty."""
    clean_emulator.generate_passive(caller.subaccount.guid)
    authorized_caller = AuthorizedCaller(caller, f"Bearer {caller.token()}")
    clean_emulator.clear_journal()
    return authorized_caller


@pytest.fixture
def reference() -> Path:
    """Provide the folder of reference material, where there is one."""
    if not REFERENCE.is_dir():
        pytest.skip("the reference material is missing")
    return REFERENCE


@pytest.fixture(scope="module")
def module_emulator() -> Iterator[Emulator]:
    """Provide one emulator, in process, for all tests of a module: each makes subaccounts and targets of its own."""
    with Emulator(key_size=1024) as emulator:
        yield emulator


@pytest.fixture
def scenario(module_emulator: Emulator) -> Iterator[DestinationScenario]:
    """Provide a landscape of its own."""
    with httpx.Client(transport=module_emulator.transport) as http:
        yield DestinationScenario(module_emulator, http)
    module_emulator.clear_faults()


@pytest.fixture
def any_mount_scenario(shared_emulator: Emulator) -> Iterator[DestinationScenario]:
    """Provide a landscape in each of the mounts, where the mount may matter."""
    shared_emulator.clear_journal()
    with httpx.Client(transport=shared_emulator.transport) as http:
        yield DestinationScenario(shared_emulator, http)
    shared_emulator.clear_faults()


@pytest.fixture
def emulator_at_assertion_time(module_emulator: Emulator) -> Emulator:
    """Provide the same at the time at which the tests' assertions are made, with an empty journal."""
    module_emulator.set_clock(NOW)
    module_emulator.clear_journal()
    return module_emulator


@pytest.fixture
def http(module_emulator: Emulator) -> Iterator[httpx.Client]:
    """Provide a client of the emulator."""
    with httpx.Client(transport=module_emulator.transport) as client:
        yield client


@pytest.fixture
def api(emulator_at_assertion_time: Emulator, http: httpx.Client) -> IdentityProviderApi:
    """Provide the API of a subaccount that trusts only its built-in providers."""
    return IdentityProviderApi(emulator_at_assertion_time, http, emulator_at_assertion_time.create_subaccount().guid)
