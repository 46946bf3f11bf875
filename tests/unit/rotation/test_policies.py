"""The policies of RotationTrigger: what each situation leads to, and how it is said."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from btp_trust.rotation import policies
from btp_trust.rotation.decision import Action, Decision, Reason
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.policies import CREATE_POLICIES, UPDATE_POLICIES, decide
from btp_trust.rotation.schema import OnDrift
from btp_trust.snapshot import Snapshot
from support.fake_engine import assert_three_part_message, make_certificate, make_snapshot

A = make_certificate("a")
B = make_certificate("b", created_on_day=30)
C = make_certificate("c", created_on_day=60)
D = make_certificate("d", created_on_day=90)
KNOWN = {"2026-01": A.fingerprint, "2026-02": B.fingerprint}
AB, BA, A_, __ = make_snapshot(A, B), make_snapshot(B, A), make_snapshot(A), make_snapshot(None)
SHOWN = 150
"""Characters of a string that `pulumi preview --diff` shows."""


def declare(generation: str, deployed_generation: str | None = "2026-01", **more: Any) -> Declaration:
    """Declare a generation, with both names recorded by default."""
    return Declaration(
        generation=generation, deployed_generation=deployed_generation, **{"recorded_generations": KNOWN, **more}
    )


def new(generation: str, **more: Any) -> Declaration:
    """Declare a generation on a trigger that is to be created."""
    return Declaration(generation=generation, **more)


B_LEARNED: dict[str, Any] = {
    "candidate_generations": {"2026-02": B.fingerprint},
    "recorded_generations": {"2026-01": A.fingerprint},
}
ROTATED = declare("2026-02", "2026-02")
RESTORING = replace(ROTATED, on_drift=OnDrift.RESTORE)
GENERATING: dict[str, Any] = {"pending_generation": "2026-03"}
PENDING: dict[str, Any] = {
    "pending_generation": "2026-02",
    "candidate_pending": "2026-02",
    "recorded_generations": {"2026-01": A.fingerprint},
}


@pytest.mark.parametrize(
    ("declaration", "reading", "action", "reason"),
    [
        pytest.param(
            new("2026-01"), A_, Action.RECORD, Reason.BASELINE, id="a new name on creation names the active certificate"
        ),
        pytest.param(
            new("2026-01", candidate_pending="2026-02", pending_generation="2026-02"),
            A_,
            Action.RECORD,
            Reason.BASELINE,
            id="creating beside a pending candidate names the active certificate",
        ),
        pytest.param(
            new("2026-02", candidate_generations=KNOWN),
            BA,
            Action.RECORD,
            Reason.ALREADY_SIGNS,
            id="creating with the candidate's name records it where it signs",
        ),
        pytest.param(
            new("2026-02", known_generations=KNOWN),
            BA,
            Action.RECORD,
            Reason.ALREADY_SIGNS,
            id="creating with a taught name records it where it signs",
        ),
        pytest.param(
            new("2026-02", candidate_generations=KNOWN),
            AB,
            Action.REFUSE,
            Reason.CREATE_NEVER_SWAPS,
            id="creating with a passive candidate's name is refused",
        ),
        pytest.param(
            new("2026-02", known_generations=KNOWN),
            AB,
            Action.REFUSE,
            Reason.CREATE_NEVER_SWAPS,
            id="creating with a taught name of the passive certificate is refused",
        ),
        pytest.param(
            new("2026-02", known_generations={"2026-02": D.fingerprint}),
            AB,
            Action.REFUSE,
            Reason.CREATE_NEVER_SWAPS,
            id="creating with a name of a certificate in no slot is refused",
        ),
        pytest.param(
            new("2026-02", candidate_pending="2026-02", pending_generation="2026-02"),
            A_,
            Action.REFUSE,
            Reason.CANDIDATE_PENDING,
            id="creating with the name of a pending candidate is refused",
        ),
        pytest.param(new("2026-01"), __, Action.REFUSE, Reason.NO_ACTIVE, id="an empty active slot on creation"),
        pytest.param(
            declare("2026-01"), make_snapshot(None, B), Action.REFUSE, Reason.NO_ACTIVE, id="an empty active slot"
        ),
        pytest.param(
            new("x", known_generations={"2026-02": C.fingerprint}, candidate_generations=KNOWN),
            AB,
            Action.REFUSE,
            Reason.NAME_BOUND_OTHERWISE,
            id="taught and candidate disagree on creation",
        ),
        pytest.param(declare("2026-01"), AB, Action.RECORD, Reason.ALREADY_SIGNS, id="the declared one signs"),
        pytest.param(
            declare("2026-02", "2026-01"), BA, Action.RECORD, Reason.ALREADY_SIGNS, id="the new one signs already"
        ),
        pytest.param(
            replace(declare("2026-01"), candidate_pending="2026-03", pending_generation="2026-03"),
            AB,
            Action.RECORD,
            Reason.ALREADY_SIGNS,
            id="preparing alone plans nothing",
        ),
        pytest.param(declare("2026-02"), AB, Action.SWAP, Reason.ROTATE, id="a younger one that was prepared"),
        pytest.param(
            declare("2026-01", "2026-02", rollback_to=A.fingerprint),
            BA,
            Action.SWAP,
            Reason.ROLL_BACK,
            id="the signer before is a rollback",
        ),
        pytest.param(
            declare("2026-01", "2026-02"), BA, Action.SWAP, Reason.ROTATE, id="an older one that never signed"
        ),
        pytest.param(
            declare("2026-02", rollback_to=B.fingerprint),
            AB,
            Action.SWAP,
            Reason.ROTATE,
            id="a younger one once more, after its rollback",
        ),
        pytest.param(
            declare(
                "2026-02", known_generations={"2026-02": B.fingerprint}, recorded_generations={"2026-01": A.fingerprint}
            ),
            AB,
            Action.SWAP,
            Reason.ROTATE,
            id="a name taught in the same command",
        ),
        pytest.param(RESTORING, AB, Action.SWAP, Reason.RESTORE, id="drift that is to be restored"),
        pytest.param(ROTATED, AB, Action.REPORT, Reason.DRIFT, id="drift"),
        pytest.param(
            RESTORING,
            make_snapshot(D, B),
            Action.REPORT,
            Reason.DRIFT,
            id="drift to a certificate that was in no preview is reported",
        ),
        pytest.param(
            declare("2026-02", candidate_removed=True),
            AB,
            Action.REFUSE,
            Reason.CANDIDATE_REMOVED,
            id="a swap beside a retirement",
        ),
        pytest.param(
            replace(RESTORING, candidate_removed=True),
            AB,
            Action.REFUSE,
            Reason.CANDIDATE_REMOVED,
            id="restoring beside a retirement",
        ),
        pytest.param(
            declare("2026-01", candidate_removed=True),
            AB,
            Action.RECORD,
            Reason.ALREADY_SIGNS,
            id="a retirement alone",
        ),
        pytest.param(
            declare("2026-01", "2026-01"),
            make_snapshot(D, A),
            Action.REPORT,
            Reason.DRIFT,
            id="drift to a certificate that has no name",
        ),
        pytest.param(
            replace(ROTATED, pending_generation="2026-03"),
            AB,
            Action.REPORT,
            Reason.DRIFT,
            id="drift beside a generation is reported",
        ),
        pytest.param(ROTATED, make_snapshot(A, D), Action.WARN, Reason.CERTIFICATE_GONE, id="the declared one is gone"),
        pytest.param(
            RESTORING, make_snapshot(D), Action.WARN, Reason.CERTIFICATE_GONE, id="restoring the one that is gone"
        ),
        pytest.param(
            declare("2026-02"),
            make_snapshot(A, D),
            Action.REFUSE,
            Reason.CERTIFICATE_GONE,
            id="the newly declared one is gone",
        ),
        pytest.param(declare("2031-01"), AB, Action.REFUSE, Reason.UNKNOWN_GENERATION, id="an unknown name"),
        pytest.param(
            declare("2026-02", **B_LEARNED), AB, Action.REFUSE, Reason.NOT_PREPARED, id="a name learned just now"
        ),
        pytest.param(
            declare("2026-02", **B_LEARNED, **GENERATING),
            AB,
            Action.REFUSE,
            Reason.CANDIDATE_PENDING,
            id="a name learned just now while another one is generated",
        ),
        pytest.param(
            declare("2026-02", **PENDING), A_, Action.REFUSE, Reason.CANDIDATE_PENDING, id="both names in one command"
        ),
        pytest.param(
            declare("2026-02", **GENERATING),
            AB,
            Action.REFUSE,
            Reason.CANDIDATE_PENDING,
            id="a swap beside a generation",
        ),
        pytest.param(
            declare("2026-01", "2026-02", **GENERATING),
            BA,
            Action.REFUSE,
            Reason.CANDIDATE_PENDING,
            id="a rollback beside a generation",
        ),
        pytest.param(
            replace(RESTORING, pending_generation="2026-03"),
            AB,
            Action.REFUSE,
            Reason.CANDIDATE_PENDING,
            id="restoring beside a generation",
        ),
        pytest.param(
            declare("2026-02"),
            make_snapshot(A, B, day=30 + 730),
            Action.REFUSE,
            Reason.EXPIRED,
            id="expired in this second",
        ),
        pytest.param(RESTORING, make_snapshot(A, B, day=2000), Action.REFUSE, Reason.EXPIRED, id="expired long ago"),
        pytest.param(
            declare("2026-02"), make_snapshot(A, B, day=30), Action.SWAP, Reason.ROTATE, id="valid from this second on"
        ),
        pytest.param(
            declare("2026-02"), make_snapshot(A, B, day=29), Action.REFUSE, Reason.NOT_YET_VALID, id="too early"
        ),
        pytest.param(
            declare("2026-02", known_generations={"2026-02": C.fingerprint}),
            AB,
            Action.REFUSE,
            Reason.NAME_BOUND_OTHERWISE,
            id="a recorded name for another certificate",
        ),
        pytest.param(
            declare("2026-01", candidate_generations={"2026-02": C.fingerprint}),
            AB,
            Action.REFUSE,
            Reason.NAME_BOUND_OTHERWISE,
            id="a recorded name on another candidate",
        ),
    ],
)
def test_situation_leads_to_one_decision(
    declaration: Declaration, reading: Snapshot, action: Action, reason: Reason
) -> None:
    """Each situation has one action with a stable reason; SWAP alone carries slots, exactly those in the snapshot."""
    decision = decide(declaration, reading)
    assert (decision.action, decision.reason) == (action, reason)
    assert decision.slots_before == (reading.slots if action is Action.SWAP else None)
    assert_message(decision, reading)


def assert_message(decision: Decision, reading: Snapshot) -> None:
    """A refusal has three parts; a sentence fits into a preview, names the signer, and remedies follow it."""
    if decision.refusal is not None:
        assert_three_part_message(str(decision.refusal))
    elif decision.action is not Action.RECORD:
        assert len(decision.message) <= SHOWN
        assert "\n" not in decision.message
        assert reading.active is not None
        assert reading.active.fingerprint[:8] in decision.message
    assert bool(decision.remedies) == (decision.action in (Action.REPORT, Action.WARN))


@pytest.mark.parametrize(
    ("declaration", "reading", "verb"),
    [
        pytest.param(declare("2026-02"), AB, "rotate: passive bbbbbbbb (2026-02)", id="rotate"),
        pytest.param(
            declare("2026-01", "2026-02", rollback_to=A.fingerprint),
            BA,
            "roll back: passive aaaaaaaa (2026-01)",
            id="roll back",
        ),
        pytest.param(RESTORING, AB, "restore: passive bbbbbbbb (2026-02)", id="restore"),
    ],
)
def test_step_names_verb_and_certificates(declaration: Declaration, reading: Snapshot, verb: str) -> None:
    """The sentence of a step tells rotate, roll back and restore apart, and names both certificates."""
    message = decide(declaration, reading).message
    assert message.startswith(verb)
    assert all(name in message for name in KNOWN)
    assert "no target was asked" in message


def test_step_shows_unnamed_certificate_by_fingerprint() -> None:
    """A certificate that this stack did not create has a fingerprint and no generation."""
    message = decide(declare("2026-02"), make_snapshot(D, B)).message
    assert "active dddddddd becomes passive" in message


@pytest.mark.parametrize(
    ("declaration", "reading", "named"),
    [
        pytest.param(
            new("2026-02", candidate_generations=KNOWN),
            AB,
            [A.fingerprint, B.fingerprint],
            id="creating names both certificates",
        ),
        pytest.param(
            declare("2026-02", **B_LEARNED), AB, [B.fingerprint, "known_generations", "2026-01"], id="not prepared"
        ),
        pytest.param(
            declare("2026-02", **GENERATING), AB, [A.fingerprint, B.fingerprint, "2026-01", "2026-03"], id="pending"
        ),
        pytest.param(
            declare("2026-02"),
            make_snapshot(A, D),
            [A.fingerprint, B.fingerprint, D.fingerprint, "known_generations"],
            id="in no slot",
        ),
        pytest.param(
            declare("2026-02", known_generations={"2026-02": C.fingerprint}),
            AB,
            [B.fingerprint, C.fingerprint, "known_generations", "2026-02-2"],
            id="taught again",
        ),
        pytest.param(
            declare("2031-01"), AB, [A.fingerprint, B.fingerprint, *KNOWN, "known_generations"], id="unknown name"
        ),
        pytest.param(
            declare("2026-02"), make_snapshot(A, B, day=2000), [B.fingerprint, "2028-01-31T00:00:00Z"], id="expired"
        ),
        pytest.param(
            declare("2026-02"), make_snapshot(A, B, day=29), [B.fingerprint, "2026-01-31T00:00:00Z"], id="too early"
        ),
        pytest.param(declare("2026-01"), __, ["subaccount", "generate=True"], id="an empty active slot"),
    ],
)
def test_refusal_names_whole_fingerprints(declaration: Declaration, reading: Snapshot, named: list[str]) -> None:
    """A refusal has whole fingerprints, which its reader has to find elsewhere, and the arguments to paste."""
    assert_three_part_message(str(decide(declaration, reading).refusal), *named)


@pytest.mark.parametrize(
    ("declaration", "prop"),
    [
        pytest.param(declare("2026-02", known_generations={"2026-02": C.fingerprint}), "known_generations", id="known"),
        pytest.param(
            declare("2026-01", candidate_generations={"2026-02": C.fingerprint}), "candidate", id="from the candidate"
        ),
    ],
)
def test_rebinding_argument_is_blamed(declaration: Declaration, prop: str) -> None:
    """The failure in the preview is that of the argument to correct."""
    refusal = decide(declaration, AB).refusal
    assert refusal is not None
    assert refusal.prop == prop


def test_known_signer_is_accepted_by_name() -> None:
    """The remedies of a drift: declare the other generation, or restore."""
    remedies = decide(ROTATED, AB).remedies
    assert 'generation="2026-01"' in remedies
    assert 'on_drift="restore"' in remedies
    assert "known_generations" not in remedies


def test_unknown_signer_gets_a_free_name() -> None:
    """The proposed name is the month of the certificate's first day, numbered where that is taken."""
    unnamed = make_certificate("d", created_on_day=31)
    taken = {"2026-02": B.fingerprint, "2026-02-2": A.fingerprint}
    remedies = decide(declare("2026-02", "2026-02", recorded_generations=taken), make_snapshot(unnamed, B)).remedies
    assert f'generation="2026-02-3", known_generations={{"2026-02-3": "{unnamed.fingerprint}"}}' in remedies


