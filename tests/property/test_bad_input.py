"""Bad input of every kind gives a result, or an error of this package that shows no secret."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import ssl
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime import rpc

from btp_trust.certificate import parse_pem
from btp_trust.errors import Refused, TrustError
from btp_trust.formatting import format_rfc3339
from btp_trust.runtime import process_session
from btp_trust.runtime.host import Host
from btp_trust.runtime.session import Session
from btp_trust.saml import metadata
from btp_trust.service.transport import http_client
from btp_trust_emulator import Emulator
from support.error_text import error_text
from support.fake_clock import FakeClock
from support.fake_engine import PROVIDERS, Bag, assert_three_part_message, request_label, round_trip
from support.strategies import (
    SECRET_MARK,
    OddResponse,
    broken_pems,
    edited_bags,
    json_documents,
    marked_texts,
    odd_responses,
    service_keys,
)

GUID: Final = "00000000-1111-4222-8333-000000005cdd"
NOW: Final = datetime(2026, 11, 24, 8, 34, 27, tzinfo=UTC)
CONFIG: Final = (
    "serviceKey",
    "connections",
    "caBundle",
    "offline",
    "strict",
    "expiryWarning",
    "expiryFailure",
    "connectTimeout",
    "readTimeout",
    "resolveTimeout",
    "operationTimeout",
    "userToken",
    "user",
    "users",
)
CLIENT_SECRET: Final = "CL1ENT$and-its-secret"
REQUESTS: Final = (
    "POST token",
    "GET metadata",
    "GET certificate",
    "GET certificate/passive",
    "POST certificate",
    "POST certificate/passive",
    "POST rotateCertificate",
    "DELETE certificate/passive",
    "GET destinations/s4",
    "GET destinations/assertion",
    "GET subaccountDestinations",
    "GET instanceDestinations",
    "GET identity-providers",
    "POST identity-providers",
    "PUT identity-providers",
    "DELETE identity-providers",
    "GET X-CSRF-Token",
    "GET CommunicationSystems",
    "PATCH CommunicationSystems",
)
OPERATIONS: Final = ("check", "diff", "create", "update", "read", "delete")


@dataclass(frozen=True)
class Sample:
    """Certificates and keys that are good, to be broken."""

    active: str
    passive: str
    x509: dict[str, str]

    @property
    def pems(self) -> st.SearchStrategy[str]:
        """Certificates that are broken in one way or several."""
        return broken_pems(self.passive, self.active, self.x509["key"])

    @property
    def private_lines(self) -> list[str]:
        """The lines of the private key, which must be shown nowhere."""
        return self.x509["key"].splitlines()[1:-1]


def _sample() -> Sample:
    with Emulator(key_size=1024) as emulator:
        account = emulator.create_subaccount(GUID, generate=True)
        emulator.advance(60)
        emulator.generate_passive(GUID)
        active, passive = emulator.certificates(GUID)
        return Sample(active or "", passive or "", emulator.service_key(account.guid, "x509", 10**9))


SAMPLE: Final = _sample()
ACTIVE, PASSIVE = (parse_pem(pem).fingerprint for pem in (SAMPLE.active, SAMPLE.passive))
SECRET_KEY: Final = {
    "clientid": "one",
    "clientsecret": CLIENT_SECRET,
    "uri": "http://127.0.0.1:8080",
    "url": "http://127.0.0.1:8080/uaa",
}
CLAIMS: Final = base64.urlsafe_b64encode(json.dumps({"ext_attr": {"subaccountid": GUID}}).encode()).decode().rstrip("=")
TOKEN: Final = f"eyJhbGciOiJub25lIn0.{CLAIMS}.{'signature' * 9}"
XSUAA_KEY: Final = {**SECRET_KEY, "apiurl": "http://127.0.0.1:8080"}
COMMUNICATION_USER: Final = {"url": "http://127.0.0.1:8080/s4", "user": "BTP", "password": CLIENT_SECRET}
SETTINGS: Final = {
    "btp-trust:serviceKey": json.dumps(SECRET_KEY),
    "btp-trust:connections": json.dumps({"billing": XSUAA_KEY, "s4": COMMUNICATION_USER}),
    "btp-trust:userToken": TOKEN,
}
REGISTERED: Final = {
    "id": "1",
    "originKey": "shop",
    "type": "saml",
    "name": "shop",
    "active": True,
    "config": {"metaDataLocation": metadata.write_metadata([parse_pem(SAMPLE.active)])},
}
SYSTEM: Final = {
    "UUID": "11111111-1111-4222-8333-000000005cdd",
    "ID": "BTP",
    "IsOAuth2IdentityProviderActive": True,
    "OAuth2IdentityProviderName": "shop",
    "OAuth2IdentityProviderCertificatePublicKeyBase64": parse_pem(SAMPLE.active).body,
}


def _found(name: str, authentication: str, token: Bag) -> Bag:
    """Return a destination as the service finds it for a user."""
    return {"destinationConfiguration": {"Name": name, "Authentication": authentication}, "authTokens": [token]}


GOOD: Final[dict[str, Any]] = {
    "POST token": {"access_token": TOKEN, "expires_in": 43199},
    "GET metadata": {"idpMetadata": "<xml/>"},
    "GET certificate": {"certificate": SAMPLE.active},
    "GET certificate/passive": {"certificate": SAMPLE.passive},
    "POST certificate": {"certificate": SAMPLE.active},
    "POST certificate/passive": {"certificate": SAMPLE.passive},
    "POST rotateCertificate": {"activeCertificate": SAMPLE.passive, "passiveCertificate": SAMPLE.active},
    "DELETE certificate/passive": {"Count": 1},
    "GET destinations/s4": _found("s4", "OAuth2SAMLBearerAssertion", {"value": TOKEN, "expires_in": "3600"}),
    "GET destinations/assertion": _found("assertion", "SAMLAssertion", {"value": "PHNhbWwvPg=="}),
    "GET subaccountDestinations": [{"Name": "s4", "Type": "HTTP", "Authentication": "OAuth2SAMLBearerAssertion"}],
    "GET instanceDestinations": [{"Name": "assertion", "Type": "HTTP", "Authentication": "SAMLAssertion"}],
    "GET identity-providers": [],
    "POST identity-providers": REGISTERED,
    "PUT identity-providers": REGISTERED,
    "DELETE identity-providers": REGISTERED,
    "GET X-CSRF-Token": {},
    "GET CommunicationSystems": {"value": [SYSTEM]},
    "PATCH CommunicationSystems": {},
}
HEADERS: Final = {"Date": "Fri, 24 Nov 2028 08:34:27 GMT", "X-CSRF-Token": "one"}
assert set(GOOD) == set(REQUESTS)


@dataclass
class Canned(httpx.BaseTransport):
    """Both services, with the same responses each time, some of them strange."""

    strange: Mapping[str, OddResponse] = field(default_factory=dict)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Respond."""
        called = request_label(request.method, request.url.path)
        if called in self.strange:
            return self.strange[called].response(request)
        return httpx.Response(200, json=GOOD[called], headers=HEADERS)


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Skip the usual authorities, which take time to load: these tests make no connection."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(http_client, "_default_tls_context", lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        yield
    process_session.set_current(None)


