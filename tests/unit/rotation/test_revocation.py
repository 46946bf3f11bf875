"""Revoked generations: refused as the next signer by every step, and warned of while they sign."""

from __future__ import annotations

from typing import Any

import pytest

from btp_trust.arguments import check_reasons
from btp_trust.errors import Refused
from btp_trust.rotation.decision import Action, Reason
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.policies import decide
from btp_trust.rotation.revocation import revocation_notices
from btp_trust.rotation.schema import OnDrift
from support.fake_engine import assert_three_part_message, make_certificate, make_snapshot

A, B, C = make_certificate("a"), make_certificate("b", created_on_day=30), make_certificate("c", created_on_day=60)
KNOWN = {"one": A.fingerprint, "two": B.fingerprint}
AB, BA = make_snapshot(A, B), make_snapshot(B, A)


def declare(generation: str, deployed: str | None = "one", **more: Any) -> Declaration:
    """Declare a generation, with both names recorded."""
    return Declaration(generation=generation, deployed_generation=deployed, **{"recorded_generations": KNOWN, **more})


@pytest.mark.parametrize(
    ("declaration", "reading"),
    [
        pytest.param(declare("two", revoked={"two": "leaked"}), AB, id="rotation"),
        pytest.param(declare("one", "two", revoked={"one": "leaked"}), BA, id="rollback"),
        pytest.param(declare("two", "two", on_drift=OnDrift.RESTORE, revoked={"two": "leaked"}), AB, id="restoration"),
        pytest.param(
            declare("two", known_generations={"alias": B.fingerprint}, revoked={"alias": "leaked"}), AB, id="other name"
        ),
        pytest.param(declare("two", revoked={"one": "leaked", "two": "leaked"}), AB, id="both"),
    ],
)
def test_no_step_leads_to_it(declaration: Declaration, reading: Any) -> None:
    """By each name of the step, its certificate is compared by fingerprint, and the message has the reason."""
    decision = decide(declaration, reading)
    assert (decision.action, decision.reason) == (Action.REFUSE, Reason.REVOKED)
    assert_three_part_message(str(decision.refusal), "Revoked: ", "leaked", reading.passive.fingerprint)


@pytest.mark.parametrize("deployed", [None, "one"])
def test_unknown_name_is_refused(deployed: str | None) -> None:
    """A misspelt name would leave the leaked key in use, so it is refused before anything is planned."""
    decision = decide(declare("one", deployed, revoked={"too": "leaked"}), AB)
    assert decision.reason is Reason.UNKNOWN_GENERATION
    assert_three_part_message(str(decision.refusal), "'too'", "known_generations=", A.fingerprint)


@pytest.mark.parametrize(
    "declaration",
    [
        pytest.param(declare("one", revoked={"one": "leaked"}), id="deployed"),
        pytest.param(declare("first", None, recorded_generations={}, revoked={"first": "leaked"}), id="created"),
        pytest.param(declare("two", "two", revoked={"one": "leaked"}), id="drift"),
    ],
)
def test_signing_revoked_certificate_is_warned_of(declaration: Declaration) -> None:
    """A program goes on, as the replacement takes several deployments, and each preview says that it signs."""
    decision = decide(declaration, AB)
    assert decision.action in (Action.RECORD, Action.REPORT)
    (notice,) = revocation_notices(declaration, decision, AB)
    assert notice.line.startswith("warning: aaaaaaaa (")
    assert "signs although it is revoked (leaked)" in notice.line


def test_swap_and_others_are_silent() -> None:
    """A swap replaces the revoked signer; where another one signs, there is nothing to say."""
    leaving = declare("two", revoked={"one": "leaked"})
    assert decide(leaving, AB).action is Action.SWAP
    assert revocation_notices(leaving, decide(leaving, AB), AB) == []
    assert revocation_notices(leaving, decide(leaving, BA), BA) == []


def test_drift_names_only_possible_remedies() -> None:
    """A drift away from a revoked certificate cannot be restored, so the report offers to accept it alone."""
    decision = decide(declare("two", "two", revoked={"two": "leaked"}), AB)
    assert decision.reason is Reason.DRIFT
    assert decision.remedies == 'To accept it: generation="one".'


@pytest.mark.parametrize("reason", ["", " ", "two\nlines", "x" * 101])
def test_reason_fits_into_a_line(reason: str) -> None:
    """A reason is printed in errors and previews."""
    with pytest.raises(Refused, match="needs a usable reason for generation 'one'") as caught:
        check_reasons({"one": reason}, "revoked")
    assert_three_part_message(str(caught.value))
