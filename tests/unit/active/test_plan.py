"""The plan of ActiveTrustCertificate: adopt and follow, generate the first one, renew where an outage is accepted."""

from __future__ import annotations

import pytest

from btp_trust.active.plan import Action, DeclaredActive, decide
from btp_trust.errors import Refused
from btp_trust.snapshot import Snapshot
from support.fake_engine import assert_three_part_message, make_certificate, make_snapshot

A = make_certificate("a")
B = make_certificate("b", created_on_day=30)
AB, EMPTY = make_snapshot(A, B), make_snapshot(None)
RENEW = DeclaredActive(renew_fingerprint=A.fingerprint, accept_outage=True)
RENEW_OTHER = DeclaredActive(renew_fingerprint=B.fingerprint, accept_outage=True)


@pytest.mark.parametrize(
    ("request_", "seen", "exists", "action"),
    [
        pytest.param(DeclaredActive(), AB, False, Action.FOLLOW, id="creating adopts the active one"),
        pytest.param(DeclaredActive(generate=True), AB, False, Action.FOLLOW, id="generate adopts the active one"),
        pytest.param(
            DeclaredActive(generate=True), AB, True, Action.FOLLOW, id="generate left in the code only follows"
        ),
        pytest.param(
            DeclaredActive(generate=True), EMPTY, False, Action.GENERATE, id="generate generates the first one"
        ),
        pytest.param(DeclaredActive(), AB, True, Action.FOLLOW, id="an update follows the slot"),
        pytest.param(RENEW, AB, True, Action.RENEW, id="exactly the active certificate is renewed"),
        pytest.param(RENEW_OTHER, AB, True, Action.FOLLOW, id="the passive one stays"),
        pytest.param(RENEW, make_snapshot(B, A), True, Action.FOLLOW, id="a certificate that stopped signing stays"),
    ],
)
def test_decides_one_action(request_: DeclaredActive, seen: Snapshot, *, exists: bool, action: Action) -> None:
    """An action that calls the service has a sentence."""
    step = decide(request_, seen, exists=exists)
    assert step.action is action
    assert (step.sentence is None) == (action is Action.FOLLOW)


@pytest.mark.parametrize(
    ("request_", "seen", "exists", "prop", "named"),
    [
        pytest.param(DeclaredActive(), EMPTY, False, "generate", "generate=True", id="an empty slot"),
        pytest.param(
            DeclaredActive(), EMPTY, True, "generate", "remove all resources", id="the recorded signer is gone"
        ),
        pytest.param(
            DeclaredActive(generate=True),
            EMPTY,
            True,
            "generate",
            "every target would reject a new one",
            id="a second first one",
        ),
        pytest.param(
            DeclaredActive(renew_fingerprint=A.fingerprint),
            AB,
            True,
            "renew_fingerprint",
            "Rotate instead: PassiveTrustCertificate, then RotationTrigger",
            id="an unaccepted outage",
        ),
        pytest.param(
            DeclaredActive(renew_fingerprint=A.fingerprint),
            AB,
            False,
            "renew_fingerprint",
            "Rotate instead: PassiveTrustCertificate, then RotationTrigger",
            id="an unaccepted outage on creation",
        ),
        pytest.param(RENEW, AB, False, "renew_fingerprint", "in a second one", id="a renewal on creation"),
    ],
)
def test_refuses_without_acceptance(
    request_: DeclaredActive, seen: Snapshot, *, exists: bool, prop: str, named: str
) -> None:
    """The refusal has three parts, the argument to blame, and the remedy."""
    with pytest.raises(Refused) as refused:
        decide(request_, seen, exists=exists)
    assert refused.value.prop == prop
    assert_three_part_message(str(refused.value), named)


@pytest.mark.parametrize(
    ("request_", "exists"),
    [
        pytest.param(RENEW_OTHER, True, id="of the passive one"),
        pytest.param(RENEW_OTHER, False, id="of the passive one, on creation"),
    ],
)
def test_remarks_on_an_ineffective_renewal(request_: DeclaredActive, *, exists: bool) -> None:
    """The note names the fingerprint of the request."""
    note = decide(request_, AB, exists=exists).note
    assert str(request_.renew_fingerprint) in str(note)


@pytest.mark.parametrize(
    ("request_", "seen", "exists"),
    [
        pytest.param(DeclaredActive(generate=True), EMPTY, False, id="generate"),
        pytest.param(RENEW, AB, True, id="renew"),
    ],
)
def test_a_step_fits_into_a_preview(request_: DeclaredActive, seen: Snapshot, *, exists: bool) -> None:
    """One line of 150 characters: `pulumi preview --diff` cuts longer ones."""
    sentence = decide(request_, seen, exists=exists).sentence
    assert len(str(sentence)) <= 150
    assert "\n" not in str(sentence)
