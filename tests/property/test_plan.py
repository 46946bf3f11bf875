"""The plan, for every state of the slots and every declaration: it converges, it rests, and no order is unsafe."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from btp_trust.certificate import Certificate
from btp_trust.errors import Refused
from btp_trust.passive import plan
from btp_trust.rotation.decision import Action, Decision
from btp_trust.rotation.declaration import Declaration, OnDrift
from btp_trust.rotation.policies import CREATE_POLICIES, UPDATE_POLICIES, Policy, decide
from btp_trust.snapshot import Snapshot
from btp_trust.trusted_by.statements import Attestation, DeferredUpload, TrustStatement
from support.fake_engine import assert_three_part_message, make_certificate, make_snapshot

POOL = (
    make_certificate("a"),
    make_certificate("b", created_on_day=30),
    make_certificate("c", created_on_day=60, valid_days=60),
    make_certificate("d", created_on_day=60),
)
NAMES = ("one", "two", "three")

certificates = st.sampled_from(POOL)
slot = st.none() | certificates
filled = st.builds(make_snapshot, certificates, slot, day=st.integers(0, 800))
anything = st.builds(make_snapshot, slot, slot, day=st.integers(0, 800))
names = st.sampled_from(NAMES)
fingerprints = certificates.map(lambda each: each.fingerprint)
bindings = st.dictionaries(names, fingerprints, max_size=3)
drifting = st.sampled_from(OnDrift)
days = st.integers(0, 900).map(lambda day: make_snapshot(None, day=day).now.date())
told: st.SearchStrategy[TrustStatement] = st.one_of(
    st.lists(fingerprints, max_size=3),
    st.builds(Attestation, fingerprints, st.just("Ada"), days),
    st.builds(Attestation, fingerprints),
    st.builds(DeferredUpload, st.just("HR IT")),
    st.just("a text that stands for what is not known"),
)
targets = st.dictionaries(st.sampled_from(["s4", "c4c"]), told, max_size=2)
last_signer = st.none() | st.just("") | fingerprints


def day_of(moment: datetime) -> int:
    """Count the days since 2026 began."""
    return (moment - POOL[0].not_before).days


@st.composite
def swappable(
    draw: st.DrawFn, deployed_generation: st.SearchStrategy[str | None] = names
) -> tuple[Declaration, Snapshot]:
    """Draw a declaration and slots that make a swap, unless it is a drift that is only reported."""
    active, passive_, *_ = draw(st.permutations(POOL))
    day = draw(st.integers(day_of(passive_.not_before), day_of(passive_.not_after) - 1))
    known = draw(st.fixed_dictionaries(dict.fromkeys(NAMES, fingerprints)))
    generation = draw(names)
    known[generation] = passive_.fingerprint
    recorded_generations, known_generations = draw(st.sampled_from([(known, {}), ({}, known), (known, known)]))
    trusting = draw(st.dictionaries(st.sampled_from(["sf", "ias"]), st.just([passive_.fingerprint])))
    declaration = Declaration(
        generation,
        draw(deployed_generation),
        recorded_generations,
        known_generations,
        on_drift=draw(drifting),
        trusted_by=trusting,
    )
    return declaration, make_snapshot(active, passive_, day=day)


DECLARED: dict[str, st.SearchStrategy[Any]] = {
    "recorded_generations": bindings,
    "known_generations": bindings,
    "candidate_generations": bindings,
    "candidate_pending": names,
    "pending_generation": names,
    "candidate_removed": st.booleans(),
    "generation": names,
    "trusted_by": targets,
    "gate": st.tuples(targets, last_signer),
}
SEEN: dict[str, st.SearchStrategy[Any]] = {
    "active": slot,
    "passive": slot,
    "now": st.integers(0, 800).map(lambda day: make_snapshot(None, day=day).now),
}
WRONG: dict[str, st.SearchStrategy[Any]] = {
    **DECLARED,
    **SEEN,
    "edge": st.booleans(),
    "twice": st.none(),
    "learned only": st.none(),
}
one_wrong = st.sampled_from(sorted(WRONG)).flatmap(lambda name: st.fixed_dictionaries({name: WRONG[name]}))
some_wrong = st.fixed_dictionaries({}, optional=WRONG)


@st.composite
def situations(
    draw: st.DrawFn, deployed_generation: st.SearchStrategy[str | None] = names
) -> tuple[Declaration, Snapshot]:
    """Draw a swap in which often exactly one thing is changed, sometimes none or many: each guard has to count."""
    declaration, seen = draw(swappable(deployed_generation))
    wrong = draw(one_wrong | one_wrong | some_wrong)
    if "edge" in wrong and seen.passive is not None:
        seen = replace(seen, now=seen.passive.not_after if wrong["edge"] else seen.passive.not_before)
    if "gate" in wrong:
        trusted_by, rollback_to = wrong["gate"]
        declaration = replace(declaration, trusted_by=trusted_by, rollback_to=rollback_to)
    if "twice" in wrong:
        seen = replace(seen, active=seen.passive)
    if "learned only" in wrong:
        declaration = replace(
            declaration, candidate_generations=declaration.generations, recorded_generations={}, known_generations={}
        )
    return (
        replace(declaration, **{name: value for name, value in wrong.items() if name in DECLARED and name != "gate"}),
        replace(seen, **{name: value for name, value in wrong.items() if name in SEEN}),
    )


def contradictory(declaration: Declaration) -> bool:
    """Whether some name is bound to two certificates."""
    said = [
        *declaration.recorded_generations.items(),
        *declaration.known_generations.items(),
        *declaration.candidate_generations.items(),
    ]
    return any(name == other and one != two for (name, one), (other, two) in itertools.product(said, said))


def may_swap(declaration: Declaration, seen: Snapshot) -> bool:
    """The contract of a swap, written down once more: all of it, in other words than the policies."""
    eligible_generations: Mapping[str, str] = {**declaration.known_generations, **declaration.recorded_generations}
    wanted, lies = eligible_generations.get(declaration.generation), seen.passive
    return (
        declaration.deployed_generation is not None
        and not contradictory(declaration)
        and declaration.pending_generation is None
        and not declaration.candidate_removed
        and seen.active is not None
        and lies is not None
        and lies.fingerprint == wanted != seen.active.fingerprint
        and lies.not_before <= seen.now < lies.not_after
        and (declaration.generation != declaration.deployed_generation or may_restore(declaration, seen.active))
        and (
            signed_already(declaration, seen.active, lies)
            or all(trusts(each, lies, seen.now.date()) for each in declaration.trusted_by.values())
        )
    )


def signed_already(declaration: Declaration, active: Certificate, lies: Certificate) -> bool:
    """Whether targets are only warned of: a declaration that stays, or the certificate that signed before."""
    is_older = declaration.rollback_to is None and lies.not_before < active.not_before
    return (
        declaration.generation == declaration.deployed_generation
        or declaration.rollback_to == lies.fingerprint
        or is_older
    )


def trusts(said: TrustStatement, lies: Certificate, today: date) -> bool:
    """Whether a target has the certificate, by its own word or a person's that can be true; or will be late."""
    match said:
        case DeferredUpload():
            return True
        case Attestation(fingerprint=attested, by=str(), on=date() as day):
            return attested == lies.fingerprint and lies.not_before.date() <= day <= today
        case list():
            return lies.fingerprint in said
        case _:
            return False


