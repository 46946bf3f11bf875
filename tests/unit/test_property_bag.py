"""Property bags: what goes over the wire comes back the same, and what a program gives wrongly is named."""

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
from btp_trust.rotation.evidence import Evidence
from btp_trust.rotation.schema import (
    Candidate,
    OnDrift,
    RotationArgs,
    RotationInputs,
    RotationState,
    SlotPair,
    candidate_from_program,
)
from btp_trust.service.credentials.environment import DEFAULT_CONNECTION
from btp_trust.snapshot import Slots, Snapshot
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
    """Any value of a struct, with every field drawn (Hypothesis knows nothing of msgspec's default factories)."""
    fields = {name: st.from_type(hint) for name, hint in get_type_hints(shape).items()}
    fields |= dict.fromkeys(("rotated_at", "rolled_back_at", "restored_at"), st.none() | moments)
    return st.builds(shape, **{name: fields[name] for name in shape.__struct_fields__})


moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)).map(format_rfc3339)  # noqa: DTZ001
fingerprints = st.binary(min_size=32, max_size=32).map(bytes.hex)
names = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1)
signings = st.builds(SignerSummary, fingerprints, st.none() | st.text())
swaps = st.builds(SlotPair, st.none() | fingerprints, st.none() | fingerprints)
seconds = st.none() | st.integers(0, 2**53)  # numbers are floats on the wire
evidence = st.builds(Evidence, lifetime=seconds, after_rollback=st.none() | st.text())
for shape, strategy in ((SignerSummary, signings), (SlotPair, swaps), (Evidence, evidence)):
    st.register_type_strategy(shape, strategy)


def wire(bag: Any) -> Any:
    """Send a bag as the engine does: numbers become floats, None vanishes."""
    if isinstance(bag, dict):
        return {name: wire(value) for name, value in bag.items() if value is not None}
    return json.loads(json.dumps(bag), parse_int=float)


def given_by(shape: type[ResourceArgs], **arguments: Any) -> ResourceArgs:
    """What a program's arguments become."""
    return from_program({**REQUIRED.get(shape.__name__, {}), **arguments}, shape)


def refusal(shape: type[ResourceArgs], **arguments: Any) -> Refused:
    """What the refusal of a program's arguments is; it never shows a value that may be a secret."""
    with pytest.raises(Refused) as caught:
        given_by(shape, **arguments)
    assert "S3CRET" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 3
    return caught.value


@pytest.mark.parametrize("shape", KEPT, ids=lambda shape: shape.__name__)
@given(data=st.data())
def test_what_is_kept_comes_back_the_same(shape: type[ResourceArgs], data: st.DataObject) -> None:
    """Any value, over the wire and back, with the property that Pulumi adds, and with one of a later version."""
    value = data.draw(values_of(shape))
    bag = to_bag(value)
    assert from_bag(wire({**bag, "__provider": "pickle", "of_a_later_version": [1]}), shape) == value
    assert from_bag(bag, shape) == value


@pytest.mark.parametrize("shape", KEPT, ids=lambda shape: shape.__name__)
@given(data=st.data())
def test_a_bag_names_only_what_is_there(shape: type[ResourceArgs], data: st.DataObject) -> None:
    """The names of a bag's properties are what a preview shows: defaults and empty values are left out."""
    value = data.draw(values_of(shape))
    bag = to_bag(value)
    assert None not in bag.values()
    assert "connection" in bag or value.connection == "default"
    assert "connection" not in to_bag(msgspec.structs.replace(value, connection=DEFAULT_CONNECTION))
    for name in bag:
        assert name not in to_bag(value, name)


@pytest.mark.parametrize("shape", ARGS, ids=lambda shape: shape.__name__)
def test_a_program_that_gives_nothing_has_the_defaults(shape: type[ResourceArgs]) -> None:
    """None, which Pulumi may send, counts as nothing; Pulumi's own property is not an argument."""
    assert given_by(shape) == given_by(shape, connection=None, subaccount_id=None, __provider="pickle")
    assert given_by(shape).connection == "default"


