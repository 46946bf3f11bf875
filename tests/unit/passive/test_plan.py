"""The plan of PassiveTrustCertificate: when a generation is generated, adopted, adopted again or refused."""

from __future__ import annotations

import pytest

from btp_trust.errors import Refused
from btp_trust.passive.plan import (
    Adopt,
    DeclaredPassive,
    Generate,
    PassiveStep,
    RecordedCertificates,
    decide,
    displaced_certificate,
    plan_without_outputs,
    removal_line,
)
from btp_trust.snapshot import Snapshot
from support.fake_engine import assert_three_part_message, make_certificate, make_snapshot

A = make_certificate("a")
B = make_certificate("b", created_on_day=30)
C = make_certificate("c", created_on_day=60)
SAME_SECOND_AS_A = make_certificate("d")
A_, AB, BA, AC = make_snapshot(A), make_snapshot(A, B), make_snapshot(B, A), make_snapshot(A, C)
NEW = DeclaredPassive("new")
NONE_RECORDED = RecordedCertificates()
OWN_B = RecordedCertificates(B.fingerprint, {"b": B.fingerprint})
OWN_C = RecordedCertificates(C.fingerprint, {"b": B.fingerprint, "c": C.fingerprint})


@pytest.mark.parametrize(
    ("request_", "own", "seen", "step"),
    [
        pytest.param(NEW, NONE_RECORDED, A_, Generate(None), id="generates into the empty slot"),
        pytest.param(NEW, OWN_B, AB, Generate(B), id="generates over its own certificate"),
        pytest.param(
            NEW, OWN_B, BA, Generate(A, ends_rollback=True), id="generates over the older one that its own displaced"
        ),
        pytest.param(
            NEW,
            RecordedCertificates(SAME_SECOND_AS_A.fingerprint),
            make_snapshot(SAME_SECOND_AS_A, A),
            Generate(A, ends_rollback=True),
            id="a displaced one made in the same second is displaced all the same",
        ),
        pytest.param(
            DeclaredPassive("new", replace=A.fingerprint),
            NONE_RECORDED,
            BA,
            Generate(A, ends_rollback=True),
            id="generates over the foreign one that replace names",
        ),
        pytest.param(
            DeclaredPassive("new", replace=B.fingerprint),
            NONE_RECORDED,
            AB,
            Generate(B),
            id="replace wins over a younger foreign one",
        ),
        pytest.param(
            NEW,
            NONE_RECORDED,
            AB,
            Adopt(B, "unknown to this resource, younger than the active one"),
            id="adopts a younger foreign one",
        ),
        pytest.param(
            NEW,
            OWN_B,
            AC,
            Adopt(C, "unknown to this resource, younger than the active one"),
            id="adopts the one that a killed run of it generated",
        ),
        pytest.param(
            NEW,
            OWN_B,
            make_snapshot(B, C),
            Adopt(C, "unknown to this resource, younger than the active one"),
            id="adopts the younger foreign one beside its own active one",
        ),
        pytest.param(
            DeclaredPassive("new", replace=C.fingerprint),
            NONE_RECORDED,
            AB,
            Adopt(B, "unknown to this resource, younger than the active one"),
            id="replace of a certificate that is gone has no effect",
        ),
        pytest.param(
            DeclaredPassive("new", adopt=A.fingerprint),
            NONE_RECORDED,
            AB,
            Adopt(A, "named in adopt="),
            id="adopts the active one",
        ),
        pytest.param(
            DeclaredPassive("new", adopt=B.fingerprint),
            OWN_B,
            AB,
            Adopt(B, "named in adopt="),
            id="adopts the passive one",
        ),
        pytest.param(
            DeclaredPassive("b"),
            OWN_C,
            make_snapshot(C, B),
            Adopt(B, "the earlier certificate of this name"),
            id="adopts an earlier name again",
        ),
        pytest.param(
            DeclaredPassive("b"),
            OWN_C,
            BA,
            Adopt(B, "the earlier certificate of this name"),
            id="adopts an earlier name that is active",
        ),
        pytest.param(
            DeclaredPassive("b", adopt=B.fingerprint),
            OWN_C,
            AB,
            Adopt(B, "the earlier certificate of this name"),
            id="adopts an earlier name that adopt names too",
        ),
    ],
)
def test_decides_one_step(
    request_: DeclaredPassive, own: RecordedCertificates, seen: Snapshot, step: PassiveStep
) -> None:
    """Generate, over which one, or adopt, and why; the sentence names the certificate and fits into a preview."""
    assert decide(request_, own, seen) == step
    sentence = step.sentence("2028-11")
    touched = step.replaces if isinstance(step, Generate) else step.certificate
    assert len(sentence) <= 150
    assert "'2028-11'" in sentence
    assert touched is None or touched.fingerprint[:8] in sentence


