"""Before a swap: the destinations exist and are suitable, and the user's token can be fetched."""

from __future__ import annotations

import json
from typing import Any

import pytest

from btp_trust.errors import (
    NoUserToken,
    Refused,
    ServiceUnavailable,
    TrustError,
)
from btp_trust_emulator import Emulator
from support.fake_engine import (
    CheckFailedError,
    FakeEngine,
    answer_with,
    assert_three_part_message,
    interleave,
    program,
)
from support.verification import (
    FIND_S4,
    ROTATE,
    SAML,
    USER,
    VerificationScenario,
)


def missing_warning(engine: FakeEngine, name: str) -> str:
    """Return the warning about a missing destination."""
    return f"warning: {engine.subject}Destination {name!r} is not found."


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"Authentication": "NoAuthentication"}, "NoAuthentication", id="another authentication"),
        pytest.param({"KeyStoreLocation": "own.jks"}, "own key store", id="a key of its own"),
        pytest.param({"SAMLAssertionProvider": "ClientProvided"}, "The client brings", id="the client's"),
        pytest.param({"Type": "LDAP"}, "Its Type is LDAP", id="another type"),
        pytest.param(None, "not found", id="missing destination"),
    ],
)
def test_unsuitable_destination_refuses_the_swap(
    scenario: VerificationScenario, change: dict[str, str] | None, reason: str
) -> None:
    """The preview and the deployment refuse a missing or unsuitable destination."""
    engine = scenario.engine
    destinations = {destination.name: destination for destination in scenario.emulator.destinations(scenario.guid)}
    scenario.emulator.delete_destination(scenario.guid, "s4")
    if change is not None:
        scenario.emulator.create_destination(scenario.guid, {**destinations["s4"].properties, **change})
    engine.assert_refused(scenario.program("b", "sf", "s4"), "s4", reason)
    with pytest.raises(CheckFailedError, match="s4"):
        engine.up(scenario.program("b", "sf", "s4"), skip_preview=True)
    assert engine.last_report.writes == []
    engine.deploy(scenario.program("b", "sf", "assertion"))


@pytest.mark.parametrize(
    ("user", "fault", "kind"),
    [
        pytest.param(None, None, NoUserToken, id="missing user"),
        pytest.param({"name": USER, "password": "wrong"}, None, NoUserToken, id="rejected logon"),
        pytest.param({"token": "expired"}, None, TrustError, id="rejected token"),
        pytest.param({"token": "any"}, answer_with(503), ServiceUnavailable, id="service down"),
    ],
)
def test_missing_user_refuses_the_swap(
    scenario: VerificationScenario, user: dict[str, str] | None, fault: Any, kind: type[TrustError]
) -> None:
    """The preview warns of a missing user and the deployment is refused; a rollback goes ahead."""
    engine = scenario.engine
    configured = engine.config.pop("btp-trust:user")
    if user is not None:
        engine.config["btp-trust:user"] = json.dumps(user)
    if fault is not None:
        engine.transport.inject_always(fault, FIND_S4)
    with pytest.raises(kind) as refusal:
        engine.up(scenario.program("b", "s4"))
    assert_three_part_message(str(refusal.value), "'b' was not made to sign")
    assert engine.last_report.writes == []
    assert ("Without one the deployment refuses the swap" in engine.last_preview.messages) == (user is None)
    engine.transport.clear_faults()
    engine.config["btp-trust:user"], unusable = configured, engine.config.pop("btp-trust:user", None)
    engine.deploy(scenario.program("b", "s4", "assertion"))
    engine.config = {**engine.config, "btp-trust:user": unusable or "", "btp-trust:users": ""}
    if fault is not None:
        engine.transport.inject_always(fault, FIND_S4)
    report = engine.up(scenario.program("a", "s4"))
    assert report.writes == [ROTATE]
    assert "The rollback goes on." in report.messages
    assert scenario.verdicts()["s4"] == "inconclusive"


def test_strict_preview_needs_a_user(scenario: VerificationScenario) -> None:
    """In a strict run the warning about a missing user is an error."""
    scenario.engine.config.pop("btp-trust:user")
    scenario.engine.config["btp-trust:strict"] = "true"
    scenario.engine.assert_refused(scenario.program("b", "s4"), "BTP_TRUST_USER_TOKEN")
    assert "after the swap s4 will be verified as the user" in scenario.engine.last_report.messages


def test_malformed_user_follows_the_plan(scenario: VerificationScenario) -> None:
    """A malformed user is refused in the preview, below the step that needs it."""
    scenario.engine.config["btp-trust:user"] = "{"
    scenario.engine.assert_refused(scenario.program("b", "s4"), "config btp-trust:user")
    messages = scenario.engine.last_report.messages
    assert messages.index(f"{scenario.engine.subject}rotate") < messages.index(
        "after the swap s4 will be verified as the user"
    )