def test_a_program_gives_its_arguments() -> None:
    """Each of them, as its type says."""
    active = given_by(ActiveArgs, rotation="a", generate=True, renew_fingerprint=FINGERPRINT, accept_outage=True)
    assert active == ActiveArgs(rotation="a", generate=True, renew_fingerprint=FINGERPRINT, accept_outage=True)
    passive = given_by(PassiveArgs, generation="b", adopt=FINGERPRINT, replace=FINGERPRINT, connection="eu")
    assert passive == PassiveArgs(generation="b", adopt=FINGERPRINT, replace=FINGERPRINT, connection="eu")
    trigger = given_by(RotationArgs, known_generations={"a": FINGERPRINT}, on_drift="restore", subaccount_id=GUID)
    known = {"a": FINGERPRINT}
    assert trigger == RotationArgs(
        generation="2028-11", known_generations=known, on_drift=OnDrift.RESTORE, subaccount_id=GUID
    )


@pytest.mark.parametrize("shape", ARGS, ids=lambda shape: shape.__name__)
def test_an_unknown_argument_is_refused_by_name(shape: type[ResourceArgs]) -> None:
    """Nobody could review what it leads to; of some nobody has to."""
    nobody_reviews = {"rotation", "verify_now", "passive", "resource_urn"}
    for name in set(shape.__struct_fields__) - nobody_reviews:
        found = refusal(shape, **{name: UNKNOWN})
        assert found.prop == name
        assert f"`{name}` is not known" in found.what


def test_an_argument_that_is_unknown_inside_is_refused_too() -> None:
    """A map with one value that a preview does not know."""
    assert refusal(RotationArgs, known_generations={"a": FINGERPRINT, "b": UNKNOWN}).prop == "known_generations"


@given(
    digest=st.binary(min_size=32, max_size=32),
    label=st.sampled_from(["", "sha256 Fingerprint=", "SHA-256: ", "\u200eSHA256:"]),
    separator=st.sampled_from([":", "-", "\u00a0"]),
)
def test_fingerprints_are_normalized_wherever_they_are_given(digest: bytes, label: str, separator: str) -> None:
    """As tools print them: labels, separators, capitals, blanks, marks that nobody sees."""
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
def test_what_is_no_fingerprint_is_refused_by_name(shape: type[ResourceArgs], name: str, value: Any) -> None:
    """With the command that prints one."""
    found = refusal(shape, **{name: value})
    assert found.prop == name
    assert "openssl" in found.remedy


@given(name=names)
def test_any_printable_name_is_a_generation(name: str) -> None:
    """Letters, digits and signs of any script."""
    assert from_program({"generation": name}, PassiveArgs).generation == name
    assert from_program({"generation": name, "known_generations": {name: COLONS}}, RotationArgs).generation == name


bad_names = pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="nothing"),
        pytest.param(" 2028-11", id="a blank before it"),
        pytest.param("2028-11\n", id="a line feed after it"),
        pytest.param("2028\u200b11", id="a character that nobody sees"),
        pytest.param("2028\x1b[31m", id="a control sequence"),
    ],
)


@bad_names
@pytest.mark.parametrize("shape", [PassiveArgs, RotationArgs], ids=lambda shape: shape.__name__)
def test_a_name_that_cannot_be_typed_again_is_refused(shape: type[ResourceArgs], name: str) -> None:
    """A generation's name is read in previews and typed again in later years."""
    found = refusal(shape, generation=name)
    assert found.prop == "generation"
    assert repr(name) in found.what


@bad_names
def test_a_bad_name_among_those_taught_by_hand_is_refused_where_it_stands(name: str) -> None:
    """The failure points to `known_generations`, not to a generation that is fine."""
    assert refusal(RotationArgs, known_generations={name: FINGERPRINT}).prop == "known_generations"