def may_restore(declaration: Declaration, active: Certificate) -> bool:
    """Only what has a name was ever shown to a reviewer, and may be swapped out without a new declaration."""
    return declaration.on_drift is OnDrift.RESTORE and active.fingerprint in declaration.generations.values()


@given(st.permutations(UPDATE_POLICIES), situations())
def test_no_order_of_the_policies_swaps_unsafely(order: list[Policy], situation: tuple[Declaration, Snapshot]) -> None:
    """Whoever speaks first: a swap is only to the declared, prepared, valid, passive certificate, with no mint."""
    declaration, seen = situation
    answers = [answer for policy in order if (answer := policy(declaration, seen)) is not None]
    assert answers, "somebody must answer"
    for answer in answers:
        assert answer.action is not Action.SWAP or may_swap(declaration, seen)
        assert answer.slots_before == (seen.slots if answer.action is Action.SWAP else None)


@given(st.permutations(CREATE_POLICIES), situations(st.none()))
def test_no_order_of_the_policies_swaps_on_creation(
    order: list[Policy], situation: tuple[Declaration, Snapshot]
) -> None:
    """Creating a trigger never swaps, and always gets an answer."""
    declaration, seen = situation
    answers = [answer for policy in order if (answer := policy(declaration, seen)) is not None]
    assert answers
    assert all(answer.action in (Action.RECORD, Action.REFUSE) for answer in answers)


@given(situations())
def test_what_may_be_swapped_is_swapped_and_nothing_else(situation: tuple[Declaration, Snapshot]) -> None:
    """The plan is as bold as the contract allows, and no bolder."""
    declaration, seen = situation
    assert (decide(declaration, seen).action is Action.SWAP) == may_swap(declaration, seen)


@given(situations(), certificates)
def test_a_satisfied_trigger_plans_nothing(situation: tuple[Declaration, Snapshot], signer: Certificate) -> None:
    """The declared certificate signs: record, whatever else is the case; only names bound twice are refused."""
    declaration, seen = situation
    recorded_generations = {**declaration.recorded_generations, declaration.generation: signer.fingerprint}
    satisfied = replace(declaration, recorded_generations=recorded_generations)
    decision = decide(satisfied, replace(seen, active=signer))
    twice = contradictory(satisfied) or satisfied.pending_generation in satisfied.eligible_generations
    assert decision.action is (Action.REFUSE if twice else Action.RECORD)
    assert decision.slots_before is None