@pytest.mark.parametrize(
    ("request_", "own", "seen", "prop", "named"),
    [
        pytest.param(
            NEW,
            NONE_RECORDED,
            make_snapshot(None),
            "generation",
            ["generate=True"],
            id="there is no active certificate",
        ),
        pytest.param(
            NEW,
            NONE_RECORDED,
            BA,
            "generation",
            [f'replace="{A.fingerprint}"', f'adopt="{A.fingerprint}"', f'adopt="{B.fingerprint}"'],
            id="an older foreign one may be a rollback target",
        ),
        pytest.param(
            NEW,
            NONE_RECORDED,
            make_snapshot(A, SAME_SECOND_AS_A),
            "generation",
            [f'replace="{SAME_SECOND_AS_A.fingerprint}"'],
            id="a foreign one of the same second counts as older",
        ),
        pytest.param(
            NEW,
            OWN_C,
            BA,
            "generation",
            [A.fingerprint, B.fingerprint],
            id="a foreign one that another certificate displaced",
        ),
        pytest.param(
            DeclaredPassive("new", replace=C.fingerprint),
            NONE_RECORDED,
            BA,
            "generation",
            [A.fingerprint],
            id="replace names another",
        ),
        pytest.param(
            DeclaredPassive("new", adopt=C.fingerprint),
            NONE_RECORDED,
            AB,
            "adopt",
            [A.fingerprint, B.fingerprint, C.fingerprint],
            id="adopt names a certificate in neither slot",
        ),
        pytest.param(
            DeclaredPassive("b"),
            OWN_C,
            make_snapshot(A, C),
            "generation",
            [B.fingerprint, "b-2"],
            id="an earlier name is gone",
        ),
        pytest.param(
            DeclaredPassive("b", adopt=A.fingerprint),
            OWN_C,
            AB,
            "generation",
            [A.fingerprint, B.fingerprint, "b-2"],
            id="adopt would rebind an earlier name",
        ),
    ],
)
def test_refuses_to_overwrite_or_rebind(
    request_: DeclaredPassive, own: RecordedCertificates, seen: Snapshot, prop: str, named: list[str]
) -> None:
    """The refusal has three parts, the argument to blame, and the lines to paste."""
    with pytest.raises(Refused) as refused:
        decide(request_, own, seen)
    assert refused.value.prop == prop
    assert_three_part_message(str(refused.value), *named)


@pytest.mark.parametrize(
    ("request_", "seen", "step", "hedged"),
    [
        pytest.param(NEW, A_, Generate(None), False, id="an empty slot takes a new one from every resource"),
        pytest.param(NEW, AB, Generate(B), True, id="a younger one is overwritten by its maker and adopted by others"),
        pytest.param(NEW, BA, Generate(A, ends_rollback=True), False, id="an older one is overwritten or refused"),
        pytest.param(DeclaredPassive("n", replace=B.fingerprint), AB, Generate(B), False, id="replace decides it"),
        pytest.param(
            DeclaredPassive("n", adopt=B.fingerprint),
            AB,
            Adopt(B, "named in adopt="),
            False,
            id="adopt decides it, too",
        ),
    ],
)
def test_plans_the_step_overwriting_most(
    request_: DeclaredPassive, seen: Snapshot, step: PassiveStep, *, hedged: bool
) -> None:
    """Check lacks the outputs: its sentence is true of all possible steps, and fits into a preview."""
    planned, sentence = plan_without_outputs(request_, seen)
    assert planned == step
    assert ("if this resource generated that one" in sentence) == hedged
    assert len(sentence) <= 150