def host(transport: httpx.BaseTransport, environ: Mapping[str, str] | None = None) -> Host:
    """Return a host whose clock needs no real time."""
    clock = FakeClock()
    return Host(
        environ=environ or {},
        transport=transport,
        clock=lambda: NOW,
        sleep=clock.sleep,
        monotonic=lambda: clock.now,
        stderr=io.StringIO(),
        secrets_root=Path("missing"),
    )


def begin(outside: Host, config: Mapping[str, str] | None = None) -> None:
    """Begin a command with this configuration; the service key is a good one by default."""
    settings = SETTINGS if config is None else config
    process_session.set_current(Session(settings.get, outside))


def call(kind: str, name: str, case: Mapping[str, Bag]) -> str:
    """Let the engine call one operation; return its failures, or all that its error could show."""
    provider: Any = PROVIDERS[kind]()
    arguments: dict[str, tuple[Any, ...]] = {
        "check": (case["old"], case["args"]),
        "diff": ("id", case["outputs"], case["inputs"]),
        "create": (case["inputs"],),
        "update": ("id", case["outputs"], case["inputs"]),
        "read": ("id", case["outputs"]),
        "delete": ("id", case["outputs"]),
    }
    try:
        result = getattr(provider, name)(*arguments[name])
    except TrustError as error:
        failed = error
    else:
        return answer(name, result)
    assert name != "check" or not isinstance(failed, Refused)
    assert_three_part_message(str(failed))
    return error_text(failed)


