"""CommunicationSystemTrust through the eyes of an engine: adopt, follow, write, remove."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from pulumi.output import UNKNOWN

from btp_trust import property_bag
from btp_trust.errors import (
    CredentialsRejected,
    NotAuthorized,
    Refused,
    SystemChanged,
    SystemRefused,
    TrustError,
    WriteNotApplied,
)
from btp_trust.runtime import command_plan
from btp_trust_emulator import S4Switches
from btp_trust_emulator.switches import Etags, FieldFormat, PatchProperties
from support.fake_engine import (
    CheckFailedError,
    Deployment,
    SendRequest,
    answer_with,
    commit_then_raise,
    raise_before_sending,
)
from support.s4_stack import CONNECTION, PATCH, SYSTEM, S4Stack, program, system

READ = "GET CommunicationSystems"


def test_creation_adopts_what_is_there(stack: S4Stack) -> None:
    """The outputs say what the block trusts, under which name, whether it is active, until when."""
    report = stack.engine.up(program())
    assert stack.patches() == 0
    outputs = stack.engine.outputs("erp")
    assert outputs["trusted"] == [stack.active.fingerprint]
    assert (outputs["provider_name"], outputs["active"], outputs["block"]) == (stack.active.issuer_name, True, "oauth2")
    assert outputs["not_after"].startswith(f"{stack.active.not_after:%Y-%m-%d}")
    assert outputs["tenant"] == stack.url
    assert f"{stack.label}: adopt what is there, and send nothing: it trusts {stack.active.fingerprint[:8]}" in (
        report.messages
    )
    assert "subaccount" not in outputs
    stack.engine.assert_stable(program())


@pytest.mark.parametrize("block", ["oauth2", "saml-bearer"])
def test_declared_certificate_is_written(stack: S4Stack, block: Any) -> None:
    """Creation leaves another certificate and says so; the next update writes, as its preview shows."""
    wanted = program(certificate=stack.passive.pem, block=block)
    report = stack.engine.up(wanted)
    assert stack.patches() == 0
    assert "The next `pulumi preview` shows the write" in report.messages
    assert f"declares {stack.passive.fingerprint[:8]}" in report.messages
    report = stack.engine.up(wanted)
    assert stack.patches() == 1
    assert stack.trusted(block) == stack.passive.fingerprint
    assert report.inputs["erp"]["write"]["only_if_trusted"] == stack.active.fingerprint
    assert report.inputs["erp"]["write"]["becomes"].startswith(stack.passive.fingerprint[:8])
    assert report.changed["erp"] == {"trusted", "write"}
    assert f"trust {stack.passive.fingerprint[:8]} (expires" in report.messages
    assert stack.trusted("saml-bearer" if block == "oauth2" else "oauth2") == stack.active.fingerprint
    stack.engine.assert_stable(wanted)
    # A revert of the program is a write of its own.
    stack.engine.up(program(certificate=stack.active.pem, block=block))
    assert stack.trusted(block) == stack.active.fingerprint
    assert stack.engine.outputs("erp")["trusted"] == [stack.active.fingerprint]


@pytest.mark.parametrize(
    "switches",
    [
        {"field_format": FieldFormat.PEM},
        {"field_format": FieldFormat.KEY},
        {"patch_properties": PatchProperties.BASE64_ALONE},
        {"etags": Etags.OFF},
        {"etags": Etags.OPTIONAL},
    ],
    ids=str,
)
def test_every_answer_to_unknowns_works(stack: S4Stack, switches: dict[str, Any]) -> None:
    """A real system may do any of these: the program stays as it is."""
    other = S4Stack(stack.engine, S4Switches(**switches))
    is_key = switches.get("field_format") is FieldFormat.KEY
    wanted = program(certificate=other.passive.pem)
    other.engine.deploy(program(), wanted)
    expected = other.passive.key_identity if is_key else other.passive.fingerprint
    assert other.engine.outputs("erp")["trusted"] == [expected]
    assert ("not_after" in other.engine.outputs("erp")) is not is_key
    assert other.trusted() == expected


def test_ignored_certificate_is_an_error(stack: S4Stack) -> None:
    """A system that answers with success and keeps the earlier certificate is no system that trusts the new one."""
    other = S4Stack(stack.engine, S4Switches(patch_properties=PatchProperties.IGNORED))
    wanted = program(certificate=other.passive.pem)
    other.engine.deploy(program())
    for _ in range(2):
        with pytest.raises(WriteNotApplied, match="still has the earlier one"):
            other.engine.up(wanted)
        assert other.engine.outputs("erp")["trusted"] == [other.active.fingerprint]


def test_empty_block_needs_format(stack: S4Stack) -> None:
    """An empty field leaves the format open; with `certificate_format` it is written."""
    stack.let_trust(None)
    wanted = program(certificate=stack.active.pem)
    stack.engine.up(wanted)
    assert stack.engine.outputs("erp")["trusted"] == []
    with pytest.raises(Refused, match="certificate_format"):
        stack.engine.up(wanted)
    assert stack.patches() == 0
    stack.engine.deploy(program(certificate=stack.active.pem, certificate_format="certificate"))
    assert stack.trusted() == stack.active.fingerprint


def test_foreign_change_is_warned_of(stack: S4Stack) -> None:
    """A change by hand is a warning in a preview and a drift in a refresh; a deployment records it."""
    stack.engine.deploy(program())
    stack.let_trust(stack.passive)
    warning = f"warning: {stack.label}: The certificate was changed: it trusts {stack.passive.fingerprint[:8]} now."
    assert warning.replace("warning: ", "") in stack.engine.preview(program()).messages
    stack.engine.refresh()
    stack.engine.refresh()
    assert "changed" in stack.engine.outputs("erp")["drift"]
    assert stack.engine.preview(program()).operations == {"erp": "update"}
    stack.engine.config["btp-trust:strict"] = "true"
    stack.engine.up(program())
    assert "drift" not in stack.engine.outputs("erp")
    assert stack.patches() == 0
    stack.let_trust(stack.active)
    with pytest.raises(Refused, match="The certificate was changed"):
        stack.engine.preview(program())
    with pytest.raises(Refused, match="The certificate was changed"):
        stack.engine.refresh()


def test_declared_certificate_is_restored(stack: S4Stack) -> None:
    """A change by hand of a declared certificate is warned of, and written back as the preview says."""
    wanted = program(certificate=stack.active.pem)
    stack.engine.deploy(wanted)
    stack.let_trust(stack.passive)
    preview = stack.engine.preview(wanted)
    assert "The certificate was changed" in preview.messages
    assert preview.inputs["erp"]["write"]["only_if_trusted"] == stack.passive.fingerprint
    stack.engine.deploy(wanted)
    assert stack.trusted() == stack.active.fingerprint
    stack.let_trust(stack.passive)
    assert stack.engine.preview(wanted).inputs["erp"]["write"]["number"] == 2


def test_switched_system_is_not_warned_of(stack: S4Stack) -> None:
    """Where a RotationTrigger switches the block over, that one knows more of each change."""
    stack.engine.deploy(program(switched_by="RotationTrigger"))
    stack.let_trust(stack.passive)
    report = stack.engine.up(program(switched_by="RotationTrigger"))
    assert "was changed" not in report.messages
    assert stack.engine.outputs("erp")["trusted"] == [stack.passive.fingerprint]


def test_refresh_of_a_switched_system_warns(stack: S4Stack) -> None:
    """A refresh checks no RotationTrigger, so the resource itself says what has changed."""
    stack.engine.deploy(program(switched_by="RotationTrigger"))
    stack.let_trust(stack.passive)

    assert "was changed" in stack.engine.preview_refresh().messages


def test_switchover_replaces_write(stack: S4Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a command in which a RotationTrigger switches the block over, the resource leaves the write to it."""
    wanted = program(certificate=stack.passive.pem)
    stack.engine.up(wanted)
    plan = command_plan.SystemPlan(switched_to=stack.passive)
    monkeypatch.setattr(command_plan.CommandPlans, "of_system", lambda *_: plan)
    stack.engine.up(wanted, skip_preview=True)
    assert stack.patches() == 0
    assert stack.engine.outputs("erp")["trusted"] == [stack.active.fingerprint]


