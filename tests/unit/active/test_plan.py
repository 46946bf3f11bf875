"""The plan of ActiveTrustCertificate: adopt and follow, make the first one, renew only where an outage is accepted."""

from __future__ import annotations

import pytest

from btp_trust.active.plan import Action, Request, decide
from btp_trust.errors import Refused
from btp_trust.snapshot import Snapshot
from support.fake_engine import assert_three_part_message, make_certificate, make_snapshot

A = make_certificate("a")
B = make_certificate("b", created_on_day=30)
AB, NOTHING = make_snapshot(A, B), make_snapshot(None)
RENEW = Request(renew_fingerprint=A.fingerprint, accept_outage=True)
RENEW_OTHER = Request(renew_fingerprint=B.fingerprint, accept_outage=True)


@pytest.mark.parametrize(
    ("request_", "seen", "exists", "action"),
    [
        pytest.param(Request(), AB, False, Action.FOLLOW, id="creating adopts what signs"),
        pytest.param(Request(generate=True), AB, False, Action.FOLLOW, id="generate adopts what signs"),
        pytest.param(Request(generate=True), AB, True, Action.FOLLOW, id="generate left in the code does nothing"),
        pytest.param(Request(generate=True), NOTHING, False, Action.GENERATE, id="generate makes the first one"),
        pytest.param(Request(), AB, True, Action.FOLLOW, id="an update follows the slot"),
        pytest.param(RENEW, AB, True, Action.RENEW, id="exactly the certificate that signs is renewed"),
        pytest.param(RENEW_OTHER, AB, True, Action.FOLLOW, id="the passive one is not renewed"),
        pytest.param(
            RENEW, make_snapshot(B, A), True, Action.FOLLOW, id="a certificate that stopped signing is not renewed"
        ),
    ],
)
def test_a_situation_leads_to_one_action(request_: Request, seen: Snapshot, *, exists: bool, action: Action) -> None:
    """An action that calls the service has a sentence; one that calls nothing has none."""
    step = decide(request_, seen, exists=exists)
    assert step.action is action
    assert (step.sentence is None) == (action is Action.FOLLOW)


@pytest.mark.parametrize(
    ("request_", "seen", "exists", "prop", "named"),
    [
        pytest.param(Request(), NOTHING, False, "generate", "generate=True", id="nothing to adopt"),
        pytest.param(Request(), NOTHING, True, "generate", "remove all resources", id="what signed is gone"),
        pytest.param(Request(generate=True), NOTHING, True, "generate", "trusted by nobody", id="no second first one"),
        pytest.param(
            Request(renew_fingerprint=A.fingerprint),
            AB,
            True,
            "renew_fingerprint",
            "Rotate instead: PassiveTrustCertificate, then RotationTrigger",
            id="an outage that nobody accepted",
        ),
        pytest.param(
            Request(renew_fingerprint=A.fingerprint),
            AB,
            False,
            "renew_fingerprint",
            "Rotate instead: PassiveTrustCertificate, then RotationTrigger",
            id="an outage that nobody accepted, created",
        ),
        pytest.param(RENEW, AB, False, "renew_fingerprint", "in a second one", id="creating never renews"),
    ],
)
def test_what_nobody_accepted_is_refused(
    request_: Request, seen: Snapshot, *, exists: bool, prop: str, named: str
) -> None:
    """In three parts, at the argument to blame, with the way out."""
    with pytest.raises(Refused) as refused:
        decide(request_, seen, exists=exists)
    assert refused.value.prop == prop
    assert_three_part_message(str(refused.value), named)


@pytest.mark.parametrize(
    ("request_", "exists"),
    [
        pytest.param(RENEW_OTHER, True, id="not signing"),
        pytest.param(RENEW_OTHER, False, id="creating with one that does not sign"),
    ],
)
def test_a_renewal_that_calls_for_nothing_says_so(request_: Request, *, exists: bool) -> None:
    """The note names the fingerprint that was asked for."""
    note = decide(request_, AB, exists=exists).note
    assert str(request_.renew_fingerprint) in str(note)


@pytest.mark.parametrize(
    ("request_", "seen", "exists"),
    [
        pytest.param(Request(generate=True), NOTHING, False, id="generate"),
        pytest.param(RENEW, AB, True, id="renew"),
    ],
)
def test_a_step_fits_into_what_a_preview_shows(request_: Request, seen: Snapshot, *, exists: bool) -> None:
    """One line of 150 characters: `pulumi preview --diff` cuts longer ones."""
    sentence = decide(request_, seen, exists=exists).sentence
    assert len(str(sentence)) <= 150
    assert "\n" not in str(sentence)
