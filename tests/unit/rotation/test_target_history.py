"""What is kept about targets: attestations of earlier deployments as an input, rejections as an output."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from btp_trust.property_bag import UNKNOWN
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.evidence import Evidence, Verdict
from btp_trust.rotation.schema import RotationInputs, RotationState
from btp_trust.rotation.target_history import (
    earlier_attestations,
    of_slots,
    rejection_notices,
    rejection_outputs,
    statements_of_slots,
)
from btp_trust.trusted_by.statements import Attestation, Observation, Sighting, TrustStatement
from support.fake_engine import make_certificate, make_snapshot

A, B = make_certificate("a"), make_certificate("b", created_on_day=30)
GONE = "c" * 64
AB = make_snapshot(A, B)
ADA, BOB, EVE = (Sighting(name, f"2026-04-0{day}") for day, name in enumerate(("Ada", "Bob", "Eve"), 1))
THEN, LATER = "2026-04-02T10:00:00Z", "2026-04-03T10:00:00Z"


def attestation(fingerprint: str | list[str], sighting: Sighting) -> Attestation:
    """Write the attestation of a sighting."""
    return Attestation.of([fingerprint] if isinstance(fingerprint, str) else fingerprint, sighting.by, sighting.on)


@pytest.mark.parametrize(
    ("new", "recorded", "earlier", "expected"),
    [
        pytest.param(attestation("b", BOB), attestation("a", ADA), {}, {"a": ADA}, id="replaced"),
        pytest.param(attestation("b", BOB), attestation(["a", "b"], ADA), {}, {"a": ADA}, id="replaced in part"),
        pytest.param(attestation("b", BOB), attestation("b", BOB), {"a": ADA}, {"a": ADA}, id="kept"),
        pytest.param(attestation("c", EVE), attestation("b", BOB), {"a": ADA}, {"a": ADA, "b": BOB}, id="added"),
        pytest.param(attestation("b", EVE), attestation("a", BOB), {"a": ADA}, {"a": BOB}, id="the later one"),
        pytest.param(
            attestation("a", EVE), attestation("b", BOB), {"a": ADA}, {"a": ADA, "b": BOB}, id="attested again"
        ),
        pytest.param(Attestation.of(["a"]), attestation("a", ADA), {}, {"a": ADA}, id="to be attested anew"),
        pytest.param(attestation("a", ADA), Attestation.of(["b"]), {}, {}, id="was to be attested"),
        pytest.param(attestation("a", ADA), Observation.of("b"), {}, {}, id="was observed"),
        pytest.param(attestation("a", ADA), None, {}, {}, id="was not asked"),
        pytest.param(Observation.of("b"), attestation("a", ADA), {}, {}, id="is observed"),
        pytest.param(Observation.of("b"), attestation("a", BOB), {"a": ADA}, {"a": ADA}, id="is observed now"),
    ],
)
def test_earlier_attestations_are_kept(
    new: TrustStatement, recorded: TrustStatement | None, earlier: dict[str, Sighting], expected: dict[str, Sighting]
) -> None:
    """Each certificate that an attestation has left out keeps its last sighting, also if it is attested again."""
    trusted_by = {} if recorded is None else {"s4": recorded}
    old = RotationInputs(generation="a", trusted_by=trusted_by, earlier_attestations={"s4": earlier} if earlier else {})
    assert earlier_attestations({"s4": new}, old) == ({"s4": expected} if expected else {})
    assert earlier_attestations({"s4": new}, None) == {}


def test_unknown_attestation_replaces_none() -> None:
    """While it is unknown what is attested, the earlier attestations stay as they are."""
    unknown = Attestation({"b": UNKNOWN}, "Eve", "2026-04-03")
    old = RotationInputs(
        generation="a", trusted_by={"s4": attestation("b", BOB)}, earlier_attestations={"s4": {"a": ADA}}
    )
    assert earlier_attestations({"s4": unknown}, old) == {"s4": {"a": ADA}}
    assert statements_of_slots({"s4": unknown}, old, AB) == {"s4": unknown}


def test_earlier_statements_end_with_certificate() -> None:
    """A new attestation leaves out what has left the slots; a repetition keeps it, so that nothing changes."""
    attested = attestation([B.fingerprint, GONE], EVE)
    gone, then = "d" * 64, "attested then, not since"
    new = replace(attested, certificates={**attested.certificates, A.fingerprint: then, gone: then})
    cleaned = replace(attested, certificates={**attested.certificates, A.fingerprint: then})
    trusted_by: dict[str, TrustStatement] = {"s4": new, "sf": Observation.of(GONE)}
    assert statements_of_slots(trusted_by, None, AB) == {**trusted_by, "s4": cleaned}
    assert statements_of_slots(trusted_by, RotationInputs(generation="a", trusted_by=trusted_by), AB) == trusted_by


def test_attestations_end_with_certificate() -> None:
    """Once a certificate has left the slots, its attestations end."""
    attestations = {"s4": {A.fingerprint: ADA, GONE: BOB}, "sf": {GONE: EVE}}
    assert of_slots(attestations, AB) == {"s4": {A.fingerprint: ADA}}


def evidence(verdict: Verdict, fingerprint: str = B.fingerprint) -> Evidence:
    """Write what a later verification found."""
    return Evidence(verdict=verdict, detail="", at=LATER, fingerprint=fingerprint)


@pytest.mark.parametrize(
    ("recorded", "found", "expected"),
    [
        pytest.param({}, evidence(Verdict.REJECTED), {B.fingerprint: {"s4": LATER}}, id="rejected"),
        pytest.param(
            {B.fingerprint: {"s4": THEN}}, evidence(Verdict.REJECTED), {B.fingerprint: {"s4": LATER}}, id="again"
        ),
        pytest.param({B.fingerprint: {"s4": THEN}}, evidence(Verdict.VERIFIED), {}, id="verified since"),
        pytest.param(
            {B.fingerprint: {"s4": THEN}}, evidence(Verdict.WEAK), {B.fingerprint: {"s4": THEN}}, id="weak since"
        ),
        pytest.param(
            {B.fingerprint: {"s4": THEN}},
            evidence(Verdict.VERIFIED, A.fingerprint),
            {B.fingerprint: {"s4": THEN}},
            id="another one verified",
        ),
        pytest.param(
            {B.fingerprint: {"sf": THEN}},
            evidence(Verdict.REJECTED),
            {B.fingerprint: {"s4": LATER, "sf": THEN}},
            id="by two destinations",
        ),
        pytest.param({GONE: {"s4": THEN}}, evidence(Verdict.INCONCLUSIVE), {}, id="gone from the slots"),
    ],
)
def test_rejections_are_recorded(
    recorded: dict[str, dict[str, str]], found: Evidence, expected: dict[str, dict[str, str]]
) -> None:
    """A rejection stays until its destination is verified with the certificate, or that is gone."""
    outputs = RotationState(generation="a", fingerprint=A.fingerprint, verified={"s4": found})
    state = RotationState(generation="a", fingerprint=A.fingerprint, rejections=recorded)
    assert rejection_outputs(outputs, state, AB) == ({"rejections": expected} if expected else {})


@pytest.mark.parametrize(
    ("trusted_by", "expected"),
    [
        ({}, "warning: {}; trusted_by has no target of this name that says more since"),
        ({"s4": Observation.of(B.fingerprint)}, "{}; s4: yes, observed"),
        (
            {"s4": Observation.of(A.fingerprint)},
            "warning: {}; s4: no, it trusts aaaaaaaa (a, expires 2028-01-01), observed",
        ),
        ({"s4": attestation(B.fingerprint, EVE)}, "{}; s4: yes, attested since by Eve on 2026-04-03, not observed"),
    ],
)
def test_rejection_is_stated(trusted_by: dict[str, TrustStatement], expected: str) -> None:
    """The preview of a swap names each destination that rejected the certificate, and what was stated since."""
    names = {"a": A.fingerprint, "b": B.fingerprint}
    declaration = Declaration(
        generation="b", recorded_generations=names, trusted_by=trusted_by, rejections={"S4": THEN}
    )
    (notice,) = rejection_notices(declaration, AB)
    what = f"bbbbbbbb (b) was rejected by S4 at {THEN}"
    assert notice.line == expected.replace("warning: {}", f"warning: {what}").replace("{}", what)
    assert rejection_notices(declaration, make_snapshot(B, A)) == []
