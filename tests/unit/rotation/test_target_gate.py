"""The target gate: which statements let a swap pass, how each target is described, and that rollbacks pass."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from btp_trust.formatting import PREVIEW_WIDTH
from btp_trust.rotation.decision import Action, Decision, Reason
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.policies import decide
from btp_trust.rotation.schema import OnDrift
from btp_trust.rotation.switchover.schema import Switch
from btp_trust.trusted_by.statements import (
    Attestation,
    DeferredUpload,
    Observation,
    TrustStatement,
    recorded_as_unknown,
    with_earlier_certificates,
)
from support.fake_engine import assert_three_part_message, make_certificate, make_snapshot

A, B, D = make_certificate("a"), make_certificate("b", created_on_day=30), make_certificate("d", created_on_day=90)
KNOWN = {"2026-01": A.fingerprint, "2026-02": B.fingerprint}
AB, BA = make_snapshot(A, B), make_snapshot(B, A)
MADE, TODAY, TOMORROW = "2026-01-31", "2026-04-11", "2026-04-12"
UNKNOWN = "a text that stands for an unknown value"
PENDING = "not known in this preview; its source will change"
TRUSTS, LACKS, DOUBTED = "yes, ", "no, ", "not known, "
"""How the sentence about a target begins."""
ATTESTED = "attested by Ada on {}, not observed"


def rotate(**targets: TrustStatement) -> Declaration:
    """Declare the younger generation, with these targets."""
    return Declaration(
        generation="2026-02", deployed_generation="2026-01", recorded_generations=KNOWN, trusted_by=targets
    )


def roll_back(**targets: TrustStatement) -> Declaration:
    """Declare the older generation again."""
    return Declaration(
        generation="2026-01",
        deployed_generation="2026-02",
        recorded_generations=KNOWN,
        trusted_by=targets,
        rollback_to=A.fingerprint,
    )


def attested(fingerprint: str = B.fingerprint, **more: Any) -> Attestation:
    """Attest that a target trusts the certificate, today."""
    return Attestation.of([fingerprint], **{"by": "Ada", "on": TODAY, **more})


def sentence_of(decision: Decision) -> str:
    """Return the sentence about the target `s4`, in a step or in a refusal."""
    if decision.refusal is None:
        return decision.targets["s4"]
    (line,) = [line for line in decision.refusal.why.splitlines() if line.startswith("  s4: ")]
    return line.removeprefix("  s4: ")


@pytest.mark.parametrize(
    ("statement", "reason", "sentence"),
    [
        pytest.param(Observation.of(B.fingerprint), Reason.ROTATE, TRUSTS + "observed", id="trusted"),
        pytest.param(Observation.of(*KNOWN.values()), Reason.ROTATE, TRUSTS + "observed", id="trusted among others"),
        pytest.param(
            Observation.of(A.fingerprint),
            Reason.UNTRUSTED,
            LACKS + "it trusts aaaaaaaa (2026-01, expires 2028-01-01), observed",
            id="the active certificate is trusted",
        ),
        pytest.param(
            Observation.of(A.fingerprint, "e" * 64),
            Reason.UNTRUSTED,
            LACKS + "it trusts aaaaaaaa (2026-01, expires 2028-01-01) and eeeeeeee, observed",
            id="others are trusted",
        ),
        pytest.param(
            Observation(dict.fromkeys(("e" * 64, A.fingerprint), "trusted")),
            Reason.UNTRUSTED,
            LACKS + "it trusts aaaaaaaa (2026-01, expires 2028-01-01) and eeeeeeee, observed",
            id="others are trusted, as the engine orders them",
        ),
        pytest.param(
            Observation.of(), Reason.UNTRUSTED, LACKS + "it trusts no certificate, observed", id="an empty list"
        ),
        pytest.param(
            UNKNOWN,
            Reason.TARGET_PENDING,
            PENDING,
            id="unknown in this preview",
        ),
        pytest.param(
            Observation(recorded_as_unknown(Observation.of(*KNOWN.values()))),
            Reason.TARGET_PENDING,
            PENDING,
            id="unknown in this preview, recorded as trusted",
        ),
        pytest.param(attested(), Reason.ROTATE, TRUSTS + ATTESTED.format("2026-04-11"), id="attested on this day"),
        pytest.param(
            attested(on=MADE, ticket="T-1"),
            Reason.ROTATE,
            TRUSTS + ATTESTED.format("2026-01-31 (T-1)"),
            id="attested on the day on which it was made",
        ),
        pytest.param(
            attested(A.fingerprint),
            Reason.UNTRUSTED,
            DOUBTED + f"aaaaaaaa (2026-01, expires 2028-01-01) was {ATTESTED.format('2026-04-11')}",
            id="another one is attested",
        ),
        pytest.param(
            attested(on=TOMORROW),
            Reason.UNTRUSTED,
            DOUBTED + ATTESTED.format("2026-04-12") + "; that is still to come by the service's clock",
            id="attested tomorrow",
        ),
        pytest.param(
            attested(on="2026-01-30"),
            Reason.UNTRUSTED,
            DOUBTED + ATTESTED.format("2026-01-30") + "; the certificate was made later, at 2026-01-31T00:00:00Z",
            id="attested the day before it was made",
        ),
        pytest.param(
            Attestation.of([B.fingerprint]),
            Reason.UNTRUSTED,
            DOUBTED + "still to be attested",
            id="still to be attested",
        ),
        pytest.param(
            replace(attested(), certificates=recorded_as_unknown(attested())),
            Reason.TARGET_PENDING,
            PENDING,
            id="it is unknown what is attested",
        ),
        pytest.param(
            with_earlier_certificates(attested(A.fingerprint), attested()),
            Reason.UNTRUSTED,
            DOUBTED + f"aaaaaaaa (2026-01, expires 2028-01-01) was {ATTESTED.format('2026-04-11')}",
            id="attested then",
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
def test_statement_decides_a_rotation(statement: TrustStatement, reason: Reason, sentence: str) -> None:
    """A target's statement lets a rotation pass or refuses it, and the target is listed with its source."""
    decision = decide(rotate(s4=statement), AB)
    assert decision.reason is reason
    assert sentence_of(decision) == sentence