@pytest.mark.parametrize("name", ["2026-02", "x"], ids=["under its own name", "under another name"])
def test_pasted_line_ends_the_warning(name: str) -> None:
    """The arguments that the warning proposes lead to a recorded signer."""
    gone = declare(name, name, recorded_generations={**KNOWN, "x": C.fingerprint})
    reading = make_snapshot(D, A)
    decision = decide(gone, reading)
    assert decision.action is Action.WARN
    assert 'generation="2026-04", known_generations={"2026-04": "' + D.fingerprint + '"}' in decision.remedies
    accepted = replace(gone, generation="2026-04", known_generations={"2026-04": D.fingerprint})
    assert decide(accepted, reading).reason is Reason.ALREADY_SIGNS


def test_known_successor_keeps_its_name() -> None:
    """A name that the active certificate has already is proposed instead of a new one."""
    assert 'generation="2026-01"' in decide(ROTATED, make_snapshot(A, D)).remedies


def test_recorded_name_wins_over_candidate() -> None:
    """Recorded and known names come before those of the candidate; a rebinding is refused elsewhere."""
    declaration = Declaration(
        generation="n",
        deployed_generation="n",
        recorded_generations={"n": "1"},
        known_generations={"m": "2"},
        candidate_generations={"n": "3", "k": "4"},
    )
    assert declaration.generations == {"n": "1", "m": "2", "k": "4"}
    assert declaration.eligible_generations == {"n": "1", "m": "2"}


