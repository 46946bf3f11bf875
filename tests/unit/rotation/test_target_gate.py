"""The gate: which answers let a swap pass, what is said of each target, and that it never stands in a way back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from btp_trust.rotation.decision import Action, Decision, Reason
from btp_trust.rotation.declaration import Declaration, OnDrift
from btp_trust.rotation.policies import decide
from btp_trust.rotation.target_gate import PREVIEW_WIDTH
from btp_trust.trusted_by.statements import Attestation, DeferredUpload, TrustStatement
from support.fake_engine import assert_three_part_message, make_certificate, make_snapshot

A, B, D = make_certificate("a"), make_certificate("b", created_on_day=30), make_certificate("d", created_on_day=90)
KNOWN = {"2026-01": A.fingerprint, "2026-02": B.fingerprint}
AB, BA = make_snapshot(A, B), make_snapshot(B, A)
MADE, TODAY, TOMORROW = date(2026, 1, 31), date(2026, 4, 11), date(2026, 4, 12)
UNKNOWN = "a text that stands for what is not known"


def rotate(**targets: TrustStatement) -> Declaration:
    """Declare the younger generation, with these targets."""
    return Declaration("2026-02", "2026-01", recorded_generations=KNOWN, trusted_by=targets)


def roll_back(**targets: TrustStatement) -> Declaration:
    """Declare the older generation again."""
    return Declaration("2026-01", "2026-02", recorded_generations=KNOWN, trusted_by=targets)


def attested(fingerprint: str = B.fingerprint, **more: Any) -> Attestation:
    """Attest that a target trusts the certificate, today."""
    return Attestation(fingerprint, **{"by": "Ada", "on": TODAY, **more})


def said(decision: Decision) -> str:
    """What is said of the target `s4`, in a step or in a refusal."""
    if decision.refusal is None:
        return decision.targets["s4"]
    (line,) = [line for line in decision.refusal.why.splitlines() if line.startswith("  s4: ")]
    return line.removeprefix("  s4: ")


@pytest.mark.parametrize(
    ("told", "reason", "sentence"),
    [
        pytest.param([B.fingerprint], Reason.ROTATE, "yes, observed", id="trusted"),
        pytest.param(sorted(KNOWN.values()), Reason.ROTATE, "yes, observed", id="trusted among others"),
        pytest.param(
            [A.fingerprint],
            Reason.UNTRUSTED,
            "no, it trusts aaaaaaaa (2026-01, expires 2028-01-01), observed",
            id="what signs now is trusted",
        ),
        pytest.param(
            [A.fingerprint, "e" * 64],
            Reason.UNTRUSTED,
            "no, it trusts aaaaaaaa (2026-01, expires 2028-01-01) and eeeeeeee, observed",
            id="others are trusted",
        ),
        pytest.param([], Reason.UNTRUSTED, "no, it trusts no certificate, observed", id="nothing is trusted"),
        pytest.param(
            UNKNOWN,
            Reason.TARGET_PENDING,
            "not known in this preview; what it comes from will change",
            id="not known in this preview",
        ),
        pytest.param(
            attested(), Reason.ROTATE, "yes, attested by Ada on 2026-04-11, not observed", id="attested on this day"
        ),
        pytest.param(
            attested(on=MADE, ticket="T-1"),
            Reason.ROTATE,
            "yes, attested by Ada on 2026-01-31 (T-1), not observed",
            id="attested on the day on which it was made",
        ),
        pytest.param(
            attested(A.fingerprint),
            Reason.UNTRUSTED,
            "no, aaaaaaaa (2026-01, expires 2028-01-01) was attested by Ada on 2026-04-11, not observed",
            id="another one is attested",
        ),
        pytest.param(
            attested(on=TOMORROW),
            Reason.UNTRUSTED,
            "no, attested by Ada on 2026-04-12, not observed; that day is still to come, the service's clock says "
            "2026-04-11T00:00:00Z",
            id="attested tomorrow",
        ),
        pytest.param(
            attested(on=date(2026, 1, 30)),
            Reason.UNTRUSTED,
            "no, attested by Ada on 2026-01-30, not observed; the certificate was made later, at 2026-01-31T00:00:00Z",
            id="attested the day before it was made",
        ),
        pytest.param(
            Attestation(B.fingerprint), Reason.UNTRUSTED, "no, nobody has attested it yet", id="not attested yet"
        ),
        pytest.param(
            DeferredUpload("HR IT"), Reason.ROTATE, "gap expected until HR IT uploads", id="a gap is announced"
        ),
        pytest.param(
            DeferredUpload("HR IT", "HR-1"),
            Reason.ROTATE,
            "gap expected until HR IT uploads (HR-1)",
            id="with a ticket",
        ),
    ],
)
def test_an_answer_lets_a_rotation_pass_or_refuses_it(told: TrustStatement, reason: Reason, sentence: str) -> None:
    """And the target is listed with yes or no, where that comes from, and what it trusts instead."""
    decision = decide(rotate(s4=told), AB)
    assert decision.reason is reason
    assert said(decision) == sentence


def test_a_refusal_names_every_missing_target_and_no_other() -> None:
    """With the whole fingerprint, at the argument to blame, and what to declare until then."""
    declaration = rotate(
        yes=[B.fingerprint], no=[A.fingerprint], late=DeferredUpload("HR IT"), old=attested(A.fingerprint)
    )
    refusal = decide(declaration, AB).refusal
    assert refusal is not None
    assert refusal.prop == "trusted_by"
    assert_three_part_message(
        str(refusal), B.fingerprint, "by old, no.", "  no: no,", "  old: no,", 'generation="2026-01"'
    )
    assert "yes:" not in str(refusal)
    assert "late" not in str(refusal)


def test_targets_that_are_not_known_are_to_be_deployed_first() -> None:
    """Another remedy than for a target that lacks the certificate; where both are the case, the latter comes first."""
    refusal = decide(rotate(s4=UNKNOWN, yes=[B.fingerprint]), AB).refusal
    assert refusal is not None
    assert refusal.prop == "trusted_by"
    assert refusal.remedy.startswith('Deploy the target first: keep generation="2026-01"')
    assert_three_part_message(str(refusal), B.fingerprint, "s4")
    both = decide(rotate(s4=UNKNOWN, no=[]), AB)
    assert both.reason is Reason.UNTRUSTED
    assert both.refusal is not None
    assert_three_part_message(str(both.refusal), "  s4: not known", "  no: no,")


def test_a_certificate_that_no_slot_holds_is_told_with_the_expiry_that_the_target_gave() -> None:
    """Its generation, too, if it has a name."""
    declaration = replace(rotate(s4=["c" * 64]), expiry={"c" * 64: D.not_after}, known_generations={"old": "c" * 64})
    assert said(decide(declaration, AB)) == "no, it trusts cccccccc (old, expires 2028-03-31), observed"


@pytest.mark.parametrize("late", [timedelta(0), timedelta(days=1)], ids=["in that second", "a day ago"])
def test_metadata_whose_time_is_over_is_believed_by_nobody(late: timedelta) -> None:
    """The service's clock tells; the reason and the moment are said, and what to do."""
    until = AB.now - late
    told = replace(rotate(s4=[B.fingerprint]), valid_until={"s4": {B.fingerprint: until}})
    decision = decide(told, AB)
    assert decision.reason is Reason.UNTRUSTED
    was = f"was valid until {until:%Y-%m-%dT%H:%M:%SZ} (validUntil): read it anew"
    assert said(decision) == f"no, the metadata that names it {was}, observed"
    back = replace(roll_back(s4=[A.fingerprint]), valid_until={"s4": {A.fingerprint: until}})
    assert "not trusted by s4." in decide(back, BA).trust_warning


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param({"s4": {B.fingerprint: AB.now + timedelta(seconds=1)}}, id="it is not over yet"),
        pytest.param({"s4": {A.fingerprint: AB.now}}, id="that of another certificate"),
        pytest.param({"ias": {B.fingerprint: AB.now}}, id="that of another target"),
    ],
)
def test_metadata_is_believed_until_its_end(limits: dict[str, dict[str, datetime]]) -> None:
    """And nothing else is held to it."""
    assert said(decide(replace(rotate(s4=[B.fingerprint]), valid_until=limits), AB)) == "yes, observed"