@pytest.mark.parametrize(
    ("request_", "seen"),
    [
        pytest.param(NEW, make_snapshot(None), id="there is no active certificate"),
        pytest.param(DeclaredPassive("n", adopt=C.fingerprint), AB, id="adopt names a certificate in neither slot"),
    ],
)
def test_refuses_an_impossible_request_early(request_: DeclaredPassive, seen: Snapshot) -> None:
    """A request that is refused for every recorded certificate is refused in check."""
    with pytest.raises(Refused):
        plan_without_outputs(request_, seen)


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        pytest.param(BA, A, id="the older one beside its own"),
        pytest.param(AB, None, id="its own is passive"),
        pytest.param(make_snapshot(B, C), None, id="a younger one beside its own"),
        pytest.param(make_snapshot(B), None, id="an empty slot"),
        pytest.param(make_snapshot(None, A), None, id="no active certificate"),
    ],
)
def test_displaced_certificate_is_older_and_passive(seen: Snapshot, found: object) -> None:
    """While the own certificate is active, an older passive one was displaced by it."""
    assert displaced_certificate(B.fingerprint, seen) == found


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        pytest.param(A_, "nothing: the passive slot is empty", id="an empty slot"),
        pytest.param(AB, "bbbbbbbb, exists since 2026-01-31, expires 2028-01-31; its key is gone", id="a younger one"),
        pytest.param(BA, "aaaaaaaa, exists since 2026-01-01, expires 2028-01-01; rolling back to it ends", id="older"),
    ],
)
def test_names_what_a_generation_ends(seen: Snapshot, words: str) -> None:
    """The certificate that is overwritten, its dates, and whether it was one to roll back to."""
    step = decide(DeclaredPassive("new", replace=seen.slots.passive), NONE_RECORDED, seen)
    assert isinstance(step, Generate)
    assert step.loss == words
    assert ("rolling back to it ends" in step.sentence("new")) == words.endswith("ends")
    assert ("(old, expires" in step.sentence("new", {A.fingerprint: "old"})) == (seen == BA)


@pytest.mark.parametrize(
    ("step", "seen", "words"),
    [
        pytest.param(None, A_, "deletes nothing while the passive slot is empty", id="an empty slot"),
        pytest.param(None, make_snapshot(None, A), "deletes nothing while the passive slot is empty", id="no signer"),
        pytest.param(
            None,
            AB,
            "deletes passive bbbbbbbb (new, expires 2028-01-31), or after a swap aaaaaaaa (expires 2028-01-01) "
            "in its place",
            id="its own is passive",
        ),
        pytest.param(
            None,
            BA,
            "deletes passive aaaaaaaa (expires 2028-01-01), or after a swap bbbbbbbb (new, expires 2028-01-31) "
            "in its place",
            id="its own is active",
        ),
        pytest.param(
            Generate(None),
            A_,
            "deletes the new new, or after a swap aaaaaaaa (expires 2028-01-01) in its place",
            id="its own is generated first",
        ),
    ],
)
def test_removal_names_both_roles(step: PassiveStep | None, seen: Snapshot, words: str) -> None:
    """What a removal deletes, before and after a swap of the same command."""
    line = removal_line("new", step, seen)
    assert line == f"{words}; the signer stays"
    assert len(removal_line("n" * 100, step, seen)) <= 150