@pytest.mark.parametrize(
    "policy", [*UPDATE_POLICIES, policies.record_first_signer], ids=lambda policy: f"{policy.__name__} is unconcerned"
)
def test_unconcerned_policy_returns_none(policy: policies.Policy) -> None:
    """Each policy leaves the decision to the next one in a situation that is another policy's."""
    concerned: dict[policies.Policy, Declaration] = {
        policies.already_signs: declare("2026-02"),
        policies.swap: declare("2026-01"),
    }
    reading = __ if policy in (policies.record_first_signer, policies.swap) else AB
    others = concerned.get(policy, declare("2026-01"))
    assert policy(others, reading) is None


def test_create_policies_lack_swap() -> None:
    """The policies of a creation lack the swap, so that it is impossible in any order."""
    assert policies.swap not in CREATE_POLICIES


def test_create_refusal_names_empty_slot() -> None:
    """The policy states the empty active slot also where another policy decides first."""
    decision = policies.create_never_swaps(new("x", known_generations={"x": C.fingerprint}), __)
    assert decision is not None
    assert_three_part_message(str(decision.refusal), "that is none", C.fingerprint)


def test_swap_refuses_a_created_trigger() -> None:
    """The policy itself keeps a creation from swapping, besides the tuple of policies."""
    declaration = Declaration(generation="two", known_generations={"one": A.fingerprint, "two": B.fingerprint})
    assert policies.swap(declaration, AB) is None


def test_swap_asks_the_other_policies() -> None:
    """The swap is safe by itself: it asks all policies that come before it."""
    declaration = Declaration(
        generation="two",
        deployed_generation="one",
        recorded_generations={"one": A.fingerprint, "two": B.fingerprint},
        pending_generation="three",
    )
    assert policies.swap(declaration, AB) is None
