"""Property bags: values survive the wire, and a wrong argument is refused by its name."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.output import UNKNOWN
from pulumi.runtime import rpc

from btp_trust.active.schema import ActiveArgs, ActiveInputs, ActiveState
from btp_trust.arguments import DEFAULT_CONNECTION
from btp_trust.certificate import parse_pem
from btp_trust.errors import Refused, UnreadableState
from btp_trust.formatting import format_rfc3339
from btp_trust.identity_provider.schema import IdentityProviderArgs
from btp_trust.passive.schema import PassiveArgs, PassiveInputs, PassiveState
from btp_trust.property_bag import (
    ResourceArgs,
    SignerSummary,
    certificate_outputs,
    from_bag,
    from_program,
    same_arguments,
    subaccount_is_unknown,
    to_bag,
    unplanned_inputs,
    with_changes,
)
from btp_trust.rotation.candidate import Candidate, candidate_from_program
from btp_trust.rotation.events import Event, EventKind
from btp_trust.rotation.evidence import Evidence
from btp_trust.rotation.planned_swap import PlannedSwap
from btp_trust.rotation.schema import (
    OnDrift,
    RotationArgs,
    RotationInputs,
    RotationState,
)
from btp_trust.rotation.switchover.schema import PlannedSwitchover
from btp_trust.trusted_by.statements import Attestation, Sighting
from btp_trust_emulator import Emulator
from support.error_text import error_text
from support.fake_engine import assert_three_part_message

GUID = "00000000-1111-4222-8333-000000005cdd"
OTHER = "00000000-1111-4222-8333-00000000beef"
FINGERPRINT = "ed0ba13097d1d837ee2e56a62e8f9e08fc8ed94a78054932c2fd76e763caabd8"
COLONS = ":".join(FINGERPRINT[at : at + 2] for at in range(0, 64, 2)).upper()

ARGS: list[type[ResourceArgs]] = [ActiveArgs, PassiveArgs, RotationArgs]
KEPT: list[type[ResourceArgs]] = [
    ActiveInputs,
    ActiveState,
    PassiveInputs,
    PassiveState,
    RotationInputs,
    RotationState,
]
REQUIRED = {"PassiveArgs": {"generation": "2028-11"}, "RotationArgs": {"generation": "2028-11"}}


def values_of(shape: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Draw any value of a struct, every field included: Hypothesis ignores msgspec's default factories."""
    fields = {
        name: st.from_type(hint) for name, hint in get_type_hints(shape).items() if name in shape.__struct_fields__
    }
    fields |= dict.fromkeys(("rotated_at", "rolled_back_at", "restored_at"), st.none() | moments)
    fields["soak"] = st.none() | st.text()  # as `normalized` leaves it
    fields["rejections"] = st.dictionaries(fingerprints, st.dictionaries(st.text(), moments))
    return st.builds(shape, **{name: fields[name] for name in shape.__struct_fields__})


moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)).map(format_rfc3339)  # noqa: DTZ001
fingerprints = st.binary(min_size=32, max_size=32).map(bytes.hex)
names = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1)
signers = st.builds(SignerSummary, fingerprints, st.none() | st.text())
swaps = st.builds(PlannedSwap, number=st.integers(0, 2**53))
switchovers = st.builds(PlannedSwitchover, number=st.integers(0, 2**53))
days = st.dates().map(str) | moments
sightings = st.builds(Sighting, st.text(), days)
attestations = st.builds(Attestation, st.dictionaries(fingerprints, st.text()), st.none() | st.text(), st.none() | days)
seconds = st.none() | st.integers(0, 2**53)  # numbers are floats on the wire
evidence = st.builds(Evidence, lifetime=seconds, after_rollback=st.none() | st.text())
events = st.builds(
    Event,
    at=moments,
    step=st.sampled_from(EventKind),
    signer=fingerprints,
    previous=st.none() | fingerprints,
    why=st.none() | st.text(),
)
for shape, strategy in (
    (Event, events),
    (SignerSummary, signers),
    (PlannedSwap, swaps),
    (PlannedSwitchover, switchovers),
    (Evidence, evidence),
    (Sighting, sightings),
    (Attestation, attestations),
):
    st.register_type_strategy(shape, strategy)


