"""Targets accept assertions of signers that they trust, and reject all others."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from btp_trust_emulator import (
    Emulator,
)
from btp_trust_emulator.saml import assertion
from support.saml import (
    ISSUER,
    NEW,
    NOW,
    OLD,
    SAML2_BEARER,
    TARGET_KINDS,
    UNTRUSTED,
    create_trusting,
    create_trusting_system,
    fingerprint,
    note,
    present_assertion,
    send_assertion,
)

if TYPE_CHECKING:
    from collections.abc import Callable

REFUSED = {"system": (400, "invalid_grant"), "subaccount": (401, "unauthorized")}
"""How each kind of target refuses an assertion: as RFC 7522 has it, or as the UAA does."""


@TARGET_KINDS
def test_trusted_signer_is_accepted(kind: str, emulator_at_assertion_time: Emulator, http: httpx.Client) -> None:
    """Each of two certificates is accepted; the journal names the signer, and nothing of the assertion."""
    target = create_trusting(kind, emulator_at_assertion_time, http, OLD, NEW)
    for signer in (OLD, NEW):
        response = present_assertion(http, target, signer)
        assert (response.status_code, response.json()["token_type"].lower()) == (200, "bearer")
        assert response.json()["expires_in"] > 0
        assert note(emulator_at_assertion_time) == f"accepted an assertion signed with {fingerprint(signer)}"
    assert set(target.certificates) == {fingerprint(OLD), fingerprint(NEW)}


@TARGET_KINDS
@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        pytest.param(lambda signed: signed.replace(b"joe", b"jim"), "the signature is by another key", id="tampered"),
        pytest.param(lambda _: UNTRUSTED.assertion(), "the signature is by another key", id="an untrusted signer"),
        pytest.param(lambda _: OLD.assertion(changes={"issuer": "somebody"}), "its issuer is unknown", id="issuer"),
        pytest.param(lambda _: OLD.assertion(changes={"audience": "somebody"}), "its audience", id="audience"),
        pytest.param(lambda _: b"nonsense", "it is not well-formed XML", id="nonsense"),
    ],
)
def test_rejection_is_oauth_error(
    kind: str, emulator_at_assertion_time: Emulator, http: httpx.Client, spoil: Callable[[bytes], bytes], why: str
) -> None:
    """Any other assertion is an OAuth error; the journal has the reason, a system's response too."""
    target = create_trusting(kind, emulator_at_assertion_time, http, OLD)
    response = send_assertion(http, target, spoil(OLD.assertion()))
    assert (response.status_code, response.json()["error"]) == REFUSED[kind]
    assert (why in response.json()["error_description"]) == (kind == "system")
    assert str(note(emulator_at_assertion_time)).startswith(f"rejected: {why}")


@TARGET_KINDS
def test_clock_limits_assertion(kind: str, emulator_at_assertion_time: Emulator, http: httpx.Client) -> None:
    """An assertion is rejected before its beginning and after its end, beyond the allowed skew."""
    target = create_trusting(kind, emulator_at_assertion_time, http, OLD)
    for seconds in (-120, 661):
        emulator_at_assertion_time.set_clock(NOW + timedelta(seconds=seconds))
        assert present_assertion(http, target).status_code == REFUSED[kind][0]
    assert [str(entry.note) for entry in emulator_at_assertion_time.journal()[-2:]] == [
        "rejected: it is not valid yet",
        "rejected: it has expired",
    ]


def test_system_accepts_assertion_once(emulator_at_assertion_time: Emulator, http: httpx.Client) -> None:
    """A second time is a replay at this target; a rejected assertion may be presented again."""
    target = create_trusting_system(emulator_at_assertion_time, OLD)
    octets = OLD.assertion(changes={"audience": target.entity_id, "recipient": target.token_service_url})
    assert [send_assertion(http, target, octets).status_code for _ in range(2)] == [200, 400]
    assert note(emulator_at_assertion_time) == "rejected: it was used before"


def test_expired_assertions_are_forgotten(emulator_at_assertion_time: Emulator, http: httpx.Client) -> None:
    """The state drops used assertions when they expire."""
    target = create_trusting_system(emulator_at_assertion_time, OLD)
    stated = assertion.Statement(ISSUER, "joe", target.entity_id, target.token_service_url)
    for hours in (1, 2):
        emulator_at_assertion_time.set_clock(NOW + timedelta(hours=hours))
        fresh = assertion.sign_assertion(stated, NOW + timedelta(hours=hours), OLD.key)
        assert send_assertion(http, target, fresh).status_code == 200
    assert len(emulator_at_assertion_time._landscape.state.used_assertions) == 1


@TARGET_KINDS
@pytest.mark.parametrize(
    ("changes", "of_system", "of_subaccount"),
    [
        pytest.param({"grant_type": "refresh_token"}, *[(400, "unsupported_grant_type")] * 2, id="another grant"),
        pytest.param({"assertion": None}, (400, "invalid_request"), REFUSED["subaccount"], id="assertion missing"),
        pytest.param({"assertion": "!"}, *REFUSED.values(), id="malformed base64"),
    ],
)
def test_malformed_request_is_refused(
    kind: str, module_emulator: Emulator, changes: dict[str, Any], of_system: object, of_subaccount: object
) -> None:
    """A malformed request gets the error of OAuth, or of the UAA."""
    module_emulator.set_clock(NOW)
    with httpx.Client(transport=module_emulator.transport) as http:
        response = present_assertion(http, create_trusting(kind, module_emulator, http, OLD), **changes)
    expected = of_system if kind == "system" else of_subaccount
    assert (response.status_code, response.json()["error"]) == expected


@TARGET_KINDS
def test_only_client_presents_assertions(kind: str, emulator_at_assertion_time: Emulator, http: httpx.Client) -> None:
    """A target accepts assertions from its client, by POST."""
    target = create_trusting(kind, emulator_at_assertion_time, http, OLD)
    response = http.post(target.token_service_url, data={"grant_type": SAML2_BEARER}, auth=(target.client_id, "wrong"))
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert http.get(target.token_service_url).status_code == 405


def test_other_paths_are_404(emulator_at_assertion_time: Emulator, http: httpx.Client) -> None:
    """Other paths are 404 in plain text."""
    subdomain, system = (
        emulator_at_assertion_time.create_subaccount().subdomain,
        create_trusting_system(emulator_at_assertion_time),
    )
    browsers = f"{emulator_at_assertion_time.url}/uaa/{subdomain}/saml/SSO/alias/{subdomain}.aws-live-eu12"
    nobody = f"{emulator_at_assertion_time.url}/systems/nobody/sap/bc/sec/oauth2/token"
    for url in (nobody, system.url, browsers, f"{emulator_at_assertion_time.url}/uaa-api"):
        assert http.post(url).text == "Not Found"