@pytest.mark.parametrize("shape", ARGS, ids=lambda shape: shape.__name__)
@pytest.mark.parametrize("name", ["subaccount_id", "connection"])
def test_an_empty_argument_is_refused_by_name(shape: type[ResourceArgs], name: str) -> None:
    """An environment variable that is not set must not turn the guard of the subaccount off."""
    assert refusal(shape, **{name: ""}).prop == name


@pytest.mark.parametrize("shape", ARGS, ids=lambda shape: shape.__name__)
@given(data=st.data())
def test_a_malformed_argument_is_refused_by_name(shape: type[ResourceArgs], data: st.DataObject) -> None:
    """A number, a list or a map where a text belongs, and the like; the value is not repeated."""
    name = data.draw(st.sampled_from(shape.__struct_fields__))
    wrong: Any = data.draw(st.sampled_from([5.0, 5.5, ["S3CRET", 5.5], {"S3CRET": 5.0}]))
    assert refusal(shape, **{name: wrong}).prop == name


def test_a_missing_or_odd_argument_is_refused_by_name() -> None:
    """As well: no generation at all, a way to drift that does not exist, a text where yes or no is meant."""
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


def test_no_candidate_is_none() -> None:
    """It is optional."""
    assert candidate_from_program(None) is None


def test_a_candidate_counts_as_a_pair_from_its_outputs() -> None:
    """Names with fingerprints where they are known; while they are not, the plain name alone."""
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
def test_what_is_no_candidate_is_refused_by_name(value: Any) -> None:
    """A PassiveTrustCertificate is expected."""
    with pytest.raises(Refused, match="PassiveTrustCertificate") as caught:
        candidate_from_program(value)
    assert caught.value.prop == "candidate"
    assert "S3CRET" not in str(caught.value)


@pytest.mark.parametrize("value", [UNKNOWN, {"generation": UNKNOWN}], ids=["as a whole", "its generation"])
def test_an_unknown_candidate_is_refused_by_name(value: Any) -> None:
    """It is not taken for something else that was passed by mistake."""
    with pytest.raises(Refused, match="`candidate` is not known in this preview") as caught:
        candidate_from_program(value)
    assert caught.value.prop == "candidate"


def test_what_check_wrote_of_a_candidate_is_one() -> None:
    """`ignore_changes` puts it in the place of what the program passes; nothing is learned of it."""
    assert candidate_from_program("b", "b") == Candidate(generation="b", generations={}, is_ignored=True)


def test_a_subaccount_that_is_to_be_made_is_unknown() -> None:
    """By the same command; one that is given or missing is not."""
    assert subaccount_is_unknown({"subaccount_id": UNKNOWN})
    assert not subaccount_is_unknown({"subaccount_id": GUID})
    assert not subaccount_is_unknown({})


def test_what_cannot_be_planned_is_given_back_as_it_is() -> None:
    """Unknown values in Pulumi's own notation; the candidate is no input of the trigger."""
    bag = {
        "generation": "a",
        "subaccount_id": UNKNOWN,
        "known_generations": {"a": UNKNOWN},
        "candidate": {"generation": "b"},
        "adopt": None,
        "__provider": "pickle",
    }
    assert unplanned_inputs(bag) == {"generation": "a", "subaccount_id": rpc.UNKNOWN, "known_generations": rpc.UNKNOWN}
    assert unplanned_inputs({"trusted_by": {"s4": [FINGERPRINT, UNKNOWN]}}) == {"trusted_by": rpc.UNKNOWN}


def test_check_adds_to_the_arguments() -> None:
    """All of them are kept, and what check found out wins."""
    args = PassiveArgs(generation="b", connection="eu")
    found = with_changes(PassiveInputs, args, subaccount_id=GUID, step="generate")
    assert found == PassiveInputs(generation="b", connection="eu", subaccount_id=GUID, step="generate")