def wire(bag: Any) -> Any:
    """Send a bag as the engine does: numbers become floats, None vanishes."""
    if isinstance(bag, dict):
        return {name: wire(value) for name, value in bag.items() if value is not None}
    return json.loads(json.dumps(bag), parse_int=float)


def arguments_of(shape: type[ResourceArgs], **arguments: Any) -> ResourceArgs:
    """Read the arguments of a program."""
    return from_program({**REQUIRED.get(shape.__name__, {}), **arguments}, shape)


def refusal(shape: type[ResourceArgs], **arguments: Any) -> Refused:
    """Return the refusal of a program's arguments; it shows no value that may be a secret."""
    with pytest.raises(Refused) as caught:
        arguments_of(shape, **arguments)
    assert "S3CRET" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 3
    return caught.value


@pytest.mark.parametrize("shape", KEPT, ids=lambda shape: shape.__name__)
@given(data=st.data())
def test_a_value_survives_the_wire(shape: type[ResourceArgs], data: st.DataObject) -> None:
    """Also with the property that Pulumi adds, and with one of a later version."""
    value = data.draw(values_of(shape))
    bag = to_bag(value)
    assert from_bag(wire({**bag, "__provider": "pickle", "of_a_later_version": [1]}), shape) == value
    assert from_bag(bag, shape) == value


@pytest.mark.parametrize("shape", KEPT, ids=lambda shape: shape.__name__)
@given(data=st.data())
def test_a_bag_leaves_out_defaults(shape: type[ResourceArgs], data: st.DataObject) -> None:
    """The names of a bag's properties are those of a preview: defaults and empty values are left out."""
    value = data.draw(values_of(shape))
    bag = to_bag(value)
    assert None not in bag.values()
    assert "connection" in bag or value.connection == "default"
    assert "connection" not in to_bag(msgspec.structs.replace(value, connection=DEFAULT_CONNECTION))
    for name in bag:
        assert name not in to_bag(value, name)


@pytest.mark.parametrize("shape", ARGS, ids=lambda shape: shape.__name__)
def test_missing_arguments_have_defaults(shape: type[ResourceArgs]) -> None:
    """None, which Pulumi may send, counts as missing; Pulumi's own property is ignored."""
    assert arguments_of(shape) == arguments_of(shape, connection=None, subaccount_id=None, __provider="pickle")
    assert arguments_of(shape).connection == "default"


def test_reads_the_arguments() -> None:
    """Each of them, as its type says."""
    active = arguments_of(ActiveArgs, rotation="a", generate=True, renew_fingerprint=FINGERPRINT, accept_outage=True)
    assert active == ActiveArgs(rotation="a", generate=True, renew_fingerprint=FINGERPRINT, accept_outage=True)
    passive = arguments_of(PassiveArgs, generation="b", adopt=FINGERPRINT, replace=FINGERPRINT, connection="eu")
    assert passive == PassiveArgs(generation="b", adopt=FINGERPRINT, replace=FINGERPRINT, connection="eu")
    trigger = arguments_of(RotationArgs, known_generations={"a": FINGERPRINT}, on_drift="restore", subaccount_id=GUID)
    known = {"a": FINGERPRINT}
    assert trigger == RotationArgs(
        generation="2028-11", known_generations=known, on_drift=OnDrift.RESTORE, subaccount_id=GUID
    )


@pytest.mark.parametrize("shape", ARGS, ids=lambda shape: shape.__name__)
def test_refuses_an_unknown_argument(shape: type[ResourceArgs]) -> None:
    """By name; a few may be unknown, because a reviewer can do without them."""
    may_be_unknown = {"rotation", "verify_now", "passive", "resource_urn", "retain_on_delete", "warned_by"}
    for name in set(shape.__struct_fields__) - may_be_unknown:
        found = refusal(shape, **{name: UNKNOWN})
        assert found.prop == name
        assert f"`{name}` is not known" in found.what


