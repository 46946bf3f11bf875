"""What is known of a target: attestations of earlier deployments, rejections by destinations, and when they count."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from btp_trust.certificate import parse_pem
from btp_trust.rotation.decision import Action, Reason
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.policies import decide
from btp_trust.rotation.target_status import target_statuses
from btp_trust.snapshot import Snapshot
from btp_trust.trusted_by.statements import (
    Attestation,
    Observation,
    Sighting,
    TargetStatus,
    TrustStatement,
    TrustStatus,
)
from support import certificates
from support.fake_engine import make_certificate, make_snapshot

A, B = make_certificate("a"), make_certificate("b", created_on_day=30)
KNOWN = {"2026-01": A.fingerprint, "2026-02": B.fingerprint}
AB, BA = make_snapshot(A, B), make_snapshot(B, A)
UNSEEN, THEN, UNKNOWN = "not observed", "not since", TrustStatus.UNKNOWN.value
YES_ADA = f"yes, attested by Ada on 2026-04-01, {UNSEEN}"
NEW = f"bbbbbbbb (2026-02, expires 2028-01-31) was attested by Ada on 2026-04-01, {UNSEEN}"
REJECTED_AT = "2026-04-02T10:00:00Z"
REMEDY = "attest it anew, on a later day or with the moment (YYYY-MM-DDThh:mm:ssZ)"


def attested(*fingerprints: str, on: str = "2026-04-01") -> Attestation:
    """Write an attestation of one certificate or of several."""
    return Attestation.of(fingerprints, "Ada", on)


def roll_back(statement: TrustStatement, **earlier: Sighting) -> Declaration:
    """Declare the older generation again; `earlier` has what was attested of the certificates a and b."""
    sightings = {{"a": A, "b": B}[name].fingerprint: sighting for name, sighting in earlier.items()}
    return Declaration(
        generation="2026-01",
        deployed_generation="2026-02",
        recorded_generations=KNOWN,
        trusted_by={"s4": statement},
        earlier_attestations={"s4": sightings},
        rollback_to=A.fingerprint,
    )


def rotate(statement: TrustStatement, **rejections: str) -> Declaration:
    """Declare the younger generation, which these destinations rejected."""
    return Declaration(
        generation="2026-02",
        deployed_generation="2026-01",
        recorded_generations=KNOWN,
        trusted_by={"s4": statement},
        rejections=rejections,
        rollback_to="",
    )


def status_of(declaration: Declaration) -> TargetStatus:
    """Return the status of the only target, for the certificate in the passive slot."""
    snapshot = AB if declaration.generation == "2026-02" else BA
    assert snapshot.passive is not None
    (status,) = target_statuses(declaration, snapshot.passive, snapshot)
    return status


@pytest.mark.parametrize(
    ("declaration", "status", "sentence"),
    [
        pytest.param(
            roll_back(attested(B.fingerprint), a=Sighting("Bob", "2026-01-05", "T-1")),
            TrustStatus.BEFORE,
            f"attested then by Bob on 2026-01-05 (T-1), {THEN}; {NEW}",
            id="attested by an earlier deployment",
        ),
        pytest.param(
            roll_back(Attestation.of([A.fingerprint]), a=Sighting("Bob", "2026-01-05")),
            TrustStatus.BEFORE,
            f"attested then by Bob on 2026-01-05, {THEN}; still to be attested",
            id="attested by an earlier deployment, to be attested anew",
        ),
        pytest.param(
            roll_back(attested(A.fingerprint, on="2026-01-05"), b=Sighting("Ada", "2026-04-01", "T-2")),
            TrustStatus.BEFORE,
            f"attested then by Ada on 2026-01-05, {THEN}; "
            "bbbbbbbb (2026-02, expires 2028-01-31) was attested by Ada on 2026-04-01 (T-2)",
            id="a revert brings back the earlier attestation",
        ),
        pytest.param(
            roll_back(attested(A.fingerprint), a=Sighting("Bob", "2026-04-02")),
            TrustStatus.YES,
            YES_ADA,
            id="a revert brings back the earlier attestation of the same",
        ),
        pytest.param(
            roll_back(attested(A.fingerprint), b=Sighting("Ada", "2026-04-01")),
            TrustStatus.YES,
            YES_ADA,
            id="attested anew on the same day",
        ),
        pytest.param(
            roll_back(attested(B.fingerprint)), TrustStatus.UNKNOWN, f"{UNKNOWN}, {NEW}", id="first attested now"
        ),
        pytest.param(
            roll_back(attested(B.fingerprint), a=Sighting("Bob", "2025-12-31")),
            TrustStatus.UNKNOWN,
            f"{UNKNOWN}, {NEW}",
            id="the earlier attestation is older than the certificate",
        ),
        pytest.param(
            roll_back(attested(B.fingerprint, "c" * 64)),
            TrustStatus.UNKNOWN,
            f"{UNKNOWN}, bbbbbbbb (2026-02, expires 2028-01-31) and cccccccc were attested by Ada on 2026-04-01, "
            f"{UNSEEN}",
            id="several others are attested",
        ),
        pytest.param(
            roll_back(attested(B.fingerprint, A.fingerprint)),
            TrustStatus.YES,
            YES_ADA,
            id="both are attested",
        ),
        pytest.param(
            replace(
                rotate(attested(B.fingerprint)),
                earlier_attestations={"s4": {A.fingerprint: Sighting("Ada", "2026-04-02")}},
            ),
            TrustStatus.YES,
            YES_ADA,
            id="a rotation after a later attestation of another one",
        ),
        pytest.param(
            rotate(attested(A.fingerprint), s4=REJECTED_AT),
            TrustStatus.REJECTED,
            f"rejected at {REJECTED_AT}; aaaaaaaa (2026-01, expires 2028-01-01) was attested by Ada on 2026-04-01, "
            f"{UNSEEN}: {REMEDY}",
            id="rejected, another one is attested",
        ),
        pytest.param(
            rotate(Observation.of(B.fingerprint), s4=REJECTED_AT),
            TrustStatus.YES,
            "yes, observed",
            id="rejected, and observed",
        ),
        pytest.param(
            rotate(Observation.of(), s4=REJECTED_AT),
            TrustStatus.NO,
            "no, it trusts no certificate, observed",
            id="rejected, and observed to lack it",
        ),
    ],
)
def test_target_has_status(declaration: Declaration, status: TrustStatus, sentence: str) -> None:
    """With an attestation of others a certificate is in doubt, and what was attested before is stated as such."""
    found = status_of(declaration)
    assert (found.status, found.sentence) == (status, sentence)


@pytest.mark.parametrize(
    ("destination", "on", "counts"),
    [
        ("s4", "2026-04-01", False),
        ("s4", "2026-04-02", False),
        ("s4", "2026-04-03", True),
        ("s4", "2026-04-02T09:59:59Z", False),
        ("s4", REJECTED_AT, False),
        ("s4", "2026-04-02T10:00:01Z", True),
        ("S4", "2026-04-02", False),
        ("S4", "2026-04-03", True),
        ("sf", "2026-04-01", True),
    ],
)
def test_later_attestation_ends_rejection(destination: str, on: str, *, counts: bool) -> None:
    """After a rejection by the destination of this name, only an attestation dated later counts."""
    declaration = rotate(attested(B.fingerprint, on=on), **{destination: REJECTED_AT})
    decision = decide(declaration, AB)
    if counts:
        since = "" if destination == "sf" else " since"
        assert decision.targets == {"s4": f"yes, attested{since} by Ada on {on}, {UNSEEN}"}
        return
    assert decision.reason is Reason.UNTRUSTED
    assert decision.refusal is not None
    assert "is not trusted by s4." in decision.refusal.what
    line = f"  s4: rejected at {REJECTED_AT}; attested by Ada on {on}, {THEN}: {REMEDY}"
    assert decision.refusal.why.splitlines()[1:] == [line]


def test_rejection_lets_rollback_pass() -> None:
    """A rollback to a rejected certificate goes ahead, with the strong warning."""
    declaration = replace(roll_back(attested(A.fingerprint)), rejections={"s4": REJECTED_AT})
    decision = decide(declaration, BA)
    assert decision.action is Action.SWAP
    assert "is not trusted by s4. These targets reject" in decision.trust_warning
    assert "; s4 rejected" in decision.message


def test_key_stands_for_its_certificate() -> None:
    """A target that stores keys alone trusts the certificate whose key it has; others are named by their slot."""
    active, passive, other = (parse_pem(certificates.certificate(each, key=b"k%d" % each)) for each in (1, 2, 3))
    snapshot = Snapshot("guid", active, passive, passive.not_before)
    names = {"2026-01": active.fingerprint, "2026-02": passive.fingerprint}
    declared = Declaration(generation="2026-02", deployed_generation="2026-01", recorded_generations=names)

    def status(*keys: str) -> TargetStatus:
        (found,) = target_statuses(replace(declared, trusted_by={"s4": Observation.of(*keys)}), passive, snapshot)
        return found

    assert status(other.key_identity, passive.key_identity).status is TrustStatus.YES
    gated = replace(declared, trusted_by={"s4": Observation.of(passive.key_identity)})
    assert decide(gated, snapshot).action is Action.SWAP
    lacking = status(active.key_identity, other.key_identity)
    assert lacking.status is TrustStatus.NO
    assert f"the key of {active.fingerprint[:8]} (2026-01, expires" in lacking.sentence
    assert f"{other.key_identity[:12]}" in lacking.sentence
