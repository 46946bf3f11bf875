"""The argument `trusted_by`: values become trust statements, or are refused with the target's name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
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
from btp_trust.trusted_by.statements import Attestation, DeferredUpload, Observation, TrustStatement
from support.fake_engine import assert_three_part_message

FINGERPRINT = "ed0ba13097d1d837ee2e56a62e8f9e08fc8ed94a78054932c2fd76e763caabd8"
ATTESTED = {"kind": "attested", "fingerprint": FINGERPRINT, "by": "Ada", "on": "2028-11-20"}
SWITCHES = {"kind": "switches at rotation", "owner": "HR IT"}

fingerprints = st.binary(min_size=32, max_size=32).map(bytes.hex)


def refusal(value: Any) -> Refused:
    """Return the refusal of an argument: three parts that quote no value."""
    with pytest.raises(Refused) as caught:
        trusted_by_from_program(value)
    assert caught.value.prop == "trusted_by"
    assert_three_part_message(str(caught.value))
    assert "S3CRET" not in str(caught.value)
    return caught.value


def certificates_of(statement: TrustStatement) -> dict[str, str]:
    """Return the certificates of a target that states them."""
    assert isinstance(statement, Observation)
    return statement.certificates


@given(held=st.lists(fingerprints, max_size=5), data=st.data())
def test_order_of_certificates_is_irrelevant(held: list[str], data: st.DataObject) -> None:
    """Fingerprints are recorded sorted and once, from any nesting: previews show only real differences."""
    mixed = data.draw(st.permutations(held + held[:2]))
    statements = trusted_by_from_program({"s4": held}).statements
    assert statements == {"s4": Observation.of(*held)}
    assert [*certificates_of(statements["s4"])] == sorted(set(held))
    assert trusted_by_from_program({"s4": mixed}).statements == statements
    assert trusted_by_from_program({"s4": [mixed[:1], [mixed[1:]]]}).statements == statements
    assert trusted_by_from_program({"s4": {"kind": "observed", "stated": mixed}}).statements == statements


@pytest.mark.parametrize(
    ("on", "recorded"),
    [
        ("2028-11-20", "2028-11-20"),
        (" 20281120 ", "2028-11-20"),
        ("2028-11-20T11:05:00Z", "2028-11-20T11:05:00Z"),
        ("2028-11-20 23:05:00.5-02:00", "2028-11-21T01:05:00Z"),
    ],
)
def test_attestation_has_day_or_moment(on: str, recorded: str) -> None:
    """A day stays a day; a moment is recorded in UTC, to the second."""
    statements = trusted_by_from_program({"s4": {**ATTESTED, "on": on}}).statements
    assert statements == {"s4": Attestation.of([FINGERPRINT], "Ada", recorded)}


def test_attestation_lists_several_certificates() -> None:
    """Several fingerprints are recorded sorted, each once; a list of one is the same as that one."""
    first, last = "0" * 64, "f" * 64
    several = trusted_by_from_program({"s4": {**ATTESTED, "fingerprint": [last, first.upper(), last]}}).statements
    assert several == {"s4": Attestation.of([first, last], "Ada", "2028-11-20")}
    bag = to_bag(RotationArgs(generation="a", trusted_by=several))
    assert trusted_by_from_program(bag["trusted_by"]).statements == several
    assert Attestation(dict.fromkeys((last, first), "trusted")).fingerprints == [first, last], "in any order"
    one = trusted_by_from_program({"s4": {**ATTESTED, "fingerprint": [last]}}).statements
    assert one == {"s4": Attestation.of([last], "Ada", "2028-11-20")}


@given(
    recorded=st.sets(fingerprints, min_size=1, max_size=3), attested=st.sets(fingerprints, min_size=1), data=st.data()
)
def test_attestation_takes_nothing_away(recorded: set[str], attested: set[str], data: st.DataObject) -> None:
    """After any attestation, each recorded certificate is still there; a repetition of the program is no change."""
    attested |= data.draw(st.sets(st.sampled_from(sorted(recorded))))
    olds: list[Observation | Attestation] = [
        Observation.of(*recorded),
        Attestation.of(recorded, "Ada", "2028-11-19"),
    ]
    old = data.draw(st.sampled_from(olds))
    value = {**ATTESTED, "fingerprint": data.draw(st.permutations(sorted(attested)))}
    statements: dict[str, TrustStatement] = {"s4": old}
    statements = trusted_by_from_program({"s4": value}, statements).statements
    then = "attested then, not since" if isinstance(old, Attestation) else "observed then, not since"
    expected = {**dict.fromkeys(recorded, then), **dict.fromkeys(attested, "trusted")}
    assert statements == {"s4": Attestation(expected, "Ada", "2028-11-20")}
    assert trusted_by_from_program({"s4": value}, statements).statements == statements
    bag = to_bag(RotationArgs(generation="a", trusted_by=statements))
    assert trusted_by_from_program(bag["trusted_by"], statements).statements == statements, "ignore_changes"


def test_open_attestation_is_shown() -> None:
    """A certificate that waits for its person is shown as such, until it is attested or another one takes its place."""
    first, last = "0" * 64, "f" * 64
    waiting = {**ATTESTED, "fingerprint": first, "by": "", "on": ""}
    recorded = trusted_by_from_program({"s4": waiting}).statements
    assert recorded == {"s4": Attestation({first: "still to be attested"})}
    attested = trusted_by_from_program({"s4": {**ATTESTED, "fingerprint": first}}, recorded).statements
    assert attested == {"s4": Attestation({first: "trusted"}, "Ada", "2028-11-20")}
    other = trusted_by_from_program({"s4": {**waiting, "fingerprint": last}}, recorded).statements
    assert other == {"s4": Attestation({last: "still to be attested"})}
    bag = to_bag(RotationArgs(generation="a", trusted_by=recorded))
    assert trusted_by_from_program(bag["trusted_by"], recorded).statements == recorded


@pytest.mark.parametrize(
    ("value", "unknown"),
    [
        pytest.param({"fingerprint": UNKNOWN}, Attestation, id="its certificate"),
        pytest.param({"fingerprint": [FINGERPRINT, UNKNOWN]}, Attestation, id="one of its certificates"),
        pytest.param({"by": UNKNOWN}, Observation, id="its person"),
    ],
)
def test_unknown_attestation_keeps_certificates(value: Any, unknown: type[Attestation | Observation]) -> None:
    """While it is unknown what is attested, each recorded certificate is; who attests is shown, if that is known."""
    recorded = {"s4": Attestation.of([FINGERPRINT], "Ada", "2028-11-19")}
    (statement,) = trusted_by_from_program({"s4": {**ATTESTED, **value}}, recorded).statements.values()
    assert isinstance(statement, unknown)
    assert statement.certificates == {FINGERPRINT: rpc.UNKNOWN}
    assert statement.is_unknown
    if isinstance(statement, Attestation):
        assert (statement.by, statement.on) == ("Ada", "2028-11-20")


def test_unknown_keeps_recorded_certificates() -> None:
    """In the place of an unknown value, each recorded certificate is unknown; without one, the value as a whole is."""
    first, last = "0" * 64, "f" * 64
    recorded = trusted_by_from_program({"s4": [first, last], "none": [], "hr": SWITCHES, "ias": [first]}).statements
    unknown = dict.fromkeys(["s4", "none", "hr", "new"], UNKNOWN)
    statements = trusted_by_from_program({**unknown, "ias": [last]}, recorded).statements
    assert statements == {
        "s4": Observation({first: rpc.UNKNOWN, last: rpc.UNKNOWN}),
        **dict.fromkeys(["none", "hr", "new"], rpc.UNKNOWN),
        "ias": Observation.of(last),
    }


def test_statements_round_trip() -> None:
    """Fingerprints, attestations, announced gaps and unknown values survive the property bag."""
    values = {"a": [FINGERPRINT], "b": ATTESTED, "c": {**SWITCHES, "ticket": "HR-1"}, "d": ["x", UNKNOWN]}
    statements = trusted_by_from_program(values).statements
    assert statements == {
        "a": Observation.of(FINGERPRINT),
        "b": Attestation.of([FINGERPRINT], "Ada", "2028-11-20"),
        "c": DeferredUpload("HR IT", "HR-1"),
        "d": rpc.UNKNOWN,
    }
    bag = to_bag(RotationArgs(generation="a", trusted_by=statements))
    assert from_bag(json.loads(json.dumps(bag)), RotationArgs).trusted_by == statements
    assert trusted_by_from_program(bag["trusted_by"]).statements == statements
    bag["trusted_by"]["d"] = UNKNOWN
    assert from_bag(bag, RotationArgs).trusted_by == statements


def test_expiry_is_kept_apart() -> None:
    """The expiry is available for messages, and left out of the compared statements."""
    trusted_by = trusted_by_from_program({"a": f"{FINGERPRINT} until 2028-11-29T08:00:00Z", "b": "ab" * 32})
    assert trusted_by.statements == {"a": Observation.of(FINGERPRINT), "b": Observation.of("ab" * 32)}
    assert trusted_by.expiry == {FINGERPRINT: datetime(2028, 11, 29, 8, tzinfo=UTC)}


LATER = datetime(2028, 11, 29, 8, tzinfo=UTC)
SOONER = datetime(2027, 1, 1, tzinfo=UTC)


@given(ends=st.lists(st.tuples(st.sampled_from(["aa" * 32, "bb" * 32]), st.sampled_from([None, SOONER, LATER]))))
def test_latest_valid_until_counts(ends: list[tuple[str, datetime | None]]) -> None:
    """The latest `validUntil` of all metadata that names a certificate counts; the inputs leave it out."""
    trusted_by = trusted_by_from_program(
        {"s4": [to_text(CertificateIdentity(fingerprint, None, end)) for fingerprint, end in ends], "b": "cc" * 32}
    )
    assert trusted_by.statements["s4"] == Observation.of(*(fingerprint for fingerprint, _ in ends))
    limits: dict[str, datetime] = {}
    for fingerprint in {fingerprint for fingerprint, _ in ends}:
        all_ends = [end for name, end in ends if name == fingerprint]
        if None not in all_ends:
            limits[fingerprint] = max(end for end in all_ends if end)
    assert trusted_by.valid_until == ({"s4": limits} if limits else {})
    assert "valid" not in json.dumps(to_bag(RotationArgs(generation="a", trusted_by=trusted_by.statements)))


def test_metadata_response_is_read_as_map() -> None:
    """A response of the Destination service is read as a map, as an output parsed from JSON has it."""
    answer = {"idpMetadata": f"{FINGERPRINT} until 2028-11-29T08:00:00Z"}
    assert trusted_by_from_program({"s4": [answer], "b": answer}).statements == {
        "s4": Observation.of(FINGERPRINT),
        "b": Observation.of(FINGERPRINT),
    }
    refusal({"s4": {"idpMetadata": 5.0}})
    refusal({"s4": {"idpMetadata": "S3CRET"}})


@given(
    label=st.sampled_from(["", "sha256 Fingerprint=", "SHA-256: "]),
    separator=st.sampled_from(["", ":", "-", "\u00a0"]),
    mark=st.sampled_from(["", "\u200e", "\ufeff", "\u00ad"]),
)
def test_printed_fingerprint_is_attested(label: str, separator: str, mark: str) -> None:
    """The fingerprint of an attestation is read with labels, separators and marks."""
    octets = separator.join(f"{octet:02X}" for octet in bytes.fromhex(FINGERPRINT))
    statements = trusted_by_from_program({"s4": {**ATTESTED, "fingerprint": f"{mark}{label}{octets}{mark}"}}).statements
    assert statements == {"s4": Attestation.of([FINGERPRINT], "Ada", "2028-11-20")}


@pytest.mark.parametrize("fingerprint", ["sha1 Fingerprint=" + "AB" * 20, "AB" * 20, "md5:" + "ab" * 32])
def test_other_digest_is_named(fingerprint: str) -> None:
    """An attestation of another digest is refused with the name of that digest."""
    assert "its attestation has a " in str(refusal({"s4": {**ATTESTED, "fingerprint": fingerprint}}))
    assert "SHA-256" in str(refusal({"s4": {**ATTESTED, "fingerprint": fingerprint}}))


@pytest.mark.parametrize("value", [None, {}], ids=["absent", "empty"])
def test_empty_argument_counts_as_absent(value: Any) -> None:
    """An empty map counts as absent."""
    assert trusted_by_from_program(value) == TrustedBy()
    assert "trusted_by" not in to_bag(RotationArgs(generation="a"))


def test_empty_list_is_a_statement() -> None:
    """An empty list states that the target trusts no certificate."""
    assert trusted_by_from_program({"s4": []}).statements == {"s4": Observation.of()}


@pytest.mark.parametrize("unknown", [UNKNOWN, [UNKNOWN], [["x", UNKNOWN]], {**ATTESTED, "fingerprint": UNKNOWN}])
def test_unknown_part_makes_value_unknown(unknown: Any) -> None:
    """A value with an unknown part, at any depth, is unknown as a whole."""
    assert trusted_by_from_program({"s4": unknown}).statements == {"s4": rpc.UNKNOWN}


@pytest.mark.parametrize("without", ["by", "on"])
def test_empty_attestation_is_open(without: str) -> None:
    """An attestation is open while `by` and `on` are empty; one of both alone is refused."""
    empty = {**ATTESTED, "by": "", "on": "", "ticket": "T-1"}
    assert trusted_by_from_program({"s4": empty}).statements == {"s4": Attestation.of([FINGERPRINT], ticket="T-1")}
    refusal({"s4": {**ATTESTED, without: ""}})


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="an empty text"),
        pytest.param(" ", id="blanks"),
        pytest.param([""], id="an empty text in a list"),
        pytest.param([FINGERPRINT, None], id="None in a list"),
        pytest.param(None, id="None"),
        pytest.param(5.0, id="a number"),
        pytest.param(True, id="a truth value"),
        pytest.param([FINGERPRINT, 5.0], id="a number in a list"),
        pytest.param("S3CRET", id="a word"),
        pytest.param({}, id="an empty map"),
        pytest.param({"fingerprint": "S3CRET"}, id="a map of something"),
        pytest.param({**ATTESTED, "kind": "S3CRET"}, id="a map of another kind"),
        pytest.param({**ATTESTED, "fingerprint": "S3CRET"}, id="an attestation of a word"),
        pytest.param({**ATTESTED, "fingerprint": 5.0}, id="an attestation of a number"),
        pytest.param({**ATTESTED, "by": "S3CRET\n"}, id="an attestation by an unprintable name"),
        pytest.param({**ATTESTED, "by": None}, id="an attestation by None"),
        pytest.param({**ATTESTED, "on": "20.11.2028"}, id="an attestation on a malformed date"),
        pytest.param({**ATTESTED, "on": "2028-11-31"}, id="an attestation on the 31st of November"),
        pytest.param({**ATTESTED, "on": 20281120.0}, id="an attestation on a number"),
        pytest.param({**ATTESTED, "on": "2028-11-20T11:05:00"}, id="an attestation at a moment without a zone"),
        pytest.param({**ATTESTED, "on": "0001-01-01T00:00:00+23:00"}, id="an attestation before all years"),
        pytest.param({**ATTESTED, "on": "9999-12-31T00:00:00Z"}, id="an attestation in the last year"),
        pytest.param({**ATTESTED, "fingerprint": []}, id="an attestation of an empty list"),
        pytest.param({**ATTESTED, "fingerprint": [FINGERPRINT, "S3CRET"]}, id="an attestation of a word in a list"),
        pytest.param({**ATTESTED, "fingerprint": [[FINGERPRINT]]}, id="an attestation of a list in a list"),
        pytest.param({**ATTESTED, "ticket": ""}, id="an attestation with an empty ticket"),
        pytest.param(
            {**ATTESTED, "certificates": {FINGERPRINT: "trusted"}}, id="an attestation that is ignored in part"
        ),
        pytest.param(
            {"kind": "observed", "stated": FINGERPRINT, "certificates": {FINGERPRINT: "trusted"}},
            id="an observation that is ignored in part",
        ),
        pytest.param({"kind": "observed", "stated": {"fingerprint": "S3CRET"}}, id="an observation of a map"),
        pytest.param(
            {"kind": "attested", "certificates": {"S3CRET": "trusted"}, "by": "Ada", "on": "2028-11-20"},
            id="a recorded attestation of a word",
        ),
        pytest.param({"kind": "observed", "certificates": [FINGERPRINT]}, id="an observation that is a list"),
        pytest.param({"kind": "observed", "certificates": {"S3CRET": "trusted"}}, id="an observation of a word"),
        pytest.param({**SWITCHES, "owner": ""}, id="a gap of an empty owner"),
        pytest.param({**SWITCHES, "ticket": 5.0}, id="a gap with a number for a ticket"),
    ],
)
def test_invalid_statement_names_target(value: Any) -> None:
    """Invalid values are refused with the target's name, also while no swap is due."""
    assert "'s4'" in refusal({"good": FINGERPRINT, "s4": value}).what


@pytest.mark.parametrize("target", ["", " ", "s4\n", "s4\x1b[31m"], ids=repr)
def test_unprintable_target_name_is_refused(target: str) -> None:
    """A target needs a printable name, which sentences show."""
    assert repr(target) in refusal({target: FINGERPRINT}).what


@pytest.mark.parametrize("value", ["S3CRET", [FINGERPRINT], 5.0, UNKNOWN], ids=["a text", "a list", "a number", "?"])
def test_targets_must_be_a_map(value: Any) -> None:
    """Other types than a map are refused, for previews list targets by name."""
    assert "map" in refusal(value).what
