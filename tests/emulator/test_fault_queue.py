"""Which faults disturb a request, which faults are refused, and the same over the control plane."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from btp_trust_emulator import Action, Emulator, Fault, FaultKind, Invalid, Slot, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

TRUST = "/destination-configuration/v1/saml2Metadata"
ACTIVE, PASSIVE = "/certificate", "/certificate/passive"


@pytest.fixture
def control(clean_emulator: Emulator) -> Iterator[httpx.Client]:
    """Provide a client of the control plane."""
    with httpx.Client(transport=clean_emulator.transport, base_url=f"{clean_emulator.url}/_emulator/") as client:
        yield client


def test_faults_match_in_queue_order(authorized_caller: Any) -> None:
    """Faults disturb requests one by one, each as often as its `count`."""
    authorized_caller.caller.emulator.fault(FaultKind.FAIL, count=2)
    authorized_caller.caller.emulator.fault(FaultKind.DO_THEN_FAIL)
    authorized_caller.caller.emulator.fault(FaultKind.FAIL, status=403)
    assert [authorized_caller.call("GET", ACTIVE).status_code for _ in range(5)] == [503, 503, 500, 403, 200]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"method": "POST"}, id="the method"),
        pytest.param({"path": TRUST + PASSIVE}, id="the path"),
        pytest.param({"method": "POST", "path": TRUST + PASSIVE}, id="both"),
    ],
)
def test_fault_matches_described_requests(authorized_caller: Any, fields: Any) -> None:
    """Other requests pass, and are left uncounted."""
    authorized_caller.caller.emulator.fault(FaultKind.FAIL, subaccount=authorized_caller.guid, **fields)
    assert authorized_caller.call("GET", ACTIVE).status_code == 200
    assert authorized_caller.call("POST", PASSIVE).status_code == 503


def test_fault_matches_one_subaccount(authorized_caller: Any, make_caller: Any) -> None:
    """A fault may be for the subaccount of the token, or of the token endpoint."""
    other = make_caller(authorized_caller.caller.emulator, generate=True)
    authorized_caller.caller.emulator.fault(FaultKind.FAIL, subaccount=authorized_caller.guid)
    assert other.call("GET").status_code == 200
    assert authorized_caller.caller.ask_token().status_code == 503


def test_fault_skips_first_requests(authorized_caller: Any) -> None:
    """A fault lets its first `skip` matching requests pass."""
    authorized_caller.caller.emulator.fault(FaultKind.FAIL, skip=2, method="GET")
    authorized_caller.call("POST", PASSIVE)
    assert [authorized_caller.call("GET", ACTIVE).status_code for _ in range(4)] == [200, 200, 503, 200]


def test_waiting_faults_are_listed(authorized_caller: Any) -> None:
    """A fault is listed with its count until it is spent, or cleared."""
    first = authorized_caller.caller.emulator.fault(FaultKind.FAIL, count=2)
    second = authorized_caller.caller.emulator.fault(FaultKind.SLOW, seconds=0)
    authorized_caller.call("GET", ACTIVE)
    waiting = [(queued.fault, queued.fired) for queued in authorized_caller.caller.emulator.faults()]
    assert waiting == [(first, 1), (second, 0)]
    authorized_caller.call("GET", ACTIVE)
    assert [queued.fault for queued in authorized_caller.caller.emulator.faults()] == [second]
    authorized_caller.caller.emulator.clear_faults()
    assert authorized_caller.caller.emulator.faults() == []


@pytest.mark.parametrize(
    ("kind", "fields", "text"),
    [
        (
            FaultKind.FAIL,
            {"slot": Slot.ACTIVE},
            "`slot` has no meaning for this kind.\nLeave `slot` out .*: seconds, status",
        ),
        (FaultKind.CLOSE, {"seconds": 1}, "`seconds` has no meaning for this kind.\nLeave `seconds` out .*: none"),
        (FaultKind.SLOW, {"status": 500}, "`status` has no meaning"),
        (FaultKind.STALE, {"action": Action.ROTATE}, "`action` has no meaning"),
        (FaultKind.RIVAL_AFTER, {}, "Give `action`: generate_active, generate_passive, rotate, delete_passive."),
        (FaultKind.FAIL, {"status": 200}, "Give a `status` of 400 to 599."),
        (FaultKind.HTML, {"status": 204}, "Give a `status` of 200, or 400 to 599."),
        (FaultKind.ROUTER, {"status": 500}, "Give a `status` of 404 or 502 or 503."),
        (FaultKind.STALE, {"seconds": 1, "count": 2}, "Give one of them"),
        (
            FaultKind.FAIL,
            {"method": "get"},
            "The service has no method 'get'.\nGive one of GET, POST, PUT, PATCH, DELETE, or leave it out",
        ),
        (
            FaultKind.FAIL,
            {"path": "certificate"},
            "Give the whole path from its first slash, or 'token', or leave it out",
        ),
        (FaultKind.FAIL, {"count": 0}, "Give a `count` of 1 or more"),
        (FaultKind.FAIL, {"skip": -1}, "a `skip` of 0 or more"),
        (FaultKind.SLOW, {"seconds": -1}, "Give a number from 0 on"),
        (FaultKind.SLOW, {"seconds": math.inf}, "inf seconds are a malformed duration"),
    ],
)
def test_ineffective_fault_is_refused(kind: FaultKind, fields: Any, text: str) -> None:
    """An ineffective fault is refused with the reason and the remedy."""
    with pytest.raises(Invalid, match=text) as caught:
        Fault(kind, **fields)
    assert caught.value.what == f"The fault {kind.value} was not queued."


def test_unknown_subaccount_is_refused(in_process_emulator: Emulator) -> None:
    """A fault of an unknown subaccount is refused."""
    with pytest.raises(Unknown, match="unknown"):
        in_process_emulator.fault(FaultKind.FAIL, subaccount="unknown")


@pytest.mark.parametrize("kind", FaultKind)
def test_every_kind_is_queued_over_http(clean_emulator: Emulator, control: httpx.Client, kind: FaultKind) -> None:
    """Every kind is queued by its name, with the fields that it needs."""
    action = Action.ROTATE if kind in {FaultKind.RIVAL_BEFORE, FaultKind.RIVAL_AFTER} else None
    response = control.post("faults", json={"kind": kind.value, "action": action and action.value})
    assert response.status_code == 201
    assert [queued.fault for queued in clean_emulator.faults()] == [Fault(kind, action=action)]


def test_faults_are_managed_over_http(authorized_caller: Any, control: httpx.Client) -> None:
    """One or several faults are queued, shown with all their fields, and cleared."""
    one = {
        "kind": "fail",
        "method": "GET",
        "count": 2,
        "status": 429,
        "seconds": 1.5,
        "subaccount": authorized_caller.guid,
    }
    queued = control.post("faults", json=one)
    authorized_caller.call("GET", ACTIVE)
    more = control.post("faults", json=[{"kind": "stale", "slot": "active"}, {"kind": "close", "path": "token"}])
    defaults = {name: value for name, value in asdict(Fault(FaultKind.FAIL)).items() if name != "kind"}
    assert queued.json() == {"faults": [{**defaults, **one, "fired": 0}]}
    assert [(fault["kind"], fault["fired"]) for fault in more.json()["faults"]] == [
        ("fail", 1),
        ("stale", 0),
        ("close", 0),
    ]
    assert control.get("faults").json() == more.json()
    assert control.delete("faults").json() == {"faults": []} == control.get("faults").json()


def test_journal_names_faults_over_http(authorized_caller: Any, control: httpx.Client) -> None:
    """The journal shows the kinds of the faults of a request."""
    control.post("faults", json={"kind": "fail"})
    authorized_caller.call("GET", ACTIVE)
    (entry,) = control.get("journal").json()["entries"]
    assert (entry["faults"], entry["status"]) == (["fail"], 503)


def test_control_plane_is_undisturbed(clean_emulator: Emulator, control: httpx.Client) -> None:
    """Faults leave the control plane alone, so they can always be cleared."""
    clean_emulator.fault(FaultKind.CLOSE)
    assert control.get("clock").status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        pytest.param(b"{", 400, "truncated", id="JSON cut short"),
        pytest.param(b"1", 400, "Expected `object`", id="a number"),
        pytest.param(b'{"kind": "x"}', 400, "Invalid enum value 'x'", id="an unknown kind"),
        pytest.param(b"{}", 400, "missing required field `kind`", id="kind missing"),
        pytest.param(b'{"kind": "fail", "x": 1}', 400, "a fault has no field x", id="an unknown field"),
        pytest.param(b'{"kind": "fail", "count": 0}', 400, "never happen", id="a field out of range"),
        pytest.param(b'{"kind": "fail", "subaccount": "x"}', 404, "none with this GUID", id="an unknown subaccount"),
        pytest.param(b'[{"kind": "fail"}, {"kind": "x"}]', 400, "Invalid enum value 'x'", id="one of two wrong"),
    ],
)
def test_malformed_fault_queues_nothing(
    clean_emulator: Emulator, control: httpx.Client, body: bytes, status: int, why: str
) -> None:
    """A malformed fault is refused in three parts, and the whole list with it."""
    response = control.post("faults", content=body)
    error = response.json()["error"]
    assert response.status_code == status
    assert why in error["why"]
    assert set(error) == {"what", "why", "remedy"}
    assert clean_emulator.faults() == []