def answer(name: str, result: Any) -> str:
    """Send a result back as the plugin does; return its failures."""
    failures = result.failures if name == "check" else []
    for failure in failures:
        assert_three_part_message(failure.reason)
    bag = getattr(result, "inputs", None) or getattr(result, "outs", None)
    asyncio.run(rpc.serialize_properties(bag or {}, {}))
    return "\n".join(failure.reason for failure in failures)


def printed(outside: Host) -> str:
    """Return what the command printed."""
    stderr = outside.stderr
    assert isinstance(stderr, io.StringIO)
    return stderr.getvalue()


def assert_silent(text: str, *hidden: str) -> None:
    """Assert that the text shows no credential, and none of these."""
    secrets = (CLIENT_SECRET, TOKEN, "signature" * 9, *SAMPLE.private_lines, *hidden)
    assert [secret for secret in secrets if secret in text] == []


def _cases() -> dict[str, dict[str, Bag]]:
    """Return for each kind what the engine sends where a step is due: a renewal, a generation, a swap."""
    first: dict[str, Bag] = {
        "active": {},
        "passive": {"generation": "b", "adopt": PASSIVE},
        "trigger": {"generation": "a", "known_generations": {"b": PASSIVE}},
        "trusted": {"connection": "billing", "origin_key": "shop"},
        "system": {"connection": "s4", "system": "BTP"},
    }
    then: dict[str, Bag] = {
        "active": {"renew_fingerprint": ACTIVE, "accept_outage": True},
        "passive": {"generation": "c", "resource_urn": "urn:one", "retain_on_delete": True},
        "trigger": {
            "generation": "b",
            "known_generations": {"b": PASSIVE},
            "on_drift": "report",
            "candidate": {"generation": "b", "generations": {"b": PASSIVE}, "subaccount_id": GUID},
            "trusted_by": {"s4": [SAMPLE.passive, ACTIVE], "sf": {"kind": "switches at rotation", "owner": "HR"}},
            "verify_destinations": ["s4", "assertion"],
            "on_verification_failure": "rollback",
            "verify_now": "1",
            "list_affected": True,
            "switches": [{"connection": "s4", "system": "BTP"}],
            "on_switch_failure": "rollback",
            "revoked": {"a": "leaked"},
            "soak": 14,
            "freeze": [{"from": "2020-12-15", "to": "2021-01-05", "why": "closing"}],
            "window": {"cron": "0 0 1 1 *", "duration": "8759h"},
            "when": "next_window",
            "break_glass": {"b": "INC-1"},
        },
        "trusted": {"connection": "billing", "origin_key": "shop", "passive": PASSIVE, "name": "Shop"},
        "system": {"connection": "s4", "system": "BTP", "certificate": SAMPLE.passive},
    }
    cases = {}
    for kind in PROVIDERS:
        begin(host(Canned()))  # a command of its own: resources of one command refuse what others plan
        checked = PROVIDERS[kind]().check({}, first[kind])
        assert checked.failures == [], checked.failures[0].reason
        old = round_trip(checked.inputs)
        outputs = round_trip(PROVIDERS[kind]().create(old).outs)
        begin(host(Canned()))
        checked = PROVIDERS[kind]().check(old, then[kind])
        assert checked.failures == []
        cases[kind] = {"old": old, "args": then[kind], "inputs": round_trip(checked.inputs), "outputs": outputs}
    back = {"fingerprint": PASSIVE, "previous_fingerprint": ACTIVE, "rotated_at": "2028-11-24T08:34:20Z"}
    cases["trigger"]["outputs"] |= back
    return cases


CASES: Final = _cases()
kinds = st.sampled_from(sorted(PROVIDERS))
keys = service_keys([SECRET_KEY, {**SECRET_KEY, "clientsecret": SECRET_MARK}, SAMPLE.x509], SAMPLE.pems)