def test_refusal_names_all_lacking_targets() -> None:
    """The refusal names exactly the targets that lack the certificate, and what to declare until then."""
    declaration = rotate(
        trusting=Observation.of(B.fingerprint),
        lacking=Observation.of(A.fingerprint),
        late=DeferredUpload("HR IT"),
        old=attested(A.fingerprint),
    )
    refusal = decide(declaration, AB).refusal
    assert refusal is not None
    assert refusal.prop == "trusted_by"
    assert_three_part_message(
        str(refusal),
        B.fingerprint,
        "is not trusted by lacking, and not known to be trusted by old.",
        "From the swap on those that lack it would reject every user:",
        f"  lacking: {LACKS}",
        f"  old: {DOUBTED}",
        "let its owners attest",
        'generation="2026-01"',
    )
    assert "trusting:" not in str(refusal)
    assert "late" not in str(refusal)


def test_unknown_targets_are_deployed_first() -> None:
    """An unknown statement has its own remedy; a target that lacks the certificate comes before it."""
    refusal = decide(rotate(s4=UNKNOWN, yes=Observation.of(B.fingerprint)), AB).refusal
    assert refusal is not None
    assert refusal.prop == "trusted_by"
    assert refusal.remedy.startswith('Deploy the target first: keep generation="2026-01"')
    assert_three_part_message(str(refusal), B.fingerprint, "s4")
    both = decide(rotate(s4=UNKNOWN, lacking=Observation.of()), AB)
    assert both.reason is Reason.UNTRUSTED
    assert both.refusal is not None
    assert_three_part_message(str(both.refusal), "  s4: not known", f"  lacking: {LACKS}")


def test_foreign_certificate_shows_its_expiry() -> None:
    """A certificate outside the slots is described by the target's own copy, and by its generation if it has one."""
    declaration = replace(
        rotate(s4=Observation.of("c" * 64)), expiry={"c" * 64: D.not_after}, known_generations={"old": "c" * 64}
    )
    assert sentence_of(decide(declaration, AB)) == LACKS + "it trusts cccccccc (old, expires 2028-03-31), observed"


@pytest.mark.parametrize("late", [timedelta(0), timedelta(days=1)], ids=["in that second", "a day ago"])
def test_expired_metadata_counts_as_untrusted(late: timedelta) -> None:
    """By the service's clock, expired metadata counts as absent; the sentence has the moment and the remedy."""
    until = AB.now - late
    declaration = replace(rotate(s4=Observation.of(B.fingerprint)), valid_until={"s4": {B.fingerprint: until}})
    decision = decide(declaration, AB)
    assert decision.reason is Reason.UNTRUSTED
    was = f"was valid until {until:%Y-%m-%dT%H:%M:%SZ} (validUntil): read it again"
    assert sentence_of(decision) == LACKS + f"the metadata that names it {was}, observed"
    back = replace(roll_back(s4=Observation.of(A.fingerprint)), valid_until={"s4": {A.fingerprint: until}})
    assert "not trusted by s4." in decide(back, BA).trust_warning


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param({"s4": {B.fingerprint: AB.now + timedelta(seconds=1)}}, id="its end is to come"),
        pytest.param({"s4": {A.fingerprint: AB.now}}, id="that of another certificate"),
        pytest.param({"ias": {B.fingerprint: AB.now}}, id="that of another target"),
    ],
)
def test_valid_metadata_counts_as_trusted(limits: dict[str, dict[str, datetime]]) -> None:
    """Only the end of the metadata that names this certificate for this target matters."""
    assert (
        sentence_of(decide(replace(rotate(s4=Observation.of(B.fingerprint)), valid_until=limits), AB))
        == TRUSTS + "observed"
    )


