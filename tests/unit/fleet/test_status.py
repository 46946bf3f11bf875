"""Where a stack is, by its state, the ledger and the service."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from btp_trust.errors import ConfigurationError
from btp_trust.formatting import format_rfc3339
from btp_trust_cli.exit_codes import Severity
from btp_trust_cli.recorded import parse_stack
from btp_trust_fleet.ledger.records import StackEnded, StackStarted
from btp_trust_fleet.stack_run.task import StackState, Verb
from btp_trust_fleet.status.position import Certificates, StackPosition, recorded_certificates
from btp_trust_fleet.status.text import fleet_status_document, fleet_status_text
from btp_trust_fleet.table.fleet import FleetStack
from support.fleet_samples import SIGNERS, START

STACK = FleetStack("acme-dev", "dev", "acme-dev", "canary", "2028-11", "2028-11")
OLD, NEW = SIGNERS
GUID = "00000000-1111-4222-8333-000000005cdd"
EXPIRY = format_rfc3339(START + timedelta(days=40, hours=1))


def resource(kind: str, **outputs: Any) -> dict[str, Any]:
    """Return a resource of a state."""
    values = {"subaccount_id": GUID, "connection": "acme-dev", **outputs}
    return {"type": f"pulumi-python:dynamic/btp-trust:{kind}", "inputs": values, "outputs": values}


def read(*resources: dict[str, Any]) -> Certificates:
    """Return what a state says."""
    return recorded_certificates(parse_stack(resources).get(GUID), START)


def started() -> StackStarted:
    """Return a start without an end."""
    return StackStarted(at=START, run="r", wave="canary", stack="dev", verb=Verb.ROLL_BACK, generation="2028-11")


def ended(state: StackState) -> StackEnded:
    """Return an end."""
    fields: dict[str, Any] = {"run": "r", "wave": "canary", "stack": "dev", "generation": "2028-11"}
    return StackEnded(at=START, started_at=START, verb=Verb.ROTATE, state=state, **fields)


def test_state_names_both_certificates() -> None:
    """Before the rotation the candidate waits, afterwards the one that signed before; names are those of the stack."""
    passive = resource("PassiveTrustCertificate", generation="2028-11", fingerprint=NEW)
    names = {"generations": {"2026-11": OLD, "2028-11": NEW}}
    before = resource("RotationTrigger", generation="2026-11", fingerprint=OLD, not_after=EXPIRY, **names)
    assert read(before, passive) == Certificates("aaaaaaaa (2026-11)", "2026-11", 40, "bbbbbbbb (2028-11)")
    after = resource("RotationTrigger", generation="2028-11", fingerprint=NEW, previous_fingerprint=OLD, **names)
    assert read(after, passive) == Certificates("bbbbbbbb (2028-11)", "2028-11", None, "aaaaaaaa (2026-11)")


def test_state_without_a_trigger() -> None:
    """The adopted certificate alone, a prepared one alone, no resource."""
    assert read(resource("ActiveTrustCertificate", fingerprint=OLD, not_after=EXPIRY)) == Certificates(
        "aaaaaaaa", None, 40
    )
    assert read(resource("PassiveTrustCertificate", generation="2028-11", fingerprint=NEW)) == Certificates()
    assert read() == Certificates()


@pytest.mark.parametrize(
    ("certificates", "last", "severity"),
    [
        (Certificates(generation="2028-11"), None, Severity.OK),
        (Certificates(generation="2028-11"), StackState.CHANGED, Severity.OK),
        (Certificates(generation="2026-11"), StackState.CHANGED, Severity.WARNING),
        (Certificates(), None, Severity.WARNING),
        (Certificates(generation="2026-11"), StackState.REJECTED, Severity.CRITICAL),
        (Certificates(generation="2026-11"), StackState.POSTPONED, Severity.WARNING),
        (Certificates(generation="2028-11"), StackState.LOST, Severity.UNKNOWN),
        (Certificates(generation="2028-11", severity=Severity.CRITICAL), StackState.CHANGED, Severity.CRITICAL),
    ],
)
def test_most_serious_state_counts(certificates: Certificates, last: StackState | None, severity: Severity) -> None:
    """Of the declaration, the ledger and the service."""
    assert StackPosition(STACK, certificates, None if last is None else ended(last)).severity is severity


POSITIONS = (
    StackPosition(STACK, Certificates("bbbbbbbb (2028-11)", "2028-11", 700, "aaaaaaaa (2026-11)"), started()),
    StackPosition(STACK, Certificates("bbbbbbbb (2028-11)", "2028-11", 700), ended(StackState.CHANGED)),
    StackPosition(STACK, Certificates(), None, ConfigurationError("What.", "Why.", "Remedy.")),
)


def test_table_shows_who_is_where() -> None:
    """In the order of the waves; a killed driver's stack is unknown, and an unreadable one has its error below."""
    text = fleet_status_text(POSITIONS, width=10_000, is_colored=False)
    first, _, _, *rows = text.splitlines()
    assert first == "UNKNOWN: 3 stacks, 2 UNKNOWN, 1 OK"
    assert [row.split("  ")[0] for row in rows[:3]] == ["UNKNOWN", "OK", "UNKNOWN"]
    assert "roll back unknown, its driver was killed after 2028-11-01T08:00:00Z  dev" in rows[0]
    assert "bbbbbbbb (2028-11)   700  aaaaaaaa (2026-11)  " in rows[0]
    assert "  rotate changed, 2028-11-01T08:00:00Z  " in rows[1]
    assert rows[3:] == ["", "acme-dev:", "  What. Why. Remedy."]


def test_document_has_the_same() -> None:
    """For other programs."""
    document = json.loads(json.dumps(fleet_status_document(POSITIONS)))
    assert (document["state"], document["exit_code"]) == ("UNKNOWN", 3)
    assert [each["last"] and each["last"]["state"] for each in document["stacks"]] == ["unknown", "changed", None]
    assert document["stacks"][2]["error"]["what"] == "What."