def test_refuses_a_partly_unknown_argument() -> None:
    """A map with one value that a preview lacks."""
    assert refusal(RotationArgs, known_generations={"a": FINGERPRINT, "b": UNKNOWN}).prop == "known_generations"


@given(
    digest=st.binary(min_size=32, max_size=32),
    label=st.sampled_from(["", "sha256 Fingerprint=", "SHA-256: ", "\u200eSHA256:"]),
    separator=st.sampled_from([":", "-", "\u00a0"]),
)
def test_normalizes_every_fingerprint(digest: bytes, label: str, separator: str) -> None:
    """As tools print them: labels, separators, capitals, blanks, invisible marks."""
    printed = f" {label}{separator.join(f'{octet:02X}' for octet in digest)}\u200b"
    assert from_program({"renew_fingerprint": printed}, ActiveArgs).renew_fingerprint == digest.hex()
    passive = from_program({"generation": "a", "adopt": printed, "replace": printed}, PassiveArgs)
    assert (passive.adopt, passive.replace) == (digest.hex(), digest.hex())
    trigger = from_program({"generation": "a", "known_generations": {"a": printed}}, RotationArgs)
    assert trigger.known_generations == {"a": digest.hex()}


@pytest.mark.parametrize(
    ("shape", "name", "value"),
    [
        (ActiveArgs, "renew_fingerprint", "S3CRET"),
        (PassiveArgs, "adopt", "S3CRET"),
        (PassiveArgs, "replace", "S3CRET"),
        (RotationArgs, "known_generations", {"a": FINGERPRINT, "b": "S3CRET"}),
        (ActiveArgs, "renew_fingerprint", "SHA1 Fingerprint=" + "AB" * 20),
        (PassiveArgs, "adopt", "sha1:" + "AB" * 32),
        (RotationArgs, "known_generations", {"a": "AB" * 20}),
        (ActiveArgs, "renew_fingerprint", ""),
        (PassiveArgs, "adopt", ""),
    ],
)
def test_refuses_another_text_as_fingerprint(shape: type[ResourceArgs], name: str, value: Any) -> None:
    """By name, with the command that prints one."""
    found = refusal(shape, **{name: value})
    assert found.prop == name
    assert "openssl" in found.remedy


@given(name=names)
def test_accepts_any_printable_generation(name: str) -> None:
    """Letters, digits and signs of any script."""
    assert from_program({"generation": name}, PassiveArgs).generation == name
    assert from_program({"generation": name, "known_generations": {name: COLONS}}, RotationArgs).generation == name


bad_names = pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="empty"),
        pytest.param(" 2028-11", id="a blank before it"),
        pytest.param("2028-11\n", id="a line feed after it"),
        pytest.param("2028\u200b11", id="an invisible character"),
        pytest.param("2028\x1b[31m", id="a control sequence"),
    ],
)


@bad_names
@pytest.mark.parametrize("shape", [PassiveArgs, RotationArgs], ids=lambda shape: shape.__name__)
def test_refuses_an_unprintable_generation(shape: type[ResourceArgs], name: str) -> None:
    """A generation's name is read in previews and typed again in later years."""
    found = refusal(shape, generation=name)
    assert found.prop == "generation"
    assert repr(name) in found.what


@bad_names
def test_refuses_an_unprintable_known_generation(name: str) -> None:
    """The failure points to `known_generations`; the generation itself is fine."""
    assert refusal(RotationArgs, known_generations={name: FINGERPRINT}).prop == "known_generations"


@pytest.mark.parametrize("shape", ARGS, ids=lambda shape: shape.__name__)
@pytest.mark.parametrize("name", ["subaccount_id", "connection"])
def test_refuses_an_empty_argument(shape: type[ResourceArgs], name: str) -> None:
    """An environment variable that is missing would otherwise turn the guard of the subaccount off."""
    assert refusal(shape, **{name: ""}).prop == name