def test_step_lists_statuses_refusals_first() -> None:
    """A step lists each target with its status and source; an empty list is stated, and the systems in switches."""
    message = decide(rotate(z=Observation.of(B.fingerprint), b=attested(), a=DeferredUpload("HR IT")), AB).message
    assert message.endswith("becomes passive; a gap, b yes (attested), z yes (observed)")
    assert decide(rotate(), AB).message.endswith("becomes passive; no target was asked")
    systems = [Switch(connection="erp", system=system) for system in ("A", "B")]
    for switches, counted in ((systems[:1], "1 system"), (systems, "2 systems")):
        step = decide(replace(rotate(), switches=switches), AB).message
        assert step.endswith(f"becomes passive; {counted} in switches, no other target was asked")
    back = decide(roll_back(z=Observation.of(A.fingerprint), y=UNKNOWN, x=Observation.of()), BA).message
    assert back.endswith("; x no (observed), y not known yet, z yes (observed)")


def test_step_counts_many_targets() -> None:
    """Many targets are counted, so that a preview shows the whole sentence; each has a line besides."""
    targets: dict[str, TrustStatement] = {f"target-{number}": Observation.of(B.fingerprint) for number in range(20)}
    decision = decide(rotate(**targets, late=DeferredUpload("HR IT"), c4c=attested()), AB)
    assert decision.message.endswith("; targets: 1 gap, 1 yes (attested), 20 yes (observed)")
    assert len(decision.message) <= PREVIEW_WIDTH
    assert len(decision.targets) == 22


@pytest.mark.parametrize(
    ("declaration", "reading", "action"),
    [
        pytest.param(roll_back(s4=Observation.of()), BA, Action.SWAP, id="to the previous signer"),
        pytest.param(
            replace(roll_back(s4=Observation.of()), rollback_to=None), BA, Action.REFUSE, id="to an older, unused one"
        ),
        pytest.param(
            replace(roll_back(s4=Observation.of()), rollback_to=D.fingerprint),
            BA,
            Action.REFUSE,
            id="when another one signed before",
        ),
        pytest.param(
            replace(rotate(s4=Observation.of()), rollback_to=B.fingerprint),
            AB,
            Action.SWAP,
            id="to a younger one, again",
        ),
        pytest.param(replace(rotate(s4=Observation.of()), rollback_to=None), AB, Action.REFUSE, id="to a younger one"),
        pytest.param(
            replace(rotate(s4=Observation.of()), deployed_generation="2026-02", on_drift=OnDrift.RESTORE),
            AB,
            Action.SWAP,
            id="restoring",
        ),
        pytest.param(
            replace(
                rotate(s4=Observation.of()),
                deployed_generation="2026-02",
                on_drift=OnDrift.RESTORE,
                rollback_to=D.fingerprint,
            ),
            AB,
            Action.SWAP,
            id="restoring, with another previous signer",
        ),
    ],
)
@pytest.mark.parametrize("statement", [Observation.of(), UNKNOWN], ids=["untrusted", "unknown"])
def test_rollback_passes_the_gate(
    declaration: Declaration, reading: Any, action: Action, statement: TrustStatement
) -> None:
    """A certificate that signed before may sign again, with a warning about the targets that lack it."""
    decision = decide(replace(declaration, trusted_by={"s4": statement, "z": DeferredUpload("HR IT")}), reading)
    assert decision.action is action
    if action is Action.SWAP:
        words = (
            "is not trusted by s4. These targets reject" if statement == Observation.of() else "Whether s4 still trusts"
        )
        assert words in decision.trust_warning
        assert str(declaration.declared_fingerprint)[:8] in decision.trust_warning


def test_trusting_targets_cause_no_warning() -> None:
    """Targets that trust the certificate, or whose gap is announced, pass in silence."""
    assert decide(rotate(s4=Observation.of(B.fingerprint), z=DeferredUpload("HR IT")), AB).trust_warning == ""
    assert decide(rotate(), AB).trust_warning == ""


@pytest.mark.parametrize(
    ("declaration", "reading"),
    [
        pytest.param(replace(rotate(s4=Observation.of()), generation="2026-01"), AB, id="the declared one signs"),
        pytest.param(
            replace(rotate(s4=Observation.of()), deployed_generation="2026-02"), AB, id="a drift that is reported"
        ),
        pytest.param(rotate(s4=Observation.of()), BA, id="the new one signs already"),
    ],
)
def test_gate_waits_for_a_swap(declaration: Declaration, reading: Any) -> None:
    """Targets that lack the certificate refuse only a swap."""
    decision = decide(declaration, reading)
    assert decision.action in (Action.RECORD, Action.REPORT)
    assert decision.targets == {}
