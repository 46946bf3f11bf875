"""Which faults a request meets, which faults are refused, and the same over the control plane."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from btp_trust_emulator import Action, Emulator, Fault, Invalid, Kind, Slot, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

TRUST = "/destination-configuration/v1/saml2Metadata"
ACTIVE, PASSIVE = "/certificate", "/certificate/passive"


@pytest.fixture
def control(tidy: Emulator) -> Iterator[httpx.Client]:
    """A client of the control plane."""
    with httpx.Client(transport=tidy.transport, base_url=f"{tidy.url}/_emulator/") as client:
        yield client


def test_faults_are_met_in_the_order_in_which_they_were_queued(holder: Any) -> None:
    """One by one, each as often as it says."""
    holder.caller.emulator.fault(Kind.FAIL, count=2)
    holder.caller.emulator.fault(Kind.DO_THEN_FAIL)
    holder.caller.emulator.fault(Kind.FAIL, status=403)
    assert [holder.call("GET", ACTIVE).status_code for _ in range(5)] == [503, 503, 500, 403, 200]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"method": "POST"}, id="the method"),
        pytest.param({"path": TRUST + PASSIVE}, id="the path"),
        pytest.param({"method": "POST", "path": TRUST + PASSIVE}, id="both"),
    ],
)
def test_a_fault_meets_the_requests_it_describes(holder: Any, fields: Any) -> None:
    """Others pass, and do not count."""
    holder.caller.emulator.fault(Kind.FAIL, subaccount=holder.guid, **fields)
    assert holder.call("GET", ACTIVE).status_code == 200
    assert holder.call("POST", PASSIVE).status_code == 503


def test_a_fault_may_be_for_one_subaccount(holder: Any, caller_of: Any) -> None:
    """That of the token, or of the token endpoint."""
    other = caller_of(holder.caller.emulator, generate=True)
    holder.caller.emulator.fault(Kind.FAIL, subaccount=holder.guid)
    assert other.call("GET").status_code == 200
    assert holder.caller.ask_token().status_code == 503


def test_a_fault_may_let_requests_pass_first(holder: Any) -> None:
    """Those that it would have met."""
    holder.caller.emulator.fault(Kind.FAIL, skip=2, method="GET")
    holder.call("POST", PASSIVE)
    assert [holder.call("GET", ACTIVE).status_code for _ in range(4)] == [200, 200, 503, 200]


def test_what_waits_is_shown_with_how_often_it_was_met(holder: Any) -> None:
    """And is gone when it was met often enough, or when it is cleared."""
    first = holder.caller.emulator.fault(Kind.FAIL, count=2)
    second = holder.caller.emulator.fault(Kind.SLOW, seconds=0)
    holder.call("GET", ACTIVE)
    waiting = [(queued.fault, queued.fired) for queued in holder.caller.emulator.faults()]
    assert waiting == [(first, 1), (second, 0)]
    holder.call("GET", ACTIVE)
    assert [queued.fault for queued in holder.caller.emulator.faults()] == [second]
    holder.caller.emulator.clear_faults()
    assert holder.caller.emulator.faults() == []


@pytest.mark.parametrize(
    ("kind", "fields", "text"),
    [
        (Kind.FAIL, {"slot": Slot.ACTIVE}, "`slot` means nothing to it.\nLeave `slot` out .*: seconds, status"),
        (Kind.CLOSE, {"seconds": 1}, "`seconds` means nothing to it.\nLeave `seconds` out .*: none"),
        (Kind.SLOW, {"status": 500}, "`status` means nothing to it"),
        (Kind.STALE, {"action": Action.ROTATE}, "`action` means nothing to it"),
        (Kind.RIVAL_AFTER, {}, "Give `action`: generate_active, generate_passive, rotate, delete_passive."),
        (Kind.FAIL, {"status": 200}, "Give a `status` of 400 to 599."),
        (Kind.HTML, {"status": 204}, "Give a `status` of 200, or 400 to 599."),
        (Kind.ROUTER, {"status": 500}, "Give a `status` of 404 or 502 or 503."),
        (Kind.STALE, {"seconds": 1, "count": 2}, "Give one of them"),
        (
            Kind.FAIL,
            {"method": "get"},
            "'get' is no method of the service.\nGive one of GET, POST, PUT, DELETE",
        ),
        (Kind.FAIL, {"path": "certificate"}, "Give the whole path from its first slash, or 'token', or none"),
        (Kind.FAIL, {"count": 0}, "Give a `count` of 1 or more"),
        (Kind.FAIL, {"skip": -1}, "a `skip` of 0 or more"),
        (Kind.SLOW, {"seconds": -1}, "Give a number from 0 on"),
        (Kind.SLOW, {"seconds": math.inf}, "inf seconds are no duration"),
    ],
)
def test_a_fault_that_could_have_no_effect_is_refused(kind: Kind, fields: Any, text: str) -> None:
    """With what is wrong and what to do."""
    with pytest.raises(Invalid, match=text) as caught:
        Fault(kind, **fields)
    assert caught.value.what == f"The fault {kind.value} was not queued."


def test_a_fault_of_an_unknown_subaccount_is_refused(in_process: Emulator) -> None:
    """It would never be met."""
    with pytest.raises(Unknown, match="nobody"):
        in_process.fault(Kind.FAIL, subaccount="nobody")


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_can_be_queued_over_http(tidy: Emulator, control: httpx.Client, kind: Kind) -> None:
    """By its name, with what it needs."""
    action = Action.ROTATE if kind in {Kind.RIVAL_BEFORE, Kind.RIVAL_AFTER} else None
    response = control.post("faults", json={"kind": kind.value, "action": action and action.value})
    assert response.status_code == 201
    assert [queued.fault for queued in tidy.faults()] == [Fault(kind, action=action)]


def test_faults_are_queued_shown_and_cleared_over_http(holder: Any, control: httpx.Client) -> None:
    """One, or several at once; shown with all their fields."""
    one = {"kind": "fail", "method": "GET", "count": 2, "status": 429, "seconds": 1.5, "subaccount": holder.guid}
    queued = control.post("faults", json=one)
    holder.call("GET", ACTIVE)
    more = control.post("faults", json=[{"kind": "stale", "slot": "active"}, {"kind": "close", "path": "token"}])
    defaults = {name: value for name, value in asdict(Fault(Kind.FAIL)).items() if name != "kind"}
    assert queued.json() == {"faults": [{**defaults, **one, "fired": 0}]}
    assert [(fault["kind"], fault["fired"]) for fault in more.json()["faults"]] == [
        ("fail", 1),
        ("stale", 0),
        ("close", 0),
    ]
    assert control.get("faults").json() == more.json()
    assert control.delete("faults").json() == {"faults": []} == control.get("faults").json()


def test_the_journal_over_http_says_which_faults_a_request_met(holder: Any, control: httpx.Client) -> None:
    """By the names of their kinds."""
    control.post("faults", json={"kind": "fail"})
    holder.call("GET", ACTIVE)
    (entry,) = control.get("journal").json()["entries"]
    assert (entry["faults"], entry["status"]) == (["fail"], 503)


def test_a_fault_does_not_meet_the_control_plane(tidy: Emulator, control: httpx.Client) -> None:
    """It can always be cleared."""
    tidy.fault(Kind.CLOSE)
    assert control.get("clock").status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        pytest.param(b"{", 400, "truncated", id="JSON cut short"),
        pytest.param(b"1", 400, "Expected `object`", id="a number"),
        pytest.param(b'{"kind": "x"}', 400, "Invalid enum value 'x'", id="an unknown kind"),
        pytest.param(b"{}", 400, "missing required field `kind`", id="no kind"),
        pytest.param(b'{"kind": "fail", "x": 1}', 400, "a fault has no field x", id="an unknown field"),
        pytest.param(b'{"kind": "fail", "count": 0}', 400, "never happen", id="a field out of range"),
        pytest.param(b'{"kind": "fail", "subaccount": "x"}', 404, "none with this GUID", id="an unknown subaccount"),
        pytest.param(b'[{"kind": "fail"}, {"kind": "x"}]', 400, "Invalid enum value 'x'", id="one of two wrong"),
    ],
)
def test_a_question_that_cannot_be_is_refused_as_a_whole(
    tidy: Emulator, control: httpx.Client, body: bytes, status: int, why: str
) -> None:
    """In three parts, and nothing is queued."""
    response = control.post("faults", content=body)
    error = response.json()["error"]
    assert response.status_code == status
    assert why in error["why"]
    assert set(error) == {"what", "why", "remedy"}
    assert tidy.faults() == []
