"""What one command shares: the guard of the subaccount, one token, one reading, one failure, one line."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from btp_trust.errors import (
    ConfigurationError,
    CredentialsMissing,
    CredentialsRejected,
    Refused,
    ServiceUnavailable,
    StaleRead,
    TrustError,
    WrongSubaccount,
)
from btp_trust.runtime.command_plan import CommandPlan
from btp_trust.runtime.host import Host, has_engine_exited, system_clock
from btp_trust.runtime.session import Session
from btp_trust.runtime.slots import Subaccount
from btp_trust.service.credentials.bindings import SECRETS_ROOT
from btp_trust.service.transport.retry import MAX_ATTEMPTS
from btp_trust.service.trust_certificates import TrustCertificatesClient
from btp_trust_emulator import Emulator
from support.fake_clock import FakeClock
from support.fake_engine import assert_three_part_message

GUID = "00000000-1111-4222-8333-000000005cdd"
OTHER = "00000000-1111-4222-8333-00000000beef"
UNSET: dict[str, str] = {}


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An emulator with two subaccounts; the first has an active certificate."""
    with Emulator(key_size=1024) as running:
        running.create_subaccount(GUID, generate=True)
        running.create_subaccount(OTHER)
        yield running


@dataclass
class Counting(httpx.BaseTransport):
    """A transport that counts what goes through it, and may fail."""

    inner: httpx.BaseTransport
    fails: Callable[[httpx.Request], bool] = lambda _: False
    paths: list[str] = field(default_factory=list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass it on, slowly enough that threads meet."""
        self.paths.append(request.url.path)
        time.sleep(0.01)
        if self.fails(request):
            raise httpx.ConnectError("down", request=request)
        return self.inner.handle_request(request)


def open_session(
    emulator: Emulator,
    guid: str = GUID,
    transport: httpx.BaseTransport | None = None,
    environ: dict[str, str] | None = None,
    **config: str,
) -> Session:
    """The session of a stack with the service key of one subaccount in its config, unless the environment has it."""
    settings = {f"btp-trust:{name}": value for name, value in config.items()}
    if environ is None:
        settings.setdefault("btp-trust:serviceKey", json.dumps(emulator.service_key(guid)))
    clock = FakeClock()
    host = Host(
        environ=environ or {},
        transport=transport or emulator.transport,
        clock=lambda: emulator.now,
        sleep=clock.sleep,
        monotonic=lambda: clock.now,
        stderr=io.StringIO(),
        secrets_root=Path("missing"),
    )
    return Session(settings.get, host)


def slot_reads(emulator: Emulator) -> list[str]:
    """The requests to the trust API, without those for tokens."""
    return [entry.path for entry in emulator.journal() if "saml2Metadata" in entry.path]


def in_4_threads(job: Callable[[], Any]) -> list[Any]:
    """What a job gives, or raises, in four threads that begin at once, as the engine's do."""
    barrier = threading.Barrier(4)

    def wait_and_do(_: int) -> Any:
        barrier.wait()
        try:
            return job()
        except TrustError as error:
            return error

    with ThreadPoolExecutor(4) as threads:
        return list(threads.map(wait_and_do, range(4)))


@pytest.mark.parametrize("expected", [None, GUID], ids=["that nobody named", "that is the expected one"])
def test_connection_leads_to_its_subaccount(emulator: Emulator, expected: str | None) -> None:
    """The token of a connection says which subaccount it is for."""
    account = open_session(emulator).subaccount("default", expected)
    assert account.subaccount_id == GUID
    assert account.snapshot().slots.active == emulator.slots(GUID).active


def test_unexpected_subaccount_is_refused(emulator: Emulator) -> None:
    """A token for another subaccount is refused before a slot is read, with both GUIDs and the place of the key."""
    shared = open_session(emulator, OTHER)
    with pytest.raises(WrongSubaccount, match="config btp-trust:serviceKey") as caught:
        shared.subaccount("default", GUID)
    assert GUID in str(caught.value)
    assert OTHER in str(caught.value)
    assert caught.value.prop == "subaccount_id"
    assert len(emulator.journal()) == 1
    assert slot_reads(emulator) == []


def test_binding_needs_expected_subaccount(emulator: Emulator) -> None:
    """A binding from the environment works only with an expected subaccount; the message has the line to paste."""
    entry = {"instance_name": "dest", "credentials": emulator.service_key(GUID)}
    environ = {"VCAP_SERVICES": json.dumps({"destination": [entry]})}
    with pytest.raises(WrongSubaccount, match=f'subaccount_id="{GUID}"') as caught:
        open_session(emulator, environ=environ).subaccount("default", None)
    assert caught.value.prop == "subaccount_id"
    assert slot_reads(emulator) == []
    assert open_session(emulator, environ=environ).subaccount("default", GUID).subaccount_id == GUID


def test_key_variable_works_alone(emulator: Emulator) -> None:
    """A service key in a variable of its own works without an expected subaccount."""
    environ = {"BTP_TRUST_SERVICE_KEY": json.dumps(emulator.service_key(GUID))}
    assert open_session(emulator, environ=environ).subaccount("default", None).subaccount_id == GUID


def test_threads_share_token_and_reading(emulator: Emulator) -> None:
    """Eight threads of one command send three requests: one for a token and one for each slot."""
    transport = Counting(emulator.transport)
    shared = open_session(emulator, transport=transport)
    found = in_4_threads(lambda: shared.subaccount("default", GUID).snapshot())
    found += in_4_threads(lambda: shared.subaccount("default", None).snapshot())
    assert found == [found[0]] * 8
    assert len(transport.paths) == 3
    assert len(slot_reads(emulator)) == 2


def test_connections_share_a_subaccount(emulator: Emulator) -> None:
    """Two connections to one subaccount share its readings."""
    key = json.dumps(emulator.service_key(GUID))
    shared = open_session(emulator, connections=f'{{"one": {key}, "two": {key}}}')
    assert shared.subaccount("one", GUID) is shared.subaccount("two", GUID)


def test_subaccounts_are_kept_apart(emulator: Emulator) -> None:
    """Each subaccount has a token and slots of its own."""
    keys = {guid: emulator.service_key(guid) for guid in (GUID, OTHER)}
    shared = open_session(emulator, connections=json.dumps(keys))
    assert shared.subaccount(GUID, GUID).snapshot().active is not None
    assert shared.subaccount(OTHER, OTHER).snapshot().active is None


def test_read_replaces_cached_snapshot(emulator: Emulator) -> None:
    """After `read`, all see the new snapshot."""
    account = open_session(emulator).subaccount("default", GUID)
    before = account.snapshot()
    emulator.generate_passive(GUID)
    assert account.snapshot() is before
    after = account.read()
    assert after.slots.passive == emulator.slots(GUID).passive
    assert account.snapshot() is after


def test_reading_uses_service_clock(emulator: Emulator) -> None:
    """A reading has the date of the response, or the machine's if the response has none."""
    emulator.set_clock(datetime(2031, 1, 1, tzinfo=UTC))
    account = open_session(emulator).subaccount("default", GUID)
    assert abs(account.read().now - datetime(2031, 1, 1, tzinfo=UTC)) < timedelta(minutes=1)

    def undated(_: httpx.Request) -> httpx.Response:
        return httpx.Response(404, json={"ErrorMessage": "none"})

    client = httpx.Client(transport=httpx.MockTransport(undated), base_url="https://service.example")
    host = Host(clock=lambda: datetime(2032, 1, 1, tzinfo=UTC))
    retry_policy = FakeClock().retry_policy()
    trust_api = TrustCertificatesClient(client, retry_policy)
    account = Subaccount(
        GUID, trust_api, retry_policy, host.clock, host.engine_exited, show_user=print, command_plan=CommandPlan()
    )
    assert account.read().now == datetime(2032, 1, 1, tzinfo=UTC)


def test_failed_reading_is_shared(emulator: Emulator) -> None:
    """All threads and resources of a command share the attempts of one failed reading."""
    transport = Counting(emulator.transport, lambda request: "saml2Metadata" in request.url.path)
    shared = open_session(emulator, transport=transport)
    account = shared.subaccount("default", GUID)
    found = in_4_threads(account.snapshot) + in_4_threads(lambda: shared.subaccount("default", GUID).snapshot())
    assert {type(each) for each in found} == {ServiceUnavailable}
    assert len(transport.paths) == 1 + MAX_ATTEMPTS


def test_resources_share_failed_token_request(emulator: Emulator) -> None:
    """A failed token request is kept for the rest of the command."""
    transport = Counting(emulator.transport, lambda _: True)
    shared = open_session(emulator, transport=transport)
    for _ in range(3):
        with pytest.raises(ServiceUnavailable):
            shared.subaccount("default", GUID)
    assert len(transport.paths) == MAX_ATTEMPTS


def test_threads_share_failed_token_request(emulator: Emulator) -> None:
    """Four threads wait for one failed token request together."""
    transport = Counting(emulator.transport, lambda _: True)
    shared = open_session(emulator, transport=transport)
    found = in_4_threads(lambda: shared.subaccount("default", GUID))
    assert {type(each) for each in found} == {ServiceUnavailable}
    assert len(transport.paths) == MAX_ATTEMPTS


def test_read_replaces_cached_failure(emulator: Emulator) -> None:
    """A successful `read` replaces the failure of an earlier one."""
    down = [True]
    transport = Counting(emulator.transport, lambda request: down[0] and "saml2Metadata" in request.url.path)
    account = open_session(emulator, transport=transport).subaccount("default", GUID)
    with pytest.raises(ServiceUnavailable):
        account.snapshot()
    down[0] = False
    assert account.read() == account.snapshot()


class Stale(httpx.BaseTransport):
    """A service that answers a reading of the passive slot, so many times, with what the active one holds."""

    def __init__(self, inner: httpx.BaseTransport, times: int) -> None:
        self.inner = inner
        self.times = times
        self.reads: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, or answer too late."""
        if request.method == "GET":
            self.reads.append(request.url.path)
        if request.url.path.endswith("/passive") and self.times > 0:
            self.times -= 1
            request.url = request.url.copy_with(path=request.url.path.removesuffix("/passive"))
        return self.inner.handle_request(request)


def test_contradictory_slots_are_read_again(emulator: Emulator) -> None:
    """Slots that seem to hold the same certificate are read again until they differ."""
    emulator.generate_passive(GUID)
    stale = Stale(emulator.transport, MAX_ATTEMPTS - 1)
    reading = open_session(emulator, transport=stale).subaccount("default", GUID).read()
    found, real = reading.slots, emulator.slots(GUID)
    assert (found.active, found.passive) == (real.active, real.passive)
    assert len(stale.reads) == 2 * MAX_ATTEMPTS


def test_lasting_contradiction_is_stale_read(emulator: Emulator) -> None:
    """Slots that keep holding the same certificate raise a StaleRead, which is kept for the command."""
    stale = Stale(emulator.transport, 99)
    account = open_session(emulator, transport=stale).subaccount("default", GUID)
    for _ in range(2):
        with pytest.raises(StaleRead) as caught:
            account.snapshot()
        assert_three_part_message(str(caught.value), emulator.slots(GUID).active)
    assert len(stale.reads) == 2 * MAX_ATTEMPTS


def test_empty_slots_are_consistent(emulator: Emulator) -> None:
    """Two empty slots are a valid reading."""
    account = open_session(emulator, OTHER).subaccount("default", OTHER)
    assert (account.read().active, account.read().passive) == (None, None)


def test_credential_errors_are_cached(emulator: Emulator) -> None:
    """Missing or malformed credentials are looked up once and fail alike for each resource."""
    shared = open_session(emulator, environ={}, connections='{"broken": {"uri": 5}}')
    for name, kind in (("default", CredentialsMissing), ("broken", ConfigurationError)):
        found = []
        for _ in range(2):
            with pytest.raises(kind) as caught:
                shared.subaccount(name, GUID)
            found.append(caught.value)
        assert found[0] is found[1]
    assert emulator.journal() == []


def test_expired_client_certificate_sends_nothing(emulator: Emulator) -> None:
    """A client certificate that has expired by the host's clock is reported before any request."""
    key = json.dumps(emulator.service_key(GUID, "x509", valid_seconds=60))
    emulator.advance(61)
    with pytest.raises(CredentialsRejected, match="expired"):
        open_session(emulator, serviceKey=key).subaccount("default", GUID)
    assert emulator.journal() == []


def test_line_is_printed_once(emulator: Emulator) -> None:
    """A line is printed once, however often and in however many threads it is said."""
    stderr = io.StringIO()
    shared = Session(UNSET.get, Host(environ={}, transport=emulator.transport, stderr=stderr))
    in_4_threads(lambda: shared.print_once("warning: once"))
    shared.print_once("another")
    assert stderr.getvalue() == "warning: once\nanother\n"


def test_strict_raises_instead_of_warning() -> None:
    """With `btp-trust:strict`, a warning is raised instead of printed."""
    stderr = io.StringIO()
    with pytest.raises(Refused, match="drift"):
        Session({"btp-trust:strict": "true"}.get, Host(environ={}, stderr=stderr)).warn("drift", "why", "remedy")
    assert stderr.getvalue() == ""
    Session(UNSET.get, Host(environ={}, stderr=stderr)).warn("drift", "why", "remedy")
    assert stderr.getvalue() == "warning: drift why remedy\n"


def test_passive_is_recorded_per_subaccount(emulator: Emulator) -> None:
    """A declared PassiveTrustCertificate is recorded in the plan of its subaccount alone."""
    shared = open_session(emulator)
    assert not shared.plans.of(GUID).has_passive
    shared.plans.of(GUID).has_passive = True
    assert shared.plans.of(GUID).has_passive
    assert not shared.plans.of(OTHER).has_passive


@pytest.mark.parametrize("name", ["offline", "strict"])
def test_switches_default_to_off(name: str) -> None:
    """`offline` and `strict` are on only if set to true."""
    assert not getattr(Session(UNSET.get, Host(environ={})), name)
    assert not getattr(Session({f"btp-trust:{name}": "false"}.get, Host(environ={})), name)
    assert getattr(Session({f"btp-trust:{name}": "true"}.get, Host(environ={})), name)


@pytest.mark.parametrize("name", ["offline", "strict"])
@pytest.mark.parametrize("value", ["yes", "True", "1"])
def test_malformed_switch_is_refused(name: str, value: str) -> None:
    """A switch with another value than true or false is refused: a typo must not disable it silently."""
    with pytest.raises(ConfigurationError, match=f"btp-trust:{name}"):
        Session({f"btp-trust:{name}": value}.get, Host(environ={}))


def test_session_repr_hides_credentials(emulator: Emulator) -> None:
    """The reprs of a session and of what it hands out are free of the key."""
    secret = emulator.service_key(GUID)["clientsecret"]
    shared = open_session(emulator)
    account = shared.subaccount("default", GUID)
    assert secret not in "".join(map(repr, (shared, vars(shared), account, vars(account))))


def test_host_defaults_to_process() -> None:
    """By default the host is that of the process: environment, clock, sleep, stderr."""
    host = Host()
    assert host.environ is os.environ
    assert host.stderr is sys.stderr
    assert (host.transport, host.secrets_root) == (None, SECRETS_ROOT)
    assert (host.sleep, host.monotonic) == (time.sleep, time.monotonic)
    assert host.engine_exited is has_engine_exited
    assert abs(host.clock() - datetime.now(UTC)) < timedelta(minutes=1)
    assert Session(UNSET.get).host.clock is system_clock


def test_malformed_timeout_is_refused() -> None:
    """A malformed timeout is refused when the session is made."""
    with pytest.raises(ConfigurationError, match="btp-trust:readTimeout"):
        Session({"btp-trust:readTimeout": "soon"}.get, Host(environ={}))
