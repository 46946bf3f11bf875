"""The surroundings of a page's project in the emulator: other subaccounts, users, targets, keys."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx

from support.doc_pages.workbench import PageWorkbench

GUID = "00000000-1111-4222-8333-000000005cdd"
_OTHER_GUID = "00000000-2222-4333-8444-00000000b111"
FLEET = ("acme-dev", "acme-qa", "acme-prod")
CREATED, TODAY = "2026-11-29T08:00:00Z", "2028-11-20T08:00:00Z"
"""When the first certificate of every stage was created, and the date of the stages."""
_USER = {"user_name": "jane@example.com", "password": "of-jane"}
_ASSERTION = {
    "Name": "Assertion",
    "Type": "HTTP",
    "URL": "https://s4.example.com",
    "Authentication": "SAMLAssertion",
    "authnContextClassRef": "urn:oasis:names:tc:SAML:2.0:ac:classes:PreviousSession",
}
_RECEIVER = """\
import http.server

class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
server.serve_forever()
"""


def control_plane(bench: PageWorkbench) -> httpx.Client:
    """Open a client of the emulator's control plane."""
    return httpx.Client(base_url=f"http://127.0.0.1:{bench.values.port}/_emulator/")


def create_subaccount(bench: PageWorkbench) -> None:
    """Create the subaccount with its first certificate, and set the date of the stages."""
    with control_plane(bench) as control:
        control.put("clock", json={"now": CREATED}).raise_for_status()
        control.post("subaccounts", json={"guid": GUID, "subdomain": "acme-dev", "generate": True}).raise_for_status()
        control.put("clock", json={"now": TODAY}).raise_for_status()


def create_fleet(bench: PageWorkbench) -> None:
    """Create three subaccounts, each with its first certificate, and save their service keys."""
    (bench.folder / "keys").mkdir(mode=0o700)
    with control_plane(bench) as control:
        control.put("clock", json={"now": CREATED}).raise_for_status()
        for number, name in enumerate(FLEET):
            guid = f"{GUID[:-1]}{number}"
            account = {"guid": guid, "subdomain": name, "generate": True}
            control.post("subaccounts", json=account).raise_for_status()
            key = control.get(f"subaccounts/{guid}/service-key").raise_for_status().text
            file = bench.folder / f"keys/{name}.json"
            file.write_text(key)
            file.chmod(0o600)
        control.put("clock", json={"now": TODAY}).raise_for_status()


def save_service_key(bench: PageWorkbench) -> None:
    """Save the service key of the subaccount, which contains the address of this emulator."""
    with control_plane(bench) as control:
        key = control.get(f"subaccounts/{GUID}/service-key").raise_for_status().text
    (bench.folder / "service-key.json").write_text(key)


def create_targets(bench: PageWorkbench, slots: Sequence[str]) -> None:
    """Create a user and two destinations, one of them to a target that trusts the certificates in these slots."""
    account = f"subaccounts/{GUID}"
    with control_plane(bench) as control:
        control.post(f"{account}/users", json=_USER).raise_for_status()
        target = control.post("targets", json={"name": "s4"}).raise_for_status().json()
        for certificate in _certificates(bench, slots):
            control.post("targets/s4/certificates", json={"certificate": certificate}).raise_for_status()
        for properties in (_to_target(target), _ASSERTION):
            with_audience = {**properties, "audience": target["entity_id"]}
            control.post(f"{account}/destinations", json={"properties": with_audience}).raise_for_status()


def add_subaccount(bench: PageWorkbench) -> None:
    """Create another subaccount, and save the key of its XSUAA."""
    with control_plane(bench) as control:
        control.post("subaccounts", json={"guid": _OTHER_GUID, "subdomain": "acme-billing"}).raise_for_status()
        key = control.get(f"subaccounts/{_OTHER_GUID}/api-access-key").raise_for_status()
    (bench.folder / "billing-key.json").write_text(key.text)


