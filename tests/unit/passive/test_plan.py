"""The plan of PassiveTrustCertificate: when a generation is minted, adopted, taken up again or refused."""

from __future__ import annotations

import pytest

from btp_trust.errors import Refused
from btp_trust.passive.plan import (
    Adopt,
    Generate,
    RecordedCertificates,
    Request,
    Step,
    decide,
    displaced_certificate,
    plan_without_outputs,
)
from btp_trust.snapshot import Snapshot
from support.fake_engine import assert_three_part_message, make_certificate, make_snapshot

A = make_certificate("a")
B = make_certificate("b", created_on_day=30)
C = make_certificate("c", created_on_day=60)
TWIN_OF_A = make_certificate("d")
A_, AB, BA, AC = make_snapshot(A), make_snapshot(A, B), make_snapshot(B, A), make_snapshot(A, C)
NEW = Request("new")
NOBODY = RecordedCertificates()
OWN_B = RecordedCertificates(B.fingerprint, {"b": B.fingerprint})
OWN_C = RecordedCertificates(C.fingerprint, {"b": B.fingerprint, "c": C.fingerprint})


@pytest.mark.parametrize(
    ("request_", "own", "seen", "step"),
    [
        pytest.param(NEW, NOBODY, A_, Generate(None), id="mints into the empty slot"),
        pytest.param(NEW, OWN_B, AB, Generate(B), id="mints over its own certificate"),
        pytest.param(NEW, OWN_B, BA, Generate(A), id="mints over the older one that its own displaced"),
        pytest.param(
            NEW,
            RecordedCertificates(TWIN_OF_A.fingerprint),
            make_snapshot(TWIN_OF_A, A),
            Generate(A),
            id="a displaced one made in the same second is displaced all the same",
        ),
        pytest.param(
            Request("new", replace=A.fingerprint),
            NOBODY,
            BA,
            Generate(A),
            id="mints over the stranger that replace names",
        ),
        pytest.param(
            Request("new", replace=B.fingerprint), NOBODY, AB, Generate(B), id="replace wins over a younger stranger"
        ),
        pytest.param(
            NEW,
            NOBODY,
            AB,
            Adopt(B, "unknown to this resource, younger than the active one"),
            id="adopts a younger stranger",
        ),
        pytest.param(
            NEW,
            OWN_B,
            AC,
            Adopt(C, "unknown to this resource, younger than the active one"),
            id="adopts what a killed run of it minted",
        ),
        pytest.param(
            NEW,
            OWN_B,
            make_snapshot(B, C),
            Adopt(C, "unknown to this resource, younger than the active one"),
            id="adopts the younger stranger beside its own signing one",
        ),
        pytest.param(
            Request("new", replace=C.fingerprint),
            NOBODY,
            AB,
            Adopt(B, "unknown to this resource, younger than the active one"),
            id="replace of a certificate that is gone disarms nothing",
        ),
        pytest.param(
            Request("new", adopt=A.fingerprint), NOBODY, AB, Adopt(A, "adopt= says so"), id="adopts what signs"
        ),
        pytest.param(
            Request("new", adopt=B.fingerprint), OWN_B, AB, Adopt(B, "adopt= says so"), id="adopts what is passive"
        ),
        pytest.param(
            Request("b"), OWN_C, make_snapshot(C, B), Adopt(B, "it was that before"), id="takes an earlier name up"
        ),
        pytest.param(Request("b"), OWN_C, BA, Adopt(B, "it was that before"), id="takes up the one that signs"),
        pytest.param(
            Request("b", adopt=B.fingerprint),
            OWN_C,
            AB,
            Adopt(B, "it was that before"),
            id="takes up an earlier name that adopt names too",
        ),
    ],
)
def test_a_situation_leads_to_one_step(
    request_: Request, own: RecordedCertificates, seen: Snapshot, step: Step
) -> None:
    """Mint and what it overwrites, or adopt and why; its sentence fits into a preview and names the certificate."""
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
            NEW, NOBODY, make_snapshot(None), "generation", ["generate=True"], id="there is no active certificate"
        ),
        pytest.param(
            NEW,
            NOBODY,
            BA,
            "generation",
            [f'replace="{A.fingerprint}"', f'adopt="{A.fingerprint}"', f'adopt="{B.fingerprint}"'],
            id="an older stranger is somebody's way back",
        ),
        pytest.param(
            NEW,
            NOBODY,
            make_snapshot(A, TWIN_OF_A),
            "generation",
            [f'replace="{TWIN_OF_A.fingerprint}"'],
            id="a stranger of the same second is not younger",
        ),
        pytest.param(
            NEW,
            OWN_C,
            BA,
            "generation",
            [A.fingerprint, B.fingerprint],
            id="a stranger that another one displaced is no displaced one of ours",
        ),
        pytest.param(
            Request("new", replace=C.fingerprint), NOBODY, BA, "generation", [A.fingerprint], id="replace names another"
        ),
        pytest.param(
            Request("new", adopt=C.fingerprint),
            NOBODY,
            AB,
            "adopt",
            [A.fingerprint, B.fingerprint, C.fingerprint],
            id="adopt names what no slot holds",
        ),
        pytest.param(
            Request("b"), OWN_C, make_snapshot(A, C), "generation", [B.fingerprint, "b-2"], id="an earlier name is gone"
        ),
        pytest.param(
            Request("b", adopt=A.fingerprint),
            OWN_C,
            AB,
            "generation",
            [A.fingerprint, B.fingerprint, "b-2"],
            id="adopt would rebind an earlier name",
        ),
    ],
)
def test_what_would_overwrite_or_rebind_is_refused(
    request_: Request, own: RecordedCertificates, seen: Snapshot, prop: str, named: list[str]
) -> None:
    """In three parts, at the argument to blame, with the lines to paste."""
    with pytest.raises(Refused) as refused:
        decide(request_, own, seen)
    assert refused.value.prop == prop
    assert_three_part_message(str(refused.value), *named)


