"""The table and the JSON of `btp-trust status`, from statuses with chosen contents."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from btp_trust.rotation.schema import OnDrift, RotationState
from btp_trust_cli.exit_codes import Severity
from btp_trust_cli.landscape import SubaccountStatus
from btp_trust_cli.recorded import RecordedSubaccount
from btp_trust_cli.status import status_text, summary_line
from btp_trust_cli.status_document import status_document
from support.statuses import ALL, ERROR, FINE, GUID, NAMES, OLD, YOUNG, status

TEXT = (Path(__file__).parent / "status.txt").read_text()


def test_table_is_sorted_by_urgency() -> None:
    """The first line for monitoring systems, the table, and what a person has to do."""
    assert status_text(ALL) == TEXT


def test_summary_counts_what_there_is() -> None:
    """One line; the state is that of the exit code."""
    assert summary_line([FINE]) == "OK: 1 subaccount, 1 OK"
    assert summary_line(ALL[1:3]) == "UNKNOWN: 2 subaccounts, 1 UNKNOWN, 1 WARNING"


def test_narrow_terminal_loses_nothing() -> None:
    """At 60 columns the table stays within, and every word of the paragraphs is there, whole."""
    narrow = status_text(ALL, width=60)
    assert max(map(len, narrow.split("\n\n")[1].splitlines())) <= 60
    stated = narrow.partition("acme-test (11111111), ")[2].split()
    assert stated == TEXT.partition("acme-test (11111111), ")[2].split()


def test_colors_only_on_request() -> None:
    """Escape sequences are for terminals."""
    assert "\x1b" not in status_text(ALL)
    assert "\x1b[1;31mCRITICAL" in status_text(ALL, width=200, is_colored=True)


def test_drift_that_is_undone_warns() -> None:
    """With `on_drift="restore"` the next deployment undoes a swap."""
    restoring = RotationState(fingerprint=OLD.fingerprint, generation="2026-01", on_drift=OnDrift.RESTORE)
    swapped = replace(
        status(YOUNG, OLD, day=610), recorded=RecordedSubaccount(GUID, "prod", rotation=restoring, bound_names=NAMES)
    )
    assert swapped.severity is Severity.WARNING
    assert "The next `pulumi up` undoes that." in status_text([swapped])


def test_warning_that_is_off_shows_nothing() -> None:
    """A subaccount without anything due has a dash as its next step."""
    assert status_text([status(None)]).splitlines()[3].split() == ["OK", "acme-prod", "(11111111)", *"-----", "prod"]


def test_document_has_everything() -> None:
    """The JSON repeats the order of the table and adds whole fingerprints, moments and messages."""
    document = json.loads(json.dumps(status_document(ALL)))
    assert {key: document[key] for key in ("format", "as_of", "state", "exit_code", "counts")} == {
        "format": 1,
        "as_of": None,
        "state": "CRITICAL",
        "exit_code": 2,
        "counts": {"CRITICAL": 1, "UNKNOWN": 1, "WARNING": 1, "OK": 1},
    }
    drifted, closed, rotating, fine = document["subaccounts"]
    assert drifted["drift"][0]["is_undone"] is False
    assert closed["error"] == {"kind": "NotAuthorized", "what": ERROR.what, "why": ERROR.why, "remedy": ERROR.remedy}
    assert closed["active"] is None
    assert closed["due"] is None
    assert rotating["due"]["step"] == "hand over"
    assert rotating["due"]["is_due"] is True
    assert [target["trusts"] for target in rotating["targets"]] == ["no", "yes"]
    assert fine["active"]["days_left"] == 720
    assert fine["due"]["is_due"] is False


def test_stack_without_a_reading_is_listed() -> None:
    """Its row has the stack alone."""
    text = status_text([SubaccountStatus("", "live", error=ERROR)])
    assert "\nstack live:\n" in text


@pytest.mark.parametrize("is_colored", [False, True])
def test_name_cannot_command_a_terminal(*, is_colored: bool) -> None:
    """Escapes, backspaces, separators and marks of direction are spelt out; colors are those of the command."""
    hostile = "a\x1b]0;t\x07\x9b2J\u202eb\u2028\rc\x0b"
    text = status_text([replace(FINE, name=hostile, stack="s\x1b[2J")], is_colored=is_colored)
    assert "a\\x1b]0;t\\x9b2J\\u202eb\\u2028" in text
    rest = re.sub(r"\x1b\[[0-9;]*m", "", text) if is_colored else text
    assert rest.replace("\n", "").isprintable()