def start_receiver(bench: PageWorkbench) -> None:
    """Start a server that accepts all messages, and save its address."""
    port = bench.start(sys.executable, "-c", _RECEIVER).strip()
    (bench.folder / "slack-url").write_text(f"http://127.0.0.1:{port}/services/T0/B0/X0\n")


def create_s4_tenant(bench: PageWorkbench, switches: Mapping[str, object]) -> None:
    """Create an S/4HANA tenant with three communication systems, and a user with a destination to the first."""
    netrc = bench.folder / "s4.netrc"
    netrc.write_text("machine 127.0.0.1 login BTP_TRUST password of-btp-trust\n")
    netrc.chmod(0o600)
    bench.env["PASSWORD"] = _USER["password"]
    tenant, account = "s4/my300123", f"subaccounts/{GUID}"
    with control_plane(bench) as control:
        stored = {name: value for name, value in switches.items() if name == "field_format"}
        new = {"name": "my300123", "password": "of-btp-trust", "switches": stored}
        control.post("s4", json=new).raise_for_status()
        for system in ("BTP_TRUST", "TRUST_TEST", "TRUST_TEST_2"):
            control.post(f"{tenant}/systems", json={"id": system}).raise_for_status()
            block = f"{tenant}/systems/{system}/oauth2"
            control.put(block, json={"provider_name": system}).raise_for_status()
        (certificate,) = _certificates(bench, ["certificate"])
        control.put(f"{tenant}/systems/BTP_TRUST/oauth2", json={"certificate": certificate}).raise_for_status()
        target = control.get(f"{tenant}/systems/BTP_TRUST").raise_for_status().json()["target"]
        control.put(f"{tenant}/switches", json=switches).raise_for_status()
        control.post(f"{account}/users", json=_USER).raise_for_status()
        to_system = {**_to_target(target), "audience": target["entity_id"]}
        control.post(f"{account}/destinations", json={"properties": to_system}).raise_for_status()


def copy_service_key_for_examples(folder: Path) -> None:
    """Save the service key under the names that the page of the examples uses."""
    key = json.loads((folder / "service-key.json").read_text())
    quickstart = folder / "examples/quickstart"
    (quickstart / "service-key.json").write_text(json.dumps(key))
    (quickstart / "connections.json").write_text(json.dumps({"development": key, "production": key}))


def leave_lock(backend: Path) -> None:
    """Create the lock file of a `pulumi up` that was killed."""
    lock = backend / ".pulumi/locks/organization/trust/dev/6a8f3c1e-0b1d-4c55-9d67-1f0c8a7e2b11.json"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text(json.dumps({"pid": 1, "username": "reader", "hostname": "elsewhere", "timestamp": TODAY}))


def _to_target(target: Mapping[str, str]) -> dict[str, str]:
    """Return the properties of a destination to a target."""
    return {
        **_ASSERTION,
        "Name": "S4",
        "Authentication": "OAuth2SAMLBearerAssertion",
        "clientKey": target["client_id"],
        "tokenServiceURL": target["token_service_url"],
        "tokenServiceUser": target["client_id"],
        "tokenServicePassword": target["client_secret"],
    }


def _certificates(bench: PageWorkbench, slots: Sequence[str]) -> Iterator[str]:
    """Read the certificates in these slots from the service's own API."""
    key = json.loads((bench.folder / "service-key.json").read_text())
    origin = f"http://127.0.0.1:{bench.values.port}"
    with httpx.Client(base_url=f"{origin}/destination-configuration/v1/saml2Metadata") as http:
        client = {"client_id": key["clientid"], "client_secret": key["clientsecret"]}
        url = f"{origin}{httpx.URL(key['url']).path}/oauth/token"
        token = http.post(url, data={"grant_type": "client_credentials", **client}).raise_for_status().json()
        for slot in slots:
            header = {"Authorization": f"Bearer {token['access_token']}"}
            yield http.get(slot, headers=header).raise_for_status().json()["certificate"]