@pytest.mark.parametrize(
    ("given_one", "recorded", "same"),
    [
        pytest.param(GUID, GUID, True, id="the same subaccount"),
        pytest.param(None, GUID, True, id="none given is the recorded one"),
        pytest.param(GUID, None, True, id="none recorded is the given one"),
        pytest.param(OTHER, GUID, False, id="another subaccount"),
    ],
)
def test_a_subaccount_that_is_not_given_is_the_recorded_one(
    given_one: str | None, recorded: str | None, *, same: bool
) -> None:
    """Taking the argument away, or adding it, changes nothing by itself."""
    args, state = ActiveArgs(subaccount_id=given_one), ActiveState(subaccount_id=recorded, fingerprint=FINGERPRINT)
    assert same_arguments(args, state, ActiveArgs) is same


@given(one=values_of(RotationArgs), other=values_of(RotationArgs))
def test_every_changed_argument_counts(one: RotationArgs, other: RotationArgs) -> None:
    """Only arguments do: what a command recorded besides is none."""
    state = RotationState(fingerprint=FINGERPRINT, rotated_at="2028-11-24T08:34:27Z", **msgspec.structs.asdict(one))
    assert same_arguments(one, state, RotationArgs)
    settled = msgspec.structs.replace(other, subaccount_id=None)
    same = msgspec.structs.replace(one, subaccount_id=None) == settled
    assert same_arguments(settled, state, RotationArgs) is same


@given(active=st.none() | fingerprints, passive=st.none() | fingerprints)
def test_the_pair_to_compare_with_survives(active: str | None, passive: str | None) -> None:
    """What the preview found is what the update compares."""
    assert SlotPair.of(Slots(active, passive)).slots == Slots(active, passive)


def test_a_certificate_has_the_promised_outputs() -> None:
    """On every resource that has one, each of them what its name says."""
    with Emulator(key_size=1024) as emulator:
        guid = emulator.create_subaccount(generate=True).guid
        emulator.generate_passive(guid)
        active, passive = (parse_pem(pem or "") for pem in emulator.certificates(guid))
    snapshot = Snapshot(guid, active, passive, active.not_before)
    assert certificate_outputs(passive, snapshot) == {
        "fingerprint": passive.fingerprint,
        "certificate": passive.pem,
        "certificate_body": passive.body,
        "metadata": passive.metadata,
        "issuer_name": f"cfapps.eu12.hana.ondemand.com/{guid}",
        "serial_number": passive.serial_number,
        "not_before": format_rfc3339(passive.not_before),
        "not_after": format_rfc3339(passive.not_after),
        "role": "passive",
    }
    assert certificate_outputs(active, snapshot)["role"] == "active"
    assert SignerSummary.of(active) == SignerSummary(active.fingerprint, format_rfc3339(active.not_after))


def test_a_subaccount_is_the_same_in_capitals() -> None:
    """A GUID is a number, and cockpits and consoles print it either way."""
    assert from_program({"subaccount_id": GUID.upper()}, ActiveArgs).subaccount_id == GUID.lower()


@pytest.mark.parametrize("shape", KEPT, ids=lambda shape: shape.__name__)
def test_a_bag_that_nobody_wrote_is_refused(shape: type[ResourceArgs]) -> None:
    """A state that was edited: the error says what is wrong with it, and how to get a good one back."""
    with pytest.raises(UnreadableState, match="subaccount_id") as caught:
        from_bag({"subaccount_id": ["S3CRET"], "generation": "a", "fingerprint": FINGERPRINT}, shape)
    assert_three_part_message(str(caught.value), "pulumi stack import")
    assert "S3CRET" not in error_text(caught.value)


@pytest.mark.parametrize("name", ["rotated_at", "rolled_back_at", "restored_at"])
@pytest.mark.parametrize("moment", ["", "then", "2028-11-24T08:34:27", "9999-12-31T23:59:59Z"])
def test_a_moment_that_cannot_be_compared_is_refused(name: str, moment: str) -> None:
    """When it is read, and not in the middle of a decision."""
    with pytest.raises(UnreadableState):
        from_bag({"generation": "a", "fingerprint": FINGERPRINT, name: moment}, RotationState)