@pytest.mark.parametrize(
    ("request_", "seen", "step", "hedged"),
    [
        pytest.param(NEW, A_, Generate(None), False, id="an empty slot is minted into, whoever asks"),
        pytest.param(NEW, AB, Generate(B), True, id="a younger one is overwritten by its maker and adopted by others"),
        pytest.param(NEW, BA, Generate(A), False, id="an older one is overwritten or refused"),
        pytest.param(Request("n", replace=B.fingerprint), AB, Generate(B), False, id="replace settles it"),
        pytest.param(
            Request("n", adopt=B.fingerprint), AB, Adopt(B, "adopt= says so"), False, id="adopt settles it, too"
        ),
    ],
)
def test_foresight_plans_the_step_that_overwrites_most(
    request_: Request, seen: Snapshot, step: Step, *, hedged: bool
) -> None:
    """Check knows no outputs: what it says is true of all that can come, and fits into a preview."""
    foreseen, sentence = plan_without_outputs(request_, seen)
    assert foreseen == step
    assert ("if this resource made that one" in sentence) == hedged
    assert len(sentence) <= 150


@pytest.mark.parametrize(
    ("request_", "seen"),
    [
        pytest.param(NEW, make_snapshot(None), id="there is no active certificate"),
        pytest.param(Request("n", adopt=C.fingerprint), AB, id="adopt names what no slot holds"),
    ],
)
def test_what_nobody_could_do_is_refused_by_foresight(request_: Request, seen: Snapshot) -> None:
    """Whatever the resource has recorded, it would be refused: say so in check."""
    with pytest.raises(Refused):
        plan_without_outputs(request_, seen)


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        pytest.param(BA, A, id="the older one beside its own"),
        pytest.param(AB, None, id="not while its own does not sign"),
        pytest.param(make_snapshot(B, C), None, id="not a younger one"),
        pytest.param(make_snapshot(B), None, id="not where the slot is empty"),
        pytest.param(make_snapshot(None, A), None, id="not where nothing signs"),
    ],
)
def test_the_displaced_certificate_lies_passive_and_older(seen: Snapshot, found: object) -> None:
    """While the own certificate signs, what is older and passive was displaced by it."""
    assert displaced_certificate(B.fingerprint, seen) == found
