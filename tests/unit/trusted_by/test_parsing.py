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

from btp_trust.certificate import CertificateIdentity
from btp_trust.errors import Refused
from btp_trust.property_bag import from_bag, to_bag
from btp_trust.rotation.schema import RotationArgs
from btp_trust.trusted_by.formats import to_text
from btp_trust.trusted_by.parsing import TrustedBy, trusted_by_from_program
from btp_trust.trusted_by.statements import Attestation, DeferredUpload
from support.fake_engine import assert_three_part_message

FINGERPRINT = "ed0ba13097d1d837ee2e56a62e8f9e08fc8ed94a78054932c2fd76e763caabd8"
ATTESTED = {"kind": "attested", "fingerprint": FINGERPRINT, "by": "Ada", "on": "2028-11-20"}
SWITCHES = {"kind": "switches at rotation", "owner": "HR IT"}

fingerprints = st.binary(min_size=32, max_size=32).map(bytes.hex)


def refusal(value: Any) -> Refused:
    """What the refusal of an argument is: three parts at the argument, which never repeat a value."""
    with pytest.raises(Refused) as caught:
        trusted_by_from_program(value)
    assert caught.value.prop == "trusted_by"
    assert_three_part_message(str(caught.value))
    assert "S3CRET" not in str(caught.value)
    return caught.value


@given(held=st.lists(fingerprints, max_size=5), data=st.data())
def test_the_same_certificates_are_kept_the_same_whatever_their_order(held: list[str], data: st.DataObject) -> None:
    """Sorted and once each, one list or several in one another: a preview shows no difference where there is none."""
    mixed = data.draw(st.permutations(held + held[:2]))
    kept = trusted_by_from_program({"s4": held}).statements
    assert kept == {"s4": sorted(set(held))}
    assert trusted_by_from_program({"s4": mixed}).statements == kept
    assert trusted_by_from_program({"s4": [mixed[:1], [mixed[1:]]]}).statements == kept


def test_what_is_kept_survives_the_wire() -> None:
    """Fingerprints, an attestation, an announced gap, and what a preview does not know."""
    given_ones = {"a": [FINGERPRINT], "b": ATTESTED, "c": {**SWITCHES, "ticket": "HR-1"}, "d": ["x", UNKNOWN]}
    statements = trusted_by_from_program(given_ones).statements
    assert statements == {
        "a": [FINGERPRINT],
        "b": Attestation(FINGERPRINT, "Ada", date(2028, 11, 20)),
        "c": DeferredUpload("HR IT", "HR-1"),
        "d": rpc.UNKNOWN,
    }
    kept = to_bag(RotationArgs(generation="a", trusted_by=statements))
    assert from_bag(json.loads(json.dumps(kept)), RotationArgs).trusted_by == statements
    kept["trusted_by"]["d"] = UNKNOWN
    assert from_bag(kept, RotationArgs).trusted_by == statements


def test_an_expiry_is_known_besides_and_not_kept() -> None:
    """It is said when a target lacks a certificate; what is kept is compared."""
    found = trusted_by_from_program({"a": f"{FINGERPRINT} until 2028-11-29T08:00:00Z", "b": "ab" * 32})
    assert found.statements == {"a": [FINGERPRINT], "b": ["ab" * 32]}
    assert found.expiry == {FINGERPRINT: datetime(2028, 11, 29, 8, tzinfo=UTC)}


LATER = datetime(2028, 11, 29, 8, tzinfo=UTC)
SOONER = datetime(2027, 1, 1, tzinfo=UTC)


