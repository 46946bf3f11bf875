"""The argument `trusted_by`: what a program gives becomes what is compared and shown, or is refused by its name."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.output import UNKNOWN
from pulumi.runtime import rpc
from twin import assert_three_parts

from btp_trust.errors import Refused
from btp_trust.inputs import TriggerArgs, from_bag, to_bag
from btp_trust.plan.trust import Attestation, Switch
from btp_trust.trusted_by import TrustedBy, trusted_by_from_program

FINGERPRINT = "ed0ba13097d1d837ee2e56a62e8f9e08fc8ed94a78054932c2fd76e763caabd8"
ATTESTED = {"kind": "attested", "fingerprint": FINGERPRINT, "by": "Ada", "on": "2028-11-20"}
SWITCHES = {"kind": "switches at rotation", "owner": "HR IT"}

fingerprints = st.binary(min_size=32, max_size=32).map(bytes.hex)


def refusal(value: Any) -> Refused:
    """What the refusal of an argument is: three parts at the argument, which never repeat a value."""
    with pytest.raises(Refused) as caught:
        trusted_by_from_program(value)
    assert caught.value.prop == "trusted_by"
    assert_three_parts(str(caught.value))
    assert "S3CRET" not in str(caught.value)
    return caught.value


@given(held=st.lists(fingerprints, max_size=5), data=st.data())
def test_the_same_certificates_are_kept_the_same_whatever_their_order(held: list[str], data: st.DataObject) -> None:
    """Sorted and once each, one list or several in one another: a preview shows no difference where there is none."""
    mixed = data.draw(st.permutations(held + held[:2]))
    kept = trusted_by_from_program({"s4": held}).told
    assert kept == {"s4": sorted(set(held))}
    assert trusted_by_from_program({"s4": mixed}).told == kept
    assert trusted_by_from_program({"s4": [mixed[:1], [mixed[1:]]]}).told == kept


def test_what_is_kept_survives_the_wire() -> None:
    """Fingerprints, an attestation, an announced gap, and what a preview does not know."""
    given_ones = {"a": [FINGERPRINT], "b": ATTESTED, "c": {**SWITCHES, "ticket": "HR-1"}, "d": ["x", UNKNOWN]}
    told = trusted_by_from_program(given_ones).told
    assert told == {
        "a": [FINGERPRINT],
        "b": Attestation(FINGERPRINT, "Ada", date(2028, 11, 20)),
        "c": Switch("HR IT", "HR-1"),
        "d": rpc.UNKNOWN,
    }
    kept = to_bag(TriggerArgs(generation="a", trusted_by=told))
    assert from_bag(json.loads(json.dumps(kept)), TriggerArgs).trusted_by == told
    kept["trusted_by"]["d"] = UNKNOWN
    assert from_bag(kept, TriggerArgs).trusted_by == told


def test_an_expiry_is_known_besides_and_not_kept() -> None:
    """It is said when a target lacks a certificate; what is kept is compared."""
    found = trusted_by_from_program({"a": f"{FINGERPRINT} until 2028-11-29T08:00:00Z", "b": "ab" * 32})
    assert found.told == {"a": [FINGERPRINT], "b": ["ab" * 32]}
    assert found.expiry == {FINGERPRINT: datetime(2028, 11, 29, 8, tzinfo=UTC)}


@pytest.mark.parametrize("value", [None, {}], ids=["absent", "empty"])
def test_no_target_is_nobody_to_ask(value: Any) -> None:
    """Empty counts as absent."""
    assert trusted_by_from_program(value) == TrustedBy()
    assert "trusted_by" not in to_bag(TriggerArgs(generation="a"))


def test_a_target_that_trusts_nothing_is_a_target() -> None:
    """An empty list is an answer, not a missing one."""
    assert trusted_by_from_program({"s4": []}).told == {"s4": []}


@pytest.mark.parametrize("unknown", [UNKNOWN, [UNKNOWN], [["x", UNKNOWN]], {**ATTESTED, "fingerprint": UNKNOWN}])
def test_what_a_preview_does_not_know_is_kept_as_unknown(unknown: Any) -> None:
    """The whole value, however deep it is: nobody can say what it will be."""
    assert trusted_by_from_program({"s4": unknown}).told == {"s4": rpc.UNKNOWN}


@pytest.mark.parametrize("without", ["by", "on"])
def test_an_attestation_counts_as_not_given_while_both_its_lines_are_empty(without: str) -> None:
    """A ready file waits to be filled in; one line alone is a slip."""
    empty = {**ATTESTED, "by": "", "on": "", "ticket": "T-1"}
    assert trusted_by_from_program({"s4": empty}).told == {"s4": Attestation(FINGERPRINT, ticket="T-1")}
    refusal({"s4": {**ATTESTED, without: ""}})


@pytest.mark.parametrize(
    "said",
    [
        pytest.param("", id="an empty text"),
        pytest.param(" ", id="blanks"),
        pytest.param([""], id="an empty text in a list"),
        pytest.param([FINGERPRINT, None], id="nothing in a list"),
        pytest.param(None, id="nothing"),
        pytest.param(5.0, id="a number"),
        pytest.param(True, id="a truth value"),
        pytest.param([FINGERPRINT, 5.0], id="a number in a list"),
        pytest.param("S3CRET", id="a word"),
        pytest.param({}, id="an empty map"),
        pytest.param({"fingerprint": "S3CRET"}, id="a map of something"),
        pytest.param({**ATTESTED, "kind": "S3CRET"}, id="a map of another kind"),
        pytest.param({**ATTESTED, "fingerprint": "S3CRET"}, id="an attestation of no fingerprint"),
        pytest.param({**ATTESTED, "fingerprint": 5.0}, id="an attestation of a number"),
        pytest.param({**ATTESTED, "by": "S3CRET\n"}, id="an attestation by something that is no name"),
        pytest.param({**ATTESTED, "by": None}, id="an attestation by nobody"),
        pytest.param({**ATTESTED, "on": "20.11.2028"}, id="an attestation on no date"),
        pytest.param({**ATTESTED, "on": "2028-11-31"}, id="an attestation on a day that does not exist"),
        pytest.param({**ATTESTED, "on": 20281120.0}, id="an attestation on a number"),
        pytest.param({**ATTESTED, "ticket": ""}, id="an attestation with an empty ticket"),
        pytest.param({**SWITCHES, "owner": ""}, id="a gap that nobody ends"),
        pytest.param({**SWITCHES, "ticket": 5.0}, id="a gap with a number for a ticket"),
    ],
)
def test_what_cannot_be_an_answer_is_refused_with_the_target_s_name(said: Any) -> None:
    """Also while no swap is due: it would be found on the day of the rotation."""
    assert "'s4'" in refusal({"good": FINGERPRINT, "s4": said}).what


@pytest.mark.parametrize("target", ["", " ", "s4\n", "s4\x1b[31m"], ids=repr)
def test_a_target_needs_a_name_that_can_be_read(target: str) -> None:
    """It stands in sentences."""
    assert repr(target) in refusal({target: FINGERPRINT}).what


@pytest.mark.parametrize("value", ["S3CRET", [FINGERPRINT], 5.0, UNKNOWN], ids=["a text", "a list", "a number", "?"])
def test_targets_are_a_map(value: Any) -> None:
    """Whose names are known in every preview."""
    assert "map" in refusal(value).what