@pytest.mark.parametrize("shape", ARGS, ids=lambda shape: shape.__name__)
@given(data=st.data())
def test_refuses_a_malformed_argument(shape: type[ResourceArgs], data: st.DataObject) -> None:
    """A number, a list or a map where a text belongs, and the like; the message leaves the value out."""
    name = data.draw(st.sampled_from(shape.__struct_fields__))
    numbers = [5.5] if name == "soak" else [5.0, 5.5]  # which takes a whole number of days
    wrong: Any = data.draw(st.sampled_from([*numbers, ["S3CRET", 5.5], {"unknown": ["S3CRET", 5.5]}]))
    assert refusal(shape, **{name: wrong}).prop == name


def test_refuses_a_missing_or_odd_argument() -> None:
    """A missing generation, an unknown member of an enum, a text where yes or no is meant."""
    for bag, shape, name in (
        ({}, PassiveArgs, "generation"),
        ({"generation": "a", "on_drift": "S3CRET"}, RotationArgs, "on_drift"),
        ({"generation": "a", "on_verification_failure": "S3CRET"}, RotationArgs, "on_verification_failure"),
        ({"connection": "b", "origin_key": "a", "metadata_layout": "S3CRET"}, IdentityProviderArgs, "metadata_layout"),
        ({"generate": "S3CRET"}, ActiveArgs, "generate"),
        ({"generation": "a", "known_generations": ["S3CRET"]}, RotationArgs, "known_generations"),
    ):
        with pytest.raises(Refused, match=f"`{name}`") as caught:
            from_program(bag, shape)
        assert caught.value.prop == name
        assert "S3CRET" not in str(caught.value)
    with pytest.raises(Refused, match=r"It is report or restore\."):
        from_program({"generation": "a", "on_drift": "restart"}, RotationArgs)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("block", r"Its `block` is oauth2 or saml-bearer\."),
        ("certificate_format", r"Its `certificate_format` is certificate or pem or key\."),
        ("system", "Expected `str`"),
    ],
)
def test_refuses_a_malformed_part(part: str, words: str) -> None:
    """A part of an argument is named with the values that it takes; the failure points to the argument."""
    switch = {"connection": "s4", "system": "SHOP"}
    odd = {**switch, part: 5.5 if part == "system" else "S3CRET"}
    with pytest.raises(Refused, match=words) as caught:
        from_program({"generation": "a", "switches": [switch, odd]}, RotationArgs)
    assert caught.value.prop == "switches"
    assert "S3CRET" not in str(caught.value)


def test_the_candidate_is_optional() -> None:
    """Without one, there is none."""
    assert candidate_from_program(None) is None


def test_reads_the_candidate_from_outputs() -> None:
    """Names with fingerprints where they are known; until then, the plain name alone."""
    outputs = {"generation": "b", "generations": {"b": FINGERPRINT}, "subaccount_id": GUID}
    assert candidate_from_program(outputs) == Candidate(
        generation="b", generations={"b": FINGERPRINT}, subaccount_id=GUID
    )
    pending = {"generation": "b", "generations": UNKNOWN, "subaccount_id": UNKNOWN}
    assert candidate_from_program(pending) == Candidate(generation="b")
    half = {"generation": "b", "generations": {"b": UNKNOWN}, "subaccount_id": GUID}
    assert candidate_from_program(half) == Candidate(generation="b", subaccount_id=GUID)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("S3CRET", id="a text"),
        pytest.param({"fingerprint": "S3CRET"}, id="another resource"),
        pytest.param({"generation": "b", "generations": ["S3CRET"]}, id="outputs of another shape"),
    ],
)
def test_refuses_another_value_as_candidate(value: Any) -> None:
    """A PassiveTrustCertificate is expected."""
    with pytest.raises(Refused, match="PassiveTrustCertificate") as caught:
        candidate_from_program(value)
    assert caught.value.prop == "candidate"
    assert "S3CRET" not in str(caught.value)


