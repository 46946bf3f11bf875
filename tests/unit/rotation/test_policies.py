"""The policies of RotationTrigger: what each situation leads to, and how it is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from btp_trust.rotation import policies
from btp_trust.rotation.decision import Action, Decision, Reason
from btp_trust.rotation.declaration import Declaration, OnDrift
from btp_trust.rotation.policies import CREATE_POLICIES, UPDATE_POLICIES, decide
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
    """Declare a generation, with both names recorded unless told otherwise."""
    return Declaration(generation, deployed_generation, **{"recorded_generations": KNOWN, **more})


def new(generation: str, **more: Any) -> Declaration:
    """Declare a generation on a trigger that is to be created."""
    return Declaration(generation, None, **more)


B_LEARNED: dict[str, Any] = {
    "candidate_generations": {"2026-02": B.fingerprint},
    "recorded_generations": {"2026-01": A.fingerprint},
}
ROTATED = declare("2026-02", "2026-02")
RESTORING = replace(ROTATED, on_drift=OnDrift.RESTORE)
MINTING: dict[str, Any] = {"pending_generation": "2026-03"}
PENDING: dict[str, Any] = {
    "pending_generation": "2026-02",
    "candidate_pending": "2026-02",
    "recorded_generations": {"2026-01": A.fingerprint},
}


@pytest.mark.parametrize(
    ("declaration", "seen", "action", "reason"),
    [
        pytest.param(new("2026-01"), A_, Action.RECORD, Reason.BASELINE, id="a new name on creation names what signs"),
        pytest.param(
            new("2026-01", candidate_pending="2026-02", pending_generation="2026-02"),
            A_,
            Action.RECORD,
            Reason.BASELINE,
            id="creating beside a candidate that is minted meanwhile names what signs",
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
            id="creating with the name of a candidate that is not minted yet is refused",
        ),
        pytest.param(new("2026-01"), __, Action.REFUSE, Reason.NO_ACTIVE, id="nothing signs on creation"),
        pytest.param(declare("2026-01"), make_snapshot(None, B), Action.REFUSE, Reason.NO_ACTIVE, id="nothing signs"),
        pytest.param(
            new("x", known_generations={"2026-02": C.fingerprint}, candidate_generations=KNOWN),
            AB,
            Action.REFUSE,
            Reason.REBOUND,
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
        pytest.param(declare("2026-01", "2026-02"), BA, Action.SWAP, Reason.ROLL_BACK, id="an older one: the way back"),
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
            id="drift to a certificate that nobody was shown is not restored",
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
            id="putting back beside a retirement",
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
            id="drift beside a mint is reported",
        ),
        pytest.param(ROTATED, make_snapshot(A, D), Action.WARN, Reason.CERTIFICATE_GONE, id="the declared one is gone"),
        pytest.param(
            RESTORING, make_snapshot(D), Action.WARN, Reason.CERTIFICATE_GONE, id="the gone one cannot be restored"
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
            declare("2026-02", **B_LEARNED, **MINTING),
            AB,
            Action.REFUSE,
            Reason.CANDIDATE_PENDING,
            id="a name learned just now while another one is minted",
        ),
        pytest.param(
            declare("2026-02", **PENDING), A_, Action.REFUSE, Reason.CANDIDATE_PENDING, id="both names in one command"
        ),
        pytest.param(
            declare("2026-02", **MINTING), AB, Action.REFUSE, Reason.CANDIDATE_PENDING, id="a swap beside a mint"
        ),
        pytest.param(
            declare("2026-01", "2026-02", **MINTING),
            BA,
            Action.REFUSE,
            Reason.CANDIDATE_PENDING,
            id="the way back beside a mint",
        ),
        pytest.param(
            replace(RESTORING, pending_generation="2026-03"),
            AB,
            Action.REFUSE,
            Reason.CANDIDATE_PENDING,
            id="putting back beside a mint",
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
            Reason.REBOUND,
            id="a recorded name taught anew",
        ),
        pytest.param(
            declare("2026-01", candidate_generations={"2026-02": C.fingerprint}),
            AB,
            Action.REFUSE,
            Reason.REBOUND,
            id="a recorded name on another candidate",
        ),
    ],
)
def test_a_situation_leads_to_one_decision(
    declaration: Declaration, seen: Snapshot, action: Action, reason: Reason
) -> None:
    """The action and its stable reason; SWAP carries exactly the slots found, and nothing else does."""
    decision = decide(declaration, seen)
    assert (decision.action, decision.reason) == (action, reason)
    assert decision.slots_before == (seen.slots if action is Action.SWAP else None)
    assert_said(decision, seen)


def assert_said(decision: Decision, seen: Snapshot) -> None:
    """A refusal has three parts; a sentence fits into a preview, names both certificates, and ways out follow."""
    if decision.refusal is not None:
        assert_three_part_message(str(decision.refusal))
    elif decision.action is not Action.RECORD:
        assert len(decision.message) <= SHOWN
        assert "\n" not in decision.message
        assert seen.active is not None
        assert seen.active.fingerprint[:8] in decision.message
    assert bool(decision.remedies) == (decision.action in (Action.REPORT, Action.WARN))


@pytest.mark.parametrize(
    ("declaration", "seen", "verb"),
    [
        pytest.param(declare("2026-02"), AB, "rotate: passive bbbbbbbb (2026-02)", id="rotate"),
        pytest.param(declare("2026-01", "2026-02"), BA, "roll back: passive aaaaaaaa (2026-01)", id="roll back"),
        pytest.param(RESTORING, AB, "put back: passive bbbbbbbb (2026-02)", id="put back"),
    ],
)
def test_a_step_says_its_kind_and_both_certificates_with_their_names(
    declaration: Declaration, seen: Snapshot, verb: str
) -> None:
    """Rotate, roll back and put back can be told apart, and from and to are in the sentence."""
    message = decide(declaration, seen).message
    assert message.startswith(verb)
    assert all(name in message for name in KNOWN)
    assert "no target was asked" in message


def test_a_step_names_a_certificate_without_a_name_by_its_fingerprint_alone() -> None:
    """A stranger that signs has no generation."""
    message = decide(declare("2026-02"), make_snapshot(D, B)).message
    assert "active dddddddd becomes passive" in message


@pytest.mark.parametrize(
    ("declaration", "seen", "named"),
    [
        pytest.param(
            new("2026-02", candidate_generations=KNOWN),
            AB,
            [A.fingerprint, B.fingerprint],
            id="creating names what signs and what not",
        ),
        pytest.param(
            declare("2026-02", **B_LEARNED), AB, [B.fingerprint, "known_generations", "2026-01"], id="not prepared"
        ),
        pytest.param(
            declare("2026-02", **MINTING), AB, [A.fingerprint, B.fingerprint, "2026-01", "2026-03"], id="pending"
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
            id="taught anew",
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
        pytest.param(declare("2026-01"), __, ["subaccount", "generate=True"], id="nothing signs"),
    ],
)
def test_a_refusal_names_whole_fingerprints_and_what_to_paste(
    declaration: Declaration, seen: Snapshot, named: list[str]
) -> None:
    """Its reader has to find the certificates elsewhere."""
    assert_three_part_message(str(decide(declaration, seen).refusal), *named)


@pytest.mark.parametrize(
    ("declaration", "prop"),
    [
        pytest.param(declare("2026-02", known_generations={"2026-02": C.fingerprint}), "known_generations", id="known"),
        pytest.param(
            declare("2026-01", candidate_generations={"2026-02": C.fingerprint}), "candidate", id="from the candidate"
        ),
    ],
)
def test_a_refusal_of_a_name_blames_the_argument_that_rebinds_it(declaration: Declaration, prop: str) -> None:
    """The failure in the preview stands at the argument to correct."""
    refusal = decide(declaration, AB).refusal
    assert refusal is not None
    assert refusal.prop == prop


def test_a_drift_to_a_known_certificate_is_accepted_by_its_name() -> None:
    """The ways out: declare the other generation, or restore."""
    remedies = decide(ROTATED, AB).remedies
    assert 'generation="2026-01"' in remedies
    assert 'on_drift="restore"' in remedies
    assert "known_generations" not in remedies


def test_a_drift_to_an_unknown_certificate_is_accepted_by_teaching_it_a_free_name() -> None:
    """The name proposed is the month in which the certificate was made, numbered where that is taken."""
    stranger = make_certificate("d", created_on_day=31)
    taken = {"2026-02": B.fingerprint, "2026-02-2": A.fingerprint}
    remedies = decide(declare("2026-02", "2026-02", recorded_generations=taken), make_snapshot(stranger, B)).remedies
    assert f'generation="2026-02-3", known_generations={{"2026-02-3": "{stranger.fingerprint}"}}' in remedies


@pytest.mark.parametrize("name", ["2026-02", "x"], ids=["under its own name", "under another name"])
def test_the_line_to_paste_for_a_certificate_that_is_gone_leads_to_a_recorded_baseline(name: str) -> None:
    """What the warning proposes ends the warning."""
    gone = declare(name, name, recorded_generations={**KNOWN, "x": C.fingerprint})
    seen = make_snapshot(D, A)
    decision = decide(gone, seen)
    assert decision.action is Action.WARN
    assert 'generation="2026-04", known_generations={"2026-04": "' + D.fingerprint + '"}' in decision.remedies
    accepted = replace(gone, generation="2026-04", known_generations={"2026-04": D.fingerprint})
    assert decide(accepted, seen).reason is Reason.ALREADY_SIGNS


def test_a_gone_certificate_whose_successor_is_known_is_accepted_by_its_known_name() -> None:
    """A name that is taken for what signs is proposed again instead of a new one."""
    assert 'generation="2026-01"' in decide(ROTATED, make_snapshot(A, D)).remedies


def test_a_recorded_name_wins_over_a_candidate_in_what_a_name_means() -> None:
    """Taught and recorded names come first, then what the candidate says; rebinding is refused elsewhere."""
    declaration = Declaration("n", "n", {"n": "1"}, {"m": "2"}, {"n": "3", "k": "4"})
    assert declaration.generations == {"n": "1", "m": "2", "k": "4"}
    assert declaration.eligible_generations == {"n": "1", "m": "2"}


@pytest.mark.parametrize(
    "policy", [*UPDATE_POLICIES, policies.baseline], ids=lambda policy: f"{policy.__name__} has nothing to say"
)
def test_a_policy_that_is_not_concerned_says_nothing(policy: policies.Policy) -> None:
    """Each policy leaves the word to the next one in a situation that is not its own."""
    concerned: dict[policies.Policy, Declaration] = {
        policies.already_signs: declare("2026-02"),
        policies.swap: declare("2026-01"),
    }
    seen = __ if policy in (policies.baseline, policies.swap) else AB
    others = concerned.get(policy, declare("2026-01"))
    assert policy(others, seen) is None


def test_the_policies_of_creation_do_not_contain_the_swap() -> None:
    """Creating a trigger has no way to swap, whatever the order."""
    assert policies.swap not in CREATE_POLICIES


def test_a_refused_creation_says_that_nothing_signs_where_nothing_does() -> None:
    """The policy is true on its own, also where another one speaks first."""
    decision = policies.create_never_swaps(new("x", known_generations={"x": C.fingerprint}), __)
    assert decision is not None
    assert_three_part_message(str(decision.refusal), "that is none", C.fingerprint)


def test_no_policy_swaps_for_a_trigger_that_is_created() -> None:
    """Not the list of policies alone keeps creation from swapping: each policy does."""
    declaration = Declaration("two", None, known_generations={"one": A.fingerprint, "two": B.fingerprint})
    assert policies.swap(declaration, AB) is None


def test_the_swap_itself_objects_to_what_other_policies_refuse() -> None:
    """It is safe without the policies before it."""
    declaration = Declaration(
        "two", "one", recorded_generations={"one": A.fingerprint, "two": B.fingerprint}, pending_generation="three"
    )
    assert policies.swap(declaration, AB) is None
