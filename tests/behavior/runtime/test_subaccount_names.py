"""The subaccount's name for people: in lines, errors, inputs and outputs."""

from __future__ import annotations

import json
import re

import pytest

from btp_trust.errors import TrustError
from btp_trust_emulator import Emulator
from support.fake_engine import Deployment, FakeEngine, program

FOUR = ("display_name", "subaccount")


def stack_of(emulator: Emulator, subdomain: str) -> tuple[FakeEngine, str]:
    """Return a stack on a subaccount with this subdomain, and the label of that."""
    guid = emulator.create_subaccount(subdomain=subdomain, generate=True).guid
    return FakeEngine(emulator, guid), f"{subdomain} ({guid[:8]})"


def test_equal_lines_of_two_subaccounts(emulator: Emulator) -> None:
    """Two subaccounts with the same to say are two lines; the resources of one share a line."""
    engine, first = stack_of(emulator, "acme-prod")
    other = emulator.create_subaccount(subdomain="acme-test", generate=True)
    engine.config["btp-trust:connections"] = json.dumps({"other": emulator.service_key(other.guid)})

    def run(deployment: Deployment) -> None:
        deployment.active("prod")
        deployment.trigger("rotation", generation="a")
        deployment.active("test", connection="other")

    engine.up(run)
    engine.config["btp-trust:offline"] = "true"
    lines = engine.preview(run).messages.splitlines()
    assert [line.partition(" was not checked")[0] for line in lines] == [
        f"warning: ActiveTrustCertificate prod: {first}",
        f"warning: ActiveTrustCertificate test: acme-test ({other.guid[:8]})",
    ]


def test_lines_name_resource_and_subaccount(emulator: Emulator) -> None:
    """On standard error, each line begins with the resource and the subaccount."""
    engine, label = stack_of(emulator, "acme-lines")
    engine.deploy(program(), program("b", "a"))
    (line,) = engine.preview(program("b", "b")).messages.splitlines()
    assert line.startswith(f"RotationTrigger rotation, {label}: rotate: ")


def test_refusals_name_the_subaccount(emulator: Emulator) -> None:
    """The refusal of check and the error of another call begin with the subaccount, once."""
    engine, label = stack_of(emulator, "acme-refused")
    engine.deploy(program("b", "a"))
    message = engine.assert_refused(program("b", "c"))
    assert message.startswith(f"{label}: Generation 'c'")
    assert message.splitlines()[0].count(label) == 1
    engine.config["btp-trust:serviceKey"] = ""
    with pytest.raises(TrustError, match=f"^{re.escape(label)}: ") as raised:
        engine.up(program(None, "a"), skip_preview=True)
    assert raised.value.what.count(label) == 1


def test_label_is_input_and_output(emulator: Emulator) -> None:
    """Each resource shows the subaccount in a preview and records it; later the state has it."""
    engine, label = stack_of(emulator, "acme-label")
    previewed = engine.preview(program("b", "a")).inputs
    assert {inputs["subaccount"] for inputs in previewed.values()} == {label}
    engine.deploy(program("b", "a"))
    assert {stored.outputs["subaccount"] for stored in engine.state.values()} == {label}
    engine.config["btp-trust:serviceKey"] = ""
    report = engine.preview(program("b", "a"))
    assert report.has_no_changes
    assert {inputs["subaccount"] for inputs in report.inputs.values()} == {label}
    assert f"{label} was not checked" in report.messages


def test_state_without_label(emulator: Emulator) -> None:
    """A state of before is left as it is: the name appears with the next update."""
    engine, label = stack_of(emulator, "acme-before")
    engine.deploy(program("b", "a"))
    for stored in engine.state.values():
        del stored.inputs["subaccount"], stored.outputs["subaccount"]
    assert engine.refresh().operations == dict.fromkeys(engine.state, "same")
    assert engine.preview(program("b", "a")).has_no_changes
    engine.config["btp-trust:offline"] = "true"
    assert f"subaccount {engine.guid[:8]} was not checked" in engine.preview(program("b", "a")).messages
    del engine.config["btp-trust:offline"]
    engine.up(program("b", "b"))
    assert engine.outputs("rotation")["subaccount"] == label


def test_display_name_replaces_subdomain(emulator: Emulator) -> None:
    """`display_name` is the name of its own resource; giving it only updates the state."""
    engine, label = stack_of(emulator, "acme-named")
    engine.deploy(program("b", "a"))
    named = program("b", "a", trigger={"display_name": "Müller & Söhne"})
    report = engine.up(named)
    assert report.operations == {"next": "same", "rotation": "update", "signing": "same"}
    assert report.writes == []
    assert report.changed["rotation"] == set(FOUR)
    assert engine.outputs("rotation")["subaccount"] == f"Müller & Söhne ({engine.guid[:8]})"
    assert report.inputs["signing"]["subaccount"] == label
    engine.assert_stable(named)


@pytest.mark.parametrize("name", ["", " acme", "acme ", "ac\nme", "ac\x1b[31mme", "a" * 101])
def test_unprintable_name_is_refused(emulator: Emulator, name: str) -> None:
    """An empty, long or unprintable name is refused, with the argument."""
    engine, _ = stack_of(emulator, f"acme-{len(emulator.subaccounts())}")
    message = engine.assert_refused(program(active={"display_name": name}))
    assert "display_name" in message
    assert "\x1b" not in message


def test_identity_provider_names_its_subaccount(emulator: Emulator) -> None:
    """A TrustedIdentityProvider belongs to the subaccount that trusts, and names its source where it speaks of that."""
    engine, label = stack_of(emulator, "acme-source")
    target = emulator.create_subaccount(subdomain="acme-target")
    engine.target_guid = target.guid
    keys = {"billing": emulator.api_access_key(target.guid)}
    engine.config["btp-trust:connections"] = json.dumps(keys)
    trusting = program(trusted={"connection": "billing", "origin_key": "acme"})
    report = engine.up(trusting)
    assert report.inputs["billing"]["subaccount"] == f"acme-target ({target.guid[:8]})"
    assert f"TrustedIdentityProvider billing, acme-target ({target.guid[:8]}): identity provider 'acme': " in (
        report.messages
    )
    engine.config["btp-trust:serviceKey"] = ""
    (line,) = engine.preview(trusting).messages.splitlines()
    assert line.startswith(f"warning: ActiveTrustCertificate signing: {label} was not checked")
    alone = engine.diff_with_unknowns("billing", ())[1].messages
    assert f"acme-target ({target.guid[:8]}): subaccount {engine.guid[:8]} was not checked" in alone