@pytest.mark.parametrize("value", [UNKNOWN, {"generation": UNKNOWN}], ids=["as a whole", "its generation"])
def test_refuses_an_unknown_candidate(value: Any) -> None:
    """As unknown, by its name: a wrong resource has another message."""
    with pytest.raises(Refused, match="`candidate` is not known in this preview") as caught:
        candidate_from_program(value)
    assert caught.value.prop == "candidate"


def test_reads_an_ignored_candidate() -> None:
    """`ignore_changes` puts the recorded generation in its place, which binds no name."""
    assert candidate_from_program("b", "b") == Candidate(generation="b", generations={}, is_ignored=True)


def test_a_new_subaccount_is_unknown() -> None:
    """If the same command creates it; one that is given or missing counts as known."""
    assert subaccount_is_unknown({"subaccount_id": UNKNOWN}, ActiveArgs)
    assert not subaccount_is_unknown({"subaccount_id": GUID}, ActiveArgs)
    assert not subaccount_is_unknown({}, ActiveArgs)


def test_returns_unplanned_inputs() -> None:
    """Unknown values in Pulumi's own notation; the candidate is no input of the trigger."""
    bag = {
        "generation": "a",
        "subaccount_id": UNKNOWN,
        "known_generations": {"a": UNKNOWN},
        "candidate": {"generation": "b"},
        "adopt": None,
        "__provider": "pickle",
    }
    assert unplanned_inputs(bag, RotationArgs) == {
        "generation": "a",
        "subaccount_id": rpc.UNKNOWN,
        "known_generations": rpc.UNKNOWN,
    }
    assert unplanned_inputs({"trusted_by": {"s4": [FINGERPRINT, UNKNOWN]}}, RotationArgs) == {"trusted_by": rpc.UNKNOWN}


def test_check_adds_to_the_arguments() -> None:
    """All of them are kept, and the fields that check sets win."""
    args = PassiveArgs(generation="b", connection="eu")
    found = with_changes(PassiveInputs, args, subaccount_id=GUID, step="generate")
    assert found == PassiveInputs(generation="b", connection="eu", subaccount_id=GUID, step="generate")


@pytest.mark.parametrize(
    ("given_guid", "recorded", "same"),
    [
        pytest.param(GUID, GUID, True, id="the same subaccount"),
        pytest.param(None, GUID, True, id="omitted in the program"),
        pytest.param(GUID, None, True, id="omitted in the state"),
        pytest.param(OTHER, GUID, False, id="another subaccount"),
    ],
)
def test_an_omitted_subaccount_is_the_recorded(given_guid: str | None, recorded: str | None, *, same: bool) -> None:
    """Removing the argument, or adding it, is no change by itself."""
    args, state = ActiveArgs(subaccount_id=given_guid), ActiveState(subaccount_id=recorded, fingerprint=FINGERPRINT)
    assert same_arguments(args, state, ActiveArgs) is same


@given(one=values_of(RotationArgs), other=values_of(RotationArgs))
def test_every_changed_argument_counts(one: RotationArgs, other: RotationArgs) -> None:
    """Only arguments do, and other recorded fields are ignored."""
    state = RotationState(fingerprint=FINGERPRINT, rotated_at="2028-11-24T08:34:27Z", **msgspec.structs.asdict(one))
    assert same_arguments(one, state, RotationArgs)
    without_guid = msgspec.structs.replace(other, subaccount_id=None)
    same = msgspec.structs.replace(one, subaccount_id=None) == without_guid
    assert same_arguments(without_guid, state, RotationArgs) is same


def test_certificate_outputs_are_complete() -> None:
    """On every resource that has a certificate, each output as its name says."""
    with Emulator(key_size=1024) as emulator:
        guid = emulator.create_subaccount(generate=True).guid
        emulator.generate_passive(guid)
        active, passive = (parse_pem(pem or "") for pem in emulator.certificates(guid))
    assert certificate_outputs(passive) == {
        "fingerprint": passive.fingerprint,
        "certificate": passive.pem,
        "certificate_body": passive.body,
        "metadata": passive.metadata,
        "issuer_name": f"cfapps.eu12.hana.ondemand.com/{guid}",
        "serial_number": passive.serial_number,
        "not_before": format_rfc3339(passive.not_before),
        "not_after": format_rfc3339(passive.not_after),
    }
    assert SignerSummary.of(active) == SignerSummary(active.fingerprint, format_rfc3339(active.not_after))


