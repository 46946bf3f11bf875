"""The plan, for every state of the slots and every declaration: it converges, it rests, and no order is unsafe."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from btp_trust.certificate import Certificate
from btp_trust.errors import Refused
from btp_trust.passive import plan
from btp_trust.property_bag import UNKNOWN
from btp_trust.rotation.decision import Action, Decision, Reason
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.policies import CREATE_POLICIES, UPDATE_POLICIES, Policy, decide
from btp_trust.rotation.postponement import keep_deployed
from btp_trust.rotation.schema import OnDrift
from btp_trust.rotation.time_args import When
from btp_trust.rotation.time_limits import Freeze
from btp_trust.snapshot import Snapshot
from btp_trust.trusted_by.statements import Attestation, DeferredUpload, Observation, TrustStatement
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
fingerprints = certificates.map(lambda certificate: certificate.fingerprint)
bindings = st.dictionaries(names, fingerprints, max_size=3)
drifting = st.sampled_from(OnDrift)
days = st.integers(0, 900).map(lambda day: make_snapshot(None, day=day).now.date().isoformat())
statements: st.SearchStrategy[TrustStatement] = st.one_of(
    st.lists(fingerprints, max_size=3).map(lambda trusted: Observation.of(*trusted)),
    st.builds(Observation, st.dictionaries(fingerprints, st.just(UNKNOWN), min_size=1)),
    st.builds(Attestation.of, st.sets(fingerprints, min_size=1), st.just("Ada"), days),
    st.builds(Attestation.of, st.sets(fingerprints, min_size=1)),
    st.builds(Attestation, st.dictionaries(fingerprints, st.just(UNKNOWN), min_size=1), st.just("Ada"), days),
    st.builds(DeferredUpload, st.just("HR IT")),
    st.just("a text that stands for what is not known"),
)
targets = st.dictionaries(st.sampled_from(["s4", "c4c"]), statements, max_size=2)
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
    trusts_passive: TrustStatement = Observation.of(passive_.fingerprint)
    trusting = draw(st.dictionaries(st.sampled_from(["sf", "ias"]), st.just(trusts_passive)))
    declaration = Declaration(
        generation=generation,
        deployed_generation=draw(deployed_generation),
        recorded_generations=recorded_generations,
        known_generations=known_generations,
        on_drift=draw(drifting),
        when=draw(st.sampled_from(When)),
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
    "revoked": st.dictionaries(names, st.just("leaked")),
    "soak": st.integers(1, 400),
    "freeze": st.just([Freeze(start="2026-02-01", to="2027-02-01", why="closing")]),
    "break_glass": st.dictionaries(names, st.just("INC-1"), min_size=1),
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
    declaration, reading = draw(swappable(deployed_generation))
    wrong = draw(one_wrong | one_wrong | some_wrong)
    if "edge" in wrong and reading.passive is not None:
        reading = replace(reading, now=reading.passive.not_after if wrong["edge"] else reading.passive.not_before)
    if "gate" in wrong:
        trusted_by, rollback_to = wrong["gate"]
        declaration = replace(declaration, trusted_by=trusted_by, rollback_to=rollback_to)
    if "twice" in wrong:
        reading = replace(reading, active=reading.passive)
    if "learned only" in wrong:
        declaration = replace(
            declaration, candidate_generations=declaration.generations, recorded_generations={}, known_generations={}
        )
    return (
        replace(declaration, **{name: value for name, value in wrong.items() if name in DECLARED and name != "gate"}),
        replace(reading, **{name: value for name, value in wrong.items() if name in SEEN}),
    )


def contradictory(declaration: Declaration) -> bool:
    """Whether some name is bound to two certificates."""
    bound = [
        *declaration.recorded_generations.items(),
        *declaration.known_generations.items(),
        *declaration.candidate_generations.items(),
    ]
    return any(name == other and one != two for (name, one), (other, two) in itertools.product(bound, bound))


def may_swap(declaration: Declaration, reading: Snapshot) -> bool:
    """The contract of a swap, written down once more: all of it, in other words than the policies."""
    eligible_generations: Mapping[str, str] = {**declaration.known_generations, **declaration.recorded_generations}
    fingerprint, passive = eligible_generations.get(declaration.generation), reading.passive
    return (
        declaration.deployed_generation is not None
        and not contradictory(declaration)
        and knows_revoked(declaration)
        and fingerprint not in {declaration.generations.get(name) for name in declaration.revoked}
        and declaration.pending_generation is None
        and not declaration.candidate_removed
        and reading.active is not None
        and passive is not None
        and passive.fingerprint == fingerprint != reading.active.fingerprint
        and passive.not_before <= reading.now < passive.not_after
        and (declaration.generation != declaration.deployed_generation or may_restore(declaration, reading.active))
        and (
            signed_already(declaration, passive)
            or (
                all(trusts(statement, passive, reading.now.date()) for statement in declaration.trusted_by.values())
                and (declaration.generation in declaration.break_glass or is_time(declaration, passive, reading.now))
            )
        )
    )


def is_time(declaration: Declaration, passive: Certificate, now: datetime) -> bool:
    """Whether the certificate has soaked, and the signer is not frozen."""
    soaking = 0 if declaration.soak is None else int(declaration.soak)
    is_frozen = declaration.freeze and date(2026, 2, 1) <= now.date() <= date(2027, 2, 1)
    return now - passive.not_before >= timedelta(days=soaking) and not is_frozen


def knows_revoked(declaration: Declaration) -> bool:
    """Whether each revoked name has a certificate, or is about to get one by its declaration."""
    return declaration.revoked.keys() <= {declaration.generation, *declaration.generations}


def signed_already(declaration: Declaration, passive: Certificate) -> bool:
    """Whether targets are only warned of: a declaration that stays, or the certificate that signed before."""
    return declaration.generation == declaration.deployed_generation or declaration.rollback_to == passive.fingerprint


def trusts(statement: TrustStatement, passive: Certificate, today: date) -> bool:
    """Whether a target has the certificate, by its own statement or by a possible attestation; or will be late."""
    match statement:
        case DeferredUpload():
            return True
        case Attestation(fingerprints=attested, by=str(), on=str() as day) if not statement.is_unknown:
            is_possible = passive.not_before.date() <= date.fromisoformat(day) <= today
            return passive.fingerprint in attested and is_possible
        case Observation(certificates=certificates):
            return passive.fingerprint in certificates and not statement.is_unknown
        case _:
            return False


def may_restore(declaration: Declaration, active: Certificate) -> bool:
    """Only what has a name was ever shown to a reviewer, and may be swapped out without a new declaration."""
    return declaration.on_drift is OnDrift.RESTORE and active.fingerprint in declaration.generations.values()


@given(st.permutations(UPDATE_POLICIES), situations())
def test_policies_are_safe_in_any_order(order: list[Policy], situation: tuple[Declaration, Snapshot]) -> None:
    """In any order, a swap leads only to the declared, prepared, valid, passive certificate."""
    declaration, reading = situation
    decisions = [decision for policy in order if (decision := policy(declaration, reading)) is not None]
    assert decisions, "some policy must decide"
    for decision in decisions:
        assert decision.action is not Action.SWAP or may_swap(declaration, reading)
        assert decision.slots_before == (reading.slots if decision.action is Action.SWAP else None)


@given(st.permutations(CREATE_POLICIES), situations(st.none()))
def test_create_never_swaps_in_any_order(order: list[Policy], situation: tuple[Declaration, Snapshot]) -> None:
    """In any order of the policies, a create has a decision that leaves the slots alone."""
    declaration, reading = situation
    decisions = [decision for policy in order if (decision := policy(declaration, reading)) is not None]
    assert decisions
    assert all(decision.action in (Action.RECORD, Action.REFUSE) for decision in decisions)


@given(situations())
def test_plan_swaps_exactly_what_may(situation: tuple[Declaration, Snapshot]) -> None:
    """The plan swaps in exactly the situations of the contract."""
    declaration, reading = situation
    assert (decide(declaration, reading).action is Action.SWAP) == may_swap(declaration, reading)


@given(situations())
def test_plan_waits_for_time_alone(situation: tuple[Declaration, Snapshot]) -> None:
    """A step waits exactly if the program says so, and the same step passes without limits; nothing else is planned."""
    declaration, reading = situation
    unlimited = replace(declaration, soak=None, freeze=[])
    is_untimely = may_swap(unlimited, reading) and not may_swap(declaration, reading)
    decision = decide(declaration, reading)
    assert (decision.action is Action.WAIT) == (is_untimely and declaration.when is When.NEXT_WINDOW)
    if decision.action is Action.WAIT:
        assert decision.waits_until is not None
        assert decision.message == decide(unlimited, reading).message
        assert decide(declaration, replace(reading, now=decision.waits_until)).action is not Action.WAIT
        kept = decide(keep_deployed(declaration), reading)
        assert kept.action in (Action.RECORD, Action.REPORT, Action.WARN, Action.SWAP), "a second refusal"
        assert kept.action is not Action.SWAP or kept.reason is Reason.RESTORE


@given(situations(), certificates)
def test_satisfied_trigger_plans_nothing(situation: tuple[Declaration, Snapshot], signer: Certificate) -> None:
    """With the declared certificate active, the decision is to record, unless a name is bound twice."""
    declaration, reading = situation
    recorded_generations = {**declaration.recorded_generations, declaration.generation: signer.fingerprint}
    satisfied = replace(declaration, recorded_generations=recorded_generations)
    decision = decide(satisfied, replace(reading, active=signer))
    twice = contradictory(satisfied) or satisfied.pending_generation in satisfied.eligible_generations
    is_refused = twice or not knows_revoked(satisfied)
    assert decision.action is (Action.REFUSE if is_refused else Action.RECORD)
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


def done(decision: Decision, reading: Snapshot) -> Snapshot:
    """What the slots hold when the decision was carried out."""
    swapped = decision.action is Action.SWAP
    return replace(reading, active=reading.passive, passive=reading.active) if swapped else reading


@given(situations(names | st.none()))
def test_every_declaration_converges(
    situation: tuple[Declaration, Snapshot],
) -> None:
    """The same program again and again: at most one swap and then rest, or a refusal with its remedy."""
    declaration, reading = situation
    first = decide(declaration, reading)
    if first.refusal is not None:
        assert all((first.refusal.what, first.refusal.why, first.refusal.remedy))
        return
    if first.action is Action.WAIT:
        declaration = keep_deployed(declaration)
    bound = {declaration.generation: reading.slots.active or "", **declaration.generations}
    later, slots = after(replace(declaration, candidate_generations=bound)), done(first, reading)
    for _ in range(3):
        decision = decide(later, slots)
        assert decision.action in (Action.RECORD, Action.REPORT, Action.WARN)
        assert decision.action is not Action.RECORD or slots.slots.active == later.declared_fingerprint
        assert bool(decision.message) == bool(decision.remedies)


@given(names, bindings, certificates, drifting)
def test_remedy_of_lost_certificate_is_accepted(
    name: str, known: dict[str, str], signer: Certificate, on_drift: OnDrift
) -> None:
    """Declaring the active certificate, by a free name or its own, ends in a record."""
    recorded_generations = {**known, name: "f" * 64}
    gone = Declaration(
        generation=name, deployed_generation=name, recorded_generations=recorded_generations, on_drift=on_drift
    )
    reading = make_snapshot(signer)
    decision = decide(gone, reading)
    assert decision.action is Action.WARN
    proposed = decision.remedies.split('generation="')[1].split('"')[0]
    assert recorded_generations.get(proposed, signer.fingerprint) == signer.fingerprint
    accepted = replace(gone, generation=proposed, known_generations={proposed: signer.fingerprint})
    assert decide(accepted, reading).action is Action.RECORD


owners = st.builds(plan.RecordedCertificates, st.none() | fingerprints, bindings)
requests = st.builds(plan.DeclaredPassive, names, st.none() | fingerprints, st.none() | fingerprints)


@given(requests, owners, anything)
def test_generation_overwrites_only_allowed_certificates(
    request: plan.DeclaredPassive, own: plan.RecordedCertificates, reading: Snapshot
) -> None:
    """It overwrites only its own, a displaced or a named certificate, and under a new name."""
    try:
        step = plan.decide(request, own, reading)
    except Refused as refusal:
        assert_three_part_message(str(refusal))
        return
    if isinstance(step, plan.Adopt):
        assert step.certificate in (reading.active, reading.passive)
        assert own.generations.get(request.generation, step.certificate.fingerprint) == step.certificate.fingerprint
        return
    assert request.generation not in own.generations
    assert request.adopt is None
    assert step.replaces == reading.passive
    assert step.replaces is None or overwritable(request, own, reading, step.replaces)


def overwritable(
    request: plan.DeclaredPassive, own: plan.RecordedCertificates, reading: Snapshot, passive: Certificate
) -> bool:
    """Its own, named by the program, or older than its own one that signs."""
    assert reading.active is not None
    signs = reading.active.fingerprint == own.fingerprint
    return passive.fingerprint in (own.fingerprint, request.replace) or (
        signs and passive.not_before <= reading.active.not_before
    )


@given(requests, owners, anything)
def test_plan_without_outputs_names_overwritten_certificate(
    request: plan.DeclaredPassive, own: plan.RecordedCertificates, reading: Snapshot
) -> None:
    """Check, which gets no outputs, names each certificate that can be overwritten."""
    assume(request.generation not in own.generations)
    try:
        step = plan.decide(request, own, reading)
    except Refused:
        return
    planned, _ = plan.plan_without_outputs(request, reading)
    if isinstance(step, plan.Generate):
        assert planned == step


@given(requests, owners, anything)
def test_killed_generation_is_adopted(
    request: plan.DeclaredPassive, own: plan.RecordedCertificates, reading: Snapshot
) -> None:
    """The same request adopts its unrecorded certificate, unless `replace` names that one."""
    try:
        step = plan.decide(request, own, reading)
    except Refused:
        return
    assume(isinstance(step, plan.Generate))
    generated = make_certificate("e", created_on_day=1000)
    again = plan.decide(request, own, replace(reading, passive=generated))
    assert isinstance(again, plan.Adopt)
    assert again.certificate == generated