def after(declaration: Declaration) -> Declaration:
    """The same program in the next command: what was declared and known is recorded."""
    return replace(
        declaration,
        deployed_generation=declaration.generation,
        recorded_generations=declaration.generations,
        candidate_pending=None,
        pending_generation=None,
    )


def done(decision: Decision, seen: Snapshot) -> Snapshot:
    """What the slots hold when the decision was carried out."""
    swapped = decision.action is Action.SWAP
    return replace(seen, active=seen.passive, passive=seen.active) if swapped else seen


@given(situations(names | st.none()))
def test_every_declaration_converges_after_one_swap_or_is_refused_with_a_way_out(
    situation: tuple[Declaration, Snapshot],
) -> None:
    """The same program again and again: at most one swap, then rest; or a refusal that says what to do."""
    declaration, seen = situation
    first = decide(declaration, seen)
    if first.refusal is not None:
        assert all((first.refusal.what, first.refusal.why, first.refusal.remedy))
        return
    bound = {declaration.generation: seen.slots.active or "", **declaration.generations}
    later, slots = after(replace(declaration, candidate_generations=bound)), done(first, seen)
    for _ in range(3):
        decision = decide(later, slots)
        assert decision.action in (Action.RECORD, Action.REPORT, Action.WARN)
        assert decision.action is not Action.RECORD or slots.slots.active == later.declared_fingerprint
        assert bool(decision.message) == bool(decision.remedies)


@given(names, bindings, certificates, drifting)
def test_the_way_out_of_a_certificate_that_is_gone_is_always_accepted(
    name: str, known: dict[str, str], signer: Certificate, on_drift: OnDrift
) -> None:
    """Declaring what signs, by a name that is free or its own, ends in a record."""
    recorded_generations = {**known, name: "f" * 64}
    gone, seen = Declaration(name, name, recorded_generations, on_drift=on_drift), make_snapshot(signer)
    decision = decide(gone, seen)
    assert decision.action is Action.WARN
    proposed = decision.remedies.split('generation="')[1].split('"')[0]
    assert recorded_generations.get(proposed, signer.fingerprint) == signer.fingerprint
    accepted = replace(gone, generation=proposed, known_generations={proposed: signer.fingerprint})
    assert decide(accepted, seen).action is Action.RECORD


owners = st.builds(plan.RecordedCertificates, st.none() | fingerprints, bindings)
requests = st.builds(plan.Request, names, st.none() | fingerprints, st.none() | fingerprints)


@given(requests, owners, anything)
def test_a_mint_overwrites_only_what_is_its_own_displaced_or_named(
    request: plan.Request, own: plan.RecordedCertificates, seen: Snapshot
) -> None:
    """And never under a name that was used; an adoption takes what a slot holds; a refusal has three parts."""
    try:
        step = plan.decide(request, own, seen)
    except Refused as refusal:
        assert_three_part_message(str(refusal))
        return
    if isinstance(step, plan.Adopt):
        assert step.certificate in (seen.active, seen.passive)
        assert own.generations.get(request.generation, step.certificate.fingerprint) == step.certificate.fingerprint
        return
    assert request.generation not in own.generations
    assert request.adopt is None
    assert step.replaces == seen.passive
    assert step.replaces is None or overwritable(request, own, seen, step.replaces)


def overwritable(request: plan.Request, own: plan.RecordedCertificates, seen: Snapshot, held: Certificate) -> bool:
    """Its own, named by the program, or older than its own one that signs."""
    assert seen.active is not None
    signs = seen.active.fingerprint == own.fingerprint
    return held.fingerprint in (own.fingerprint, request.replace) or (
        signs and held.not_before <= seen.active.not_before
    )


@given(requests, owners, anything)
def test_foresight_names_whatever_can_be_overwritten(
    request: plan.Request, own: plan.RecordedCertificates, seen: Snapshot
) -> None:
    """Check knows no outputs, and yet a mint overwrites what it named; nor does it refuse what can be done."""
    assume(request.generation not in own.generations)
    try:
        step = plan.decide(request, own, seen)
    except Refused:
        return
    foreseen, _ = plan.plan_without_outputs(request, seen)
    if isinstance(step, plan.Generate):
        assert foreseen == step


@given(requests, owners, anything)
def test_a_killed_mint_is_taken_up_and_nothing_more_is_minted(
    request: plan.Request, own: plan.RecordedCertificates, seen: Snapshot
) -> None:
    """The same request meets its own unrecorded certificate: adopted, unless a waiver names that one."""
    try:
        step = plan.decide(request, own, seen)
    except Refused:
        return
    assume(isinstance(step, plan.Generate))
    minted = make_certificate("e", created_on_day=1000)
    again = plan.decide(request, own, replace(seen, passive=minted))
    assert isinstance(again, plan.Adopt)
    assert again.certificate == minted