def test_killed_write_is_recorded(stack: S4Stack) -> None:
    """After a run that was killed before it could record, the next one records."""
    wanted = program(certificate=stack.passive.pem)
    stack.engine.up(wanted)
    stack.let_trust(stack.passive)  # as the killed run left it
    report = stack.engine.up(wanted)
    assert "already: this deployment records it" in report.messages
    assert "was changed" not in report.messages
    assert stack.patches() == 0
    stack.engine.assert_stable(wanted)


def test_change_after_preview_stops_write(stack: S4Stack) -> None:
    """A write is for exactly what the preview showed."""
    wanted = program(certificate=stack.passive.pem)
    stack.engine.up(wanted)
    # Between check and update of the same command, somebody empties the field.
    reads: list[httpx.Request] = []

    def meddle(request: httpx.Request, send: SendRequest) -> httpx.Response:
        reads.append(request)
        if len(reads) == 2:
            stack.let_trust(None)
        return send(request)

    stack.engine.transport.inject_always(meddle, READ)
    with pytest.raises(SystemChanged, match=f"Planned for: {stack.active.fingerprint[:8]}"):
        stack.engine.up(wanted, skip_preview=True)
    assert stack.trusted() is None


def test_lost_answer_is_read_again(stack: S4Stack) -> None:
    """A lost answer is followed by a reading, which shows that it was done."""
    wanted = program(certificate=stack.passive.pem)
    stack.engine.up(wanted)
    stack.engine.transport.inject_once(PATCH, commit_then_raise(httpx.ReadTimeout("")))
    stack.engine.up(wanted)
    assert stack.trusted() == stack.passive.fingerprint