@given(ends=st.lists(st.tuples(st.sampled_from(["aa" * 32, "bb" * 32]), st.sampled_from([None, SOONER, LATER]))))
def test_a_certificate_is_believed_as_long_as_anything_that_names_it(ends: list[tuple[str, datetime | None]]) -> None:
    """The end of metadata is known besides and not kept: another reading of the same certificates is no change."""
    found = trusted_by_from_program(
        {"s4": [to_text(CertificateIdentity(each, None, end)) for each, end in ends], "b": "cc" * 32}
    )
    assert found.statements["s4"] == sorted({each for each, _ in ends})
    limits: dict[str, datetime] = {}
    for each in {each for each, _ in ends}:
        all_of_it = [end for name, end in ends if name == each]
        if None not in all_of_it:
            limits[each] = max(end for end in all_of_it if end)
    assert found.valid_until == ({"s4": limits} if limits else {})
    assert "valid" not in json.dumps(to_bag(RotationArgs(generation="a", trusted_by=found.statements)))


def test_an_answer_of_the_service_is_read_as_a_map_too() -> None:
    """As an output has it that was read from JSON."""
    answer = {"idpMetadata": f"{FINGERPRINT} until 2028-11-29T08:00:00Z"}
    assert trusted_by_from_program({"s4": [answer], "b": answer}).statements == {
        "s4": [FINGERPRINT],
        "b": [FINGERPRINT],
    }
    refusal({"s4": {"idpMetadata": 5.0}})
    refusal({"s4": {"idpMetadata": "S3CRET"}})


@given(
    label=st.sampled_from(["", "sha256 Fingerprint=", "SHA-256: "]),
    separator=st.sampled_from(["", ":", "-", "\u00a0"]),
    mark=st.sampled_from(["", "\u200e", "\ufeff", "\u00ad"]),
)
def test_the_fingerprint_of_an_attestation_is_read_as_tools_print_it(label: str, separator: str, mark: str) -> None:
    """A dialog puts a mark of direction before it."""
    octets = separator.join(f"{octet:02X}" for octet in bytes.fromhex(FINGERPRINT))
    statements = trusted_by_from_program({"s4": {**ATTESTED, "fingerprint": f"{mark}{label}{octets}{mark}"}}).statements
    assert statements == {"s4": Attestation(FINGERPRINT, "Ada", date(2028, 11, 20))}


@pytest.mark.parametrize("fingerprint", ["sha1 Fingerprint=" + "AB" * 20, "AB" * 20, "md5:" + "ab" * 32])
def test_an_attestation_of_another_digest_says_so(fingerprint: str) -> None:
    """The person who copied it knows what to look for."""
    assert "its attestation has a " in str(refusal({"s4": {**ATTESTED, "fingerprint": fingerprint}}))
    assert "SHA-256" in str(refusal({"s4": {**ATTESTED, "fingerprint": fingerprint}}))


@pytest.mark.parametrize("value", [None, {}], ids=["absent", "empty"])
def test_no_target_is_nobody_to_ask(value: Any) -> None:
    """Empty counts as absent."""
    assert trusted_by_from_program(value) == TrustedBy()
    assert "trusted_by" not in to_bag(RotationArgs(generation="a"))


def test_a_target_that_trusts_nothing_is_a_target() -> None:
    """An empty list is an answer, not a missing one."""
    assert trusted_by_from_program({"s4": []}).statements == {"s4": []}


@pytest.mark.parametrize("unknown", [UNKNOWN, [UNKNOWN], [["x", UNKNOWN]], {**ATTESTED, "fingerprint": UNKNOWN}])
def test_what_a_preview_does_not_know_is_kept_as_unknown(unknown: Any) -> None:
    """The whole value, however deep it is: nobody can say what it will be."""
    assert trusted_by_from_program({"s4": unknown}).statements == {"s4": rpc.UNKNOWN}


@pytest.mark.parametrize("without", ["by", "on"])
def test_an_attestation_counts_as_not_given_while_both_its_lines_are_empty(without: str) -> None:
    """A ready file waits to be filled in; one line alone is a slip."""
    empty = {**ATTESTED, "by": "", "on": "", "ticket": "T-1"}
    assert trusted_by_from_program({"s4": empty}).statements == {"s4": Attestation(FINGERPRINT, ticket="T-1")}
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