def test_a_step_says_all_answers_in_its_sentence_refusals_first() -> None:
    """Each target with its word and where that comes from; without targets, that none was asked."""
    message = decide(rotate(z=[B.fingerprint], b=attested(), a=DeferredUpload("HR IT")), AB).message
    assert message.endswith("becomes passive; a gap, b yes (attested), z yes (observed)")
    assert decide(rotate(), AB).message.endswith("becomes passive; no target was asked")
    back = decide(roll_back(z=[A.fingerprint], y=UNKNOWN, x=[]), BA).message
    assert back.endswith("; x no (observed), y not known, z yes (observed)")


def test_a_step_with_many_targets_counts_them() -> None:
    """So that a preview shows the sentence to its end; every target has a line besides."""
    targets: dict[str, TrustStatement] = {f"target-{number}": [B.fingerprint] for number in range(20)}
    decision = decide(rotate(**targets, late=DeferredUpload("HR IT"), c4c=attested()), AB)
    assert decision.message.endswith("; targets: 1 gap, 1 yes (attested), 20 yes (observed)")
    assert len(decision.message) <= PREVIEW_WIDTH
    assert len(decision.targets) == 22


@pytest.mark.parametrize(
    ("declaration", "seen", "action"),
    [
        pytest.param(replace(roll_back(s4=[]), rollback_to=A.fingerprint), BA, Action.SWAP, id="to what signed before"),
        pytest.param(replace(roll_back(s4=[]), rollback_to=None), BA, Action.SWAP, id="perhaps: to an older one"),
        pytest.param(
            replace(roll_back(s4=[]), rollback_to=""), BA, Action.REFUSE, id="to an older one that never signed"
        ),
        pytest.param(
            replace(roll_back(s4=[]), rollback_to=D.fingerprint), BA, Action.REFUSE, id="when another one signed before"
        ),
        pytest.param(replace(rotate(s4=[]), rollback_to=B.fingerprint), AB, Action.SWAP, id="to a younger one, again"),
        pytest.param(replace(rotate(s4=[]), rollback_to=None), AB, Action.REFUSE, id="to a younger one"),
        pytest.param(
            replace(rotate(s4=[]), deployed_generation="2026-02", on_drift=OnDrift.RESTORE),
            AB,
            Action.SWAP,
            id="putting back",
        ),
        pytest.param(
            replace(rotate(s4=[]), deployed_generation="2026-02", on_drift=OnDrift.RESTORE, rollback_to=D.fingerprint),
            AB,
            Action.SWAP,
            id="putting back, whatever signed before",
        ),
    ],
)
@pytest.mark.parametrize("told", [[], UNKNOWN], ids=["untrusted", "not known"])
def test_the_gate_is_open_on_the_way_back(
    declaration: Declaration, seen: Any, action: Action, told: TrustStatement
) -> None:
    """What signed before may sign again, with a word about who refuses it."""
    decision = decide(replace(declaration, trusted_by={"s4": told, "z": DeferredUpload("HR IT")}), seen)
    assert decision.action is action
    if action is Action.SWAP:
        assert "not trusted by s4." in decision.trust_warning
        assert str(declaration.declared_fingerprint)[:8] in decision.trust_warning


def test_nobody_is_doubted_where_all_have_answered() -> None:
    """A gap that was announced is no doubt."""
    assert decide(rotate(s4=[B.fingerprint], z=DeferredUpload("HR IT")), AB).trust_warning == ""
    assert decide(rotate(), AB).trust_warning == ""


@pytest.mark.parametrize(
    ("declaration", "seen"),
    [
        pytest.param(replace(rotate(s4=[]), generation="2026-01"), AB, id="the declared one signs"),
        pytest.param(replace(rotate(s4=[]), deployed_generation="2026-02"), AB, id="a drift that is reported"),
        pytest.param(rotate(s4=[]), BA, id="the new one signs already"),
    ],
)
def test_the_gate_is_nobody_s_business_while_no_swap_is_due(declaration: Declaration, seen: Any) -> None:
    """Targets that trust nothing refuse nothing then."""
    decision = decide(declaration, seen)
    assert decision.action in (Action.RECORD, Action.REPORT)
    assert decision.targets == {}