def test_malformed_list_is_refused(scenario: VerificationScenario) -> None:
    """Malformed names and too long lists are refused; duplicates are dropped."""
    for names in (["a/b"], [""], [".."], ["x" * 201], ["a\nb"], [f"d{number}" for number in range(13)]):
        scenario.engine.assert_refused(scenario.program("b", *names))
    assert scenario.engine.preview(scenario.program("b", "s4", "s4")).inputs["rotation"]["verify_destinations"] == [
        "s4"
    ]


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [("S4", "'s4'"), ("s44", "'s4'"), ("asertion", "'assertion'"), ("at the instanze", "'at the instance'")],
)
def test_mistyped_name_is_refused(scenario: VerificationScenario, name: str, suggestion: str) -> None:
    """The preview refuses a mistyped name with a suggestion from either level, before a swap or a request."""
    engine = scenario.engine
    scenario.emulator.create_destination(scenario.guid, {**SAML, "Name": "at the instance"}, "instance")
    for declared in (scenario.program("b", "sf", name), scenario.program("a", "sf", name, verify_now="2")):
        message = engine.assert_refused(declared, repr(name), f"did you mean {suggestion}")
        assert "verify_destinations" in message.splitlines()[-1]
    with pytest.raises(CheckFailedError):
        engine.up(scenario.program("b", name), skip_preview=True)
    assert engine.last_report.writes == []


def test_unlike_name_has_no_suggestion(scenario: VerificationScenario) -> None:
    """Only a similar name is suggested."""
    assert "did you mean" not in scenario.engine.assert_refused(
        scenario.program("b", "billing"), "'billing' is not found"
    )


def test_new_list_warns_of_missing_destinations(scenario: VerificationScenario) -> None:
    """Until a verification is due, a missing destination is a warning, once for each change of the list."""
    engine, declared = scenario.engine, scenario.program("a", "s4", "assertion", "later", "latest", verify_now="first")
    engine.up(declared)
    for name in ("later", "latest"):
        assert missing_warning(engine, name) in engine.last_preview.messages
    assert not any("estinations" in request for request in engine.preview(declared).requests)
    engine.assert_stable(declared)
    engine.config["btp-trust:strict"] = "true"
    with pytest.raises(CheckFailedError):
        engine.preview(scenario.program("a", "latter"))


def test_list_at_creation_is_inspected(emulator: Emulator) -> None:
    """The list of a trigger that is created is inspected."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    report = engine.up(program(active_generation="a", trigger={"verify_destinations": ["s5"]}))
    assert missing_warning(engine, "s5") in report.messages


def test_rollback_ignores_mistyped_name(scenario: VerificationScenario) -> None:
    """A rollback by the program is done in spite of a mistyped name, with a warning."""
    engine = scenario.engine
    engine.deploy(scenario.program("b", "s4", "assertion"))
    engine.config["btp-trust:strict"] = "true"
    report = engine.up(scenario.program("a", "s44"))
    assert report.writes == [ROTATE]
    assert missing_warning(engine, "s44") in report.messages
    assert "The rollback goes on." in report.messages


def test_failed_listing_permits_the_preview(scenario: VerificationScenario) -> None:
    """If the listing fails, the preview warns once and the deployment inspects before its swap."""
    engine = scenario.engine
    engine.transport.inject_always(answer_with(403), "GET instanceDestinations", FIND_S4)
    engine.preview(scenario.program("b", "sf", "s4", "assertion"))
    assert (
        f"warning: {engine.subject}The destinations to be verified could not be listed. " in engine.last_report.messages
    )
    with pytest.raises(Exception, match="403"):
        engine.up(scenario.program("b", "sf", "s4", "assertion"))
    assert engine.last_report.writes == []


def test_offline_preview_inspects_nothing(scenario: VerificationScenario) -> None:
    """An offline preview accepts any name and leaves the service alone."""
    scenario.engine.config["btp-trust:offline"] = "true"
    scenario.engine.preview(scenario.program("a", "s44"))
    assert scenario.engine.last_report.requests == []


def test_deleted_destination_refuses_the_swap(scenario: VerificationScenario) -> None:
    """The deployment inspects again, as the user."""
    engine = scenario.engine
    delete = interleave(after=lambda: scenario.emulator.delete_destination(scenario.guid, "s4"))
    engine.transport.inject_once("GET instanceDestinations", delete, after=1)
    with pytest.raises(Refused) as refusal:
        engine.up(scenario.program("b", "sf", "s4"))
    assert_three_part_message(str(refusal.value), "'b' was not made to sign", "'s4' is not found")
    assert engine.last_report.writes == []