def test_refusal_quotes_system(stack: S4Stack) -> None:
    """What the system refuses is an error with its own words; what it trusts stays."""
    wanted = program(certificate=stack.passive.pem)
    stack.engine.up(wanted)
    refusal = {"error": {"code": "CM_APS_CS/026", "message": "Certificate is unsupported"}}
    stack.engine.transport.inject_always(answer_with(400, json=refusal), PATCH)
    with pytest.raises(SystemRefused, match=f"{SYSTEM} at .*\n.*Certificate is unsupported"):
        stack.engine.up(wanted)
    assert stack.trusted() == stack.active.fingerprint


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (raise_before_sending(httpx.ConnectError("")), TrustError),
        (answer_with(403, json={"error": {"code": "1", "message": "denied"}}), NotAuthorized),
        (answer_with(401), CredentialsRejected),
    ],
)
def test_unreachable_system_is_tolerated(stack: S4Stack, error: Any, kind: type[TrustError]) -> None:
    """A command with nothing to do warns of it; one with changes ends."""
    stack.engine.deploy(program())
    stack.engine.transport.inject_always(error, READ)
    report = stack.engine.up(program())
    assert report.has_no_changes
    assert "its resources are those of the state of 20" in report.messages
    stack.engine.refresh()
    with pytest.raises(kind):
        stack.engine.up(program(certificate=stack.passive.pem))
    assert stack.patches() == 0


def test_wrong_password_is_sent_once(stack: S4Stack) -> None:
    """A command with a wrong password logs on once, also for several blocks."""
    user = {**stack.user, "password": "wrong"}
    stack.engine.config["btp-trust:connections"] = json.dumps({CONNECTION: user, "other": user})

    def both(deployment: Deployment) -> None:
        system(deployment)
        system(deployment, "second", block="saml-bearer")

    stack.engine.transport.sent.clear()
    with pytest.raises(CredentialsRejected, match="locked after a few failed logons"):
        stack.engine.up(both)
    assert stack.engine.transport.sent == [READ]


def test_offline_plans_from_state(stack: S4Stack) -> None:
    """Offline, the state is planned with."""
    wanted = program(certificate=stack.passive.pem)
    stack.engine.deploy(program())
    stack.engine.config["btp-trust:offline"] = "true"
    stack.engine.transport.sent.clear()
    assert stack.engine.preview(program()).has_no_changes
    assert stack.engine.preview(wanted).operations == {"erp": "update"}
    stack.engine.refresh()
    with pytest.raises(TrustError, match="is written offline"):
        stack.engine.up(wanted)
    stack.engine.state.clear()
    assert stack.engine.preview(wanted).operations == {"erp": "create"}
    assert stack.engine.transport.sent == []


def test_unknown_certificate_is_awaited(stack: S4Stack) -> None:
    """An unknown certificate is shown as such; the update writes what it turns out to be."""
    stack.engine.deploy(program())
    preview = stack.engine.preview(program(certificate=UNKNOWN))
    assert preview.operations == {"erp": "update"}
    assert preview.inputs["erp"]["write"]["becomes"] == property_bag.UNKNOWN
    assert "(unknown in this preview)" in preview.messages
    stack.engine.up(program(certificate=stack.passive.pem), skip_preview=True)
    assert stack.trusted() == stack.passive.fingerprint
    stack.engine.state.clear()
    assert "declares another certificate" in stack.engine.preview(program(certificate=UNKNOWN)).messages