@given(pem=SAMPLE.pems)
def test_a_broken_certificate(pem: str) -> None:
    """It is parsed, and every output can be written; or refused by a message that leaves it out."""
    try:
        certificate = parse_pem(pem)
    except ValueError as error:
        assert_silent(error_text(error), SECRET_MARK, pem[40:80] if len(pem) >= 80 else SECRET_MARK)
        return
    assert parse_pem(certificate.pem) == certificate
    assert ET.fromstring(certificate.metadata.encode()).attrib["entityID"] == certificate.issuer_name  # noqa: S314 - ours
    json.dumps(
        [
            certificate.issuer_name,
            certificate.serial_number,
            format_rfc3339(certificate.not_before),
            format_rfc3339(certificate.not_after),
        ]
    )


@given(
    key=keys,
    place=st.sampled_from(["serviceKey", "connections", "variable", "binding"]),
    down=st.sampled_from(["", "POST token", "GET certificate"]),
)
def test_a_bad_service_key(key: str, place: str, down: str) -> None:
    """In every place: the command has a result, or an error of this package, and neither shows the key."""
    config = {"btp-trust:serviceKey": key} if place == "serviceKey" else {}
    config |= {"btp-trust:connections": f'{{"default": {key}}}'} if place == "connections" else {}
    environ = {"BTP_TRUST_SERVICE_KEY": key} if place == "variable" else {}
    environ |= (
        {"VCAP_SERVICES": f'{{"destination": [{{"name": "x", "credentials": {key}}}]}}'} if place == "binding" else {}
    )
    outside = host(Canned({down: OddResponse(503, [], b"")}), environ)
    begin(outside, config)
    assert_silent(call("active", "check", CASES["active"]) + printed(outside), SECRET_MARK)


@given(
    kind=kinds,
    name=st.sampled_from(OPERATIONS),
    strange=st.dictionaries(
        st.sampled_from(REQUESTS), odd_responses(list(GOOD.values()), SAMPLE.pems), min_size=1, max_size=3
    ),
)
def test_a_strange_response(kind: str, name: str, strange: dict[str, OddResponse]) -> None:
    """Of either service, to a read or a write, in every operation of every resource."""
    outside = host(Canned(strange))
    begin(outside)
    assert_silent(call(kind, name, CASES[kind]) + printed(outside), SECRET_MARK)


@given(kind=kinds, name=st.sampled_from(OPERATIONS), data=st.data())
def test_a_strange_property_bag(kind: str, name: str, data: st.DataObject) -> None:
    """Arguments of a program, inputs and outputs of a state: of wrong types, unknown, missing, of another version."""
    unknown = name in {"check", "diff"}
    case = {part: data.draw(edited_bags(bag, unknown=unknown), label=part) for part, bag in CASES[kind].items()}
    outside = host(Canned())
    begin(outside)
    assert_silent(call(kind, name, case) + printed(outside))


@given(
    config=st.dictionaries(
        st.sampled_from(CONFIG).map(lambda name: f"btp-trust:{name}"),
        st.text()
        | marked_texts
        | json_documents.map(json.dumps)
        | SAMPLE.pems
        | keys
        | st.sampled_from(["true", "false", "1e3"]),
        max_size=4,
    )
)
def test_a_strange_setting(config: dict[str, str]) -> None:
    """Any setting of any value, also a key in the wrong place: the value is never shown."""
    outside = host(Canned())
    try:
        begin(outside, {"btp-trust:serviceKey": json.dumps(SECRET_KEY), **config})
    except TrustError as error:
        assert_three_part_message(str(error))
        assert_silent(error_text(error), SECRET_MARK)
        return
    assert_silent(call("trigger", "check", CASES["trigger"]) + printed(outside), SECRET_MARK)


@given(bundle=SAMPLE.pems | st.text() | marked_texts)
def test_a_broken_bundle(bundle: str) -> None:
    """As the setting itself and as a file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "bundle.pem")
        file.write_text(bundle, encoding="utf-8")
        for setting in (bundle, str(file)):
            try:
                http_client.create_tls_context(setting)
            except TrustError as error:
                assert_three_part_message(str(error))
                assert_silent(error_text(error), SECRET_MARK)
