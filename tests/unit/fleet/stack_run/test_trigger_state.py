"""What the state of a stack says about the signer, and about rejections."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from btp_trust_fleet.stack_run.trigger_state import SignerRecord, find_record, parse_export, recorded_before
from support.fleet_previews import NEW, OLD, PREPARING, preview, urn

_EVIDENCE = {"detail": "", "at": "2026-11-30T13:10:28Z", "fingerprint": NEW}


@pytest.mark.parametrize(
    ("outputs", "record"),
    [
        ({"fingerprint": OLD}, SignerRecord(OLD)),
        ({"fingerprint": OLD, "failed_generation": "b"}, SignerRecord(OLD, was_rejected=True)),
        ({"fingerprint": OLD, "rollback_outcome_unknown": "why"}, SignerRecord(OLD, was_rejected=True)),
        ({"fingerprint": NEW, "verified": {"s4": {**_EVIDENCE, "verdict": "verified"}}}, SignerRecord(NEW)),
        (
            {"fingerprint": NEW, "verified": {"s4": {**_EVIDENCE, "verdict": "rejected"}}},
            SignerRecord(NEW, was_rejected=True),
        ),
        ({"fingerprint": 5}, SignerRecord()),
    ],
)
def test_trigger_tells_signer_and_rejection(outputs: dict[str, Any], record: SignerRecord) -> None:
    """A rejection is one that was rolled back, or that the signer still has."""
    active = {"fingerprint": "0" * 64}
    found = {"urn:x": {}, urn("ActiveTrustCertificate"): active, urn("RotationTrigger"): outputs}
    assert find_record(found) == record
    export = {"deployment": {"resources": [{"urn": name, "outputs": given} for name, given in found.items()]}}
    assert parse_export(msgspec.json.encode(export)) == record


def test_active_certificate_tells_signer() -> None:
    """A stack without a trigger has the signer of its ActiveTrustCertificate; an empty one, or one of several, none."""
    assert find_record({urn("ActiveTrustCertificate"): {"fingerprint": OLD}}) == SignerRecord(OLD)
    assert find_record({}) == SignerRecord()
    several = {urn("RotationTrigger"): {"failed_generation": "b"}, f"{urn('RotationTrigger')}-2": {"fingerprint": OLD}}
    assert find_record(several) == SignerRecord(was_rejected=True)
    assert recorded_before(preview(*PREPARING)) == SignerRecord(OLD)


@pytest.mark.parametrize("printed", [b"", b"\xff", b"[]", b'{"deployment": null}', b"{}"])
def test_unreadable_state_says_nothing(printed: bytes) -> None:
    """An export that failed leaves the signer unknown."""
    assert parse_export(printed) == SignerRecord()


def test_failure_is_quoted_once() -> None:
    """What the triggers say about a rejection is kept: the engine may end the program before it is shown."""
    failed = {"fingerprint": OLD, "failed_generation": "2028-11", "failure": "Rejected by s4."}
    found = {urn("RotationTrigger"): failed, f"{urn('RotationTrigger')}-2": failed}
    assert find_record(found) == SignerRecord(was_rejected=True, failure="Rejected by s4.")