def test_removal_leaves_system(stack: S4Stack) -> None:
    """Removing the resource says what stays."""
    stack.engine.deploy(program())
    stack.engine.transport.sent.clear()
    report = stack.engine.up(lambda _: None)
    assert stack.engine.transport.sent == []
    assert f"it trusted {stack.active.fingerprint[:8]} at the last reading" in report.messages


def test_vanished_system_stays_in_state(stack: S4Stack) -> None:
    """A refresh warns of a system that is gone; a preview refuses."""
    stack.engine.deploy(program())
    gone = answer_with(200, json={"value": []})
    stack.engine.transport.inject_always(gone, READ)
    report = stack.engine.refresh()
    assert f"communication system '{SYSTEM}'" in report.messages
    assert "Or remove the resource." in report.messages
    assert "drift" in stack.engine.outputs("erp")
    stack.engine.assert_refused(program(), SYSTEM)


@pytest.mark.parametrize(
    ("changes", "prop"), [({"system": "OTHER"}, "system"), ({"block": "saml-bearer"}, "block")], ids=str
)
def test_resource_keeps_its_block(stack: S4Stack, changes: dict[str, str], prop: str) -> None:
    """A move to another system or block is refused."""
    stack.engine.deploy(program())
    with pytest.raises(CheckFailedError, match="move to") as caught:
        stack.engine.preview(program(**changes))
    assert caught.value.prop == prop


def test_resource_keeps_its_tenant(stack: S4Stack) -> None:
    """A connection that leads to another tenant is refused, also in a refresh, before anything is read."""
    stack.engine.deploy(program())
    first, other = stack.url, S4Stack(stack.engine)
    message = stack.engine.assert_refused(program())
    assert first in message
    assert other.url in message
    with pytest.raises(Refused, match="is for another tenant"):
        stack.engine.refresh()


def test_second_resource_is_refused(stack: S4Stack) -> None:
    """Two resources for one block are refused, by one connection or two, whose URLs may be written differently."""
    scheme, _, rest = stack.user["url"].partition("://")
    host, _, path = rest.partition("/")
    port = {"http": 80, "https": 443}[scheme]
    same = {**stack.user, "url": f"{scheme.upper()}://{host}:{port}/{path}/"}
    stack.engine.config["btp-trust:connections"] = json.dumps({CONNECTION: stack.user, "same": same})

    def twice(deployment: Deployment) -> None:
        system(deployment)
        system(deployment, "again", connection="same")

    stack.engine.assert_refused(twice, SYSTEM)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"certificate": "hello"}, "PEM certificate (BEGIN"),
        ({"certificate": "-----BEGIN CERTIFICATE-----AAAA-----END CERTIFICATE-----"}, "an X.509 certificate"),
        ({"certificate": ""}, "got an empty one"),
        ({"system": ""}, "got an empty one"),
        ({"block": "saml"}, "It is oauth2 or saml-bearer."),
        ({"certificate_format": "der"}, "It is certificate or pem or key."),
    ],
)
def test_bad_argument_is_refused(stack: S4Stack, args: dict[str, str], words: str) -> None:
    """An unusable argument is refused with the reason."""
    assert words in stack.engine.assert_refused(program(**args))


def test_inactive_block_is_named(stack: S4Stack) -> None:
    """A block that is switched off is adopted, and the line says that it refuses everything."""
    stack.let_trust(stack.active, active=False, provider_name="")
    report = stack.engine.up(program())
    assert "inactive: it refuses every assertion" in report.messages
    assert stack.engine.outputs("erp")["active"] is False
    stack.let_trust(stack.active)
    stack.engine.refresh()
    assert stack.engine.outputs("erp")["active"] is True
    stack.engine.deploy(program())


def test_missing_connection_is_named(stack: S4Stack) -> None:
    """A connection that lacks a user is an error with the places that were searched."""
    del stack.engine.config["btp-trust:connections"]
    with pytest.raises(TrustError, match="communication user was found for connection 's4'"):
        stack.engine.up(program())


def test_machine_without_exceptions_is_noted(stack: S4Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A form of NO_PROXY that has no effect is named before the first request, as for service keys."""
    monkeypatch.setattr("btp_trust.runtime.communication_systems.no_proxy_note", lambda: "NO_PROXY has no effect")
    assert "NO_PROXY has no effect" in stack.engine.preview(program()).messages