def test_a_subaccount_ignores_case() -> None:
    """A GUID is a number, and cockpits and consoles print it either way."""
    assert from_program({"subaccount_id": GUID.upper()}, ActiveArgs).subaccount_id == GUID.lower()


@pytest.mark.parametrize("shape", KEPT, ids=lambda shape: shape.__name__)
def test_refuses_an_edited_state(shape: type[ResourceArgs]) -> None:
    """The error says what is wrong with the state, and how to restore a good one."""
    with pytest.raises(UnreadableState, match="subaccount_id") as caught:
        from_bag({"subaccount_id": ["S3CRET"], "generation": "a", "fingerprint": FINGERPRINT}, shape)
    assert_three_part_message(str(caught.value), "pulumi stack import")
    assert "S3CRET" not in error_text(caught.value)


@pytest.mark.parametrize("name", ["rotated_at", "rolled_back_at", "restored_at"])
@pytest.mark.parametrize("moment", ["", "then", "2028-11-24T08:34:27", "9999-12-31T23:59:59Z"])
def test_refuses_an_incomparable_moment(name: str, moment: str) -> None:
    """While the state is read, before any decision."""
    with pytest.raises(UnreadableState):
        from_bag({"generation": "a", "fingerprint": FINGERPRINT, name: moment}, RotationState)


@pytest.mark.parametrize("shape", KEPT, ids=lambda shape: shape.__name__)
@pytest.mark.parametrize(
    "key",
    [
        "signing",
        "swaps",
        "way_back",
        "swapped_back_at",
        "held",
        "rollback_unconfirmed",
        "slots_before",
        "certificates_before",
        "passive_slot",
    ],
)
def test_refuses_a_development_key(shape: type[ResourceArgs], key: str) -> None:
    """Each key that was renamed before the first release: it would be ignored unseen. The message says how to start."""
    with pytest.raises(UnreadableState, match=f"`{key}`") as caught:
        from_bag({"generation": "a", "fingerprint": FINGERPRINT, key: "x"}, shape)
    assert_three_part_message(str(caught.value), "development version", "pulumi state delete", "first-adoption.md")


@pytest.mark.parametrize(
    ("evidence_", "named"),
    [
        pytest.param({"verdict": "proved"}, "proved", id="a verdict that is now verified"),
        pytest.param({"verdict": "refused"}, "refused", id="a verdict that is now rejected"),
        pytest.param({"verdict": "weak", "way_back": "works"}, "way_back", id="the evidence after a rollback"),
    ],
)
def test_refuses_development_evidence(evidence_: dict[str, str], named: str) -> None:
    """The same for the evidence of a verification, in a state that holds several."""
    recorded = {"verdict": "weak", "detail": "d", "at": "2028-11-24T08:34:27Z", "fingerprint": FINGERPRINT}
    bag = {
        "generation": "a",
        "fingerprint": FINGERPRINT,
        "verified": {"one": recorded, "two": {**recorded, **evidence_}},
    }
    with pytest.raises(UnreadableState, match=named) as caught:
        from_bag(bag, RotationState)
    assert_three_part_message(str(caught.value), "development version", "pulumi state delete", "first-adoption.md")


@pytest.mark.parametrize("verified", ["weak", ["weak"], {"one": "weak"}, None])
def test_odd_evidence_is_another_error(verified: Any) -> None:
    """An edited state has another remedy than one of a development version."""
    bag = {"generation": "a", "fingerprint": FINGERPRINT, "verified": verified}
    if verified is None:
        assert from_bag(bag, RotationState).verified == {}
        return
    with pytest.raises(UnreadableState, match="cannot be read"):
        from_bag(bag, RotationState)
