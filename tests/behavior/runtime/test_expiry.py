"""The expiry of the signer through the eyes of an engine: reported once by every command, and never a change."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

import pytest

from btp_trust.certificate import parse_pem
from btp_trust.errors import TrustError
from btp_trust.formatting import format_rfc3339
from btp_trust.resources.trusted_by import SwitchesAtRotation
from btp_trust_emulator import Emulator
from support.fake_engine import HOUR, CheckFailedError, FakeEngine, Program, program
from support.resource_subsets import SUBSETS, write_program

REPORTING: Final = [subset for subset in SUBSETS if subset != ("trusted",)]
WARNING: Final = re.compile(r"active certificate [0-9a-f]{8}( \(\w+\))? (expires in|expired)")
COMMANDS: Final[dict[str, Callable[[FakeEngine, Program], object]]] = {
    "preview": lambda engine, program: engine.preview(program),
    "up": lambda engine, program: engine.up(program, skip_preview=True),
    "refresh": lambda engine, _: engine.refresh(),
    "preview --refresh": lambda engine, program: engine.preview_with_refresh(program),
}


@pytest.fixture
def expiring(emulator: Emulator) -> Iterator[Callable[..., FakeEngine]]:
    """A function that deploys resources, and moves the clock to so many days before the signer expires."""
    began = emulator.now

    def deploy(program: Program | None, days: float) -> FakeEngine:
        guid, target = emulator.create_subaccount(generate=True).guid, emulator.create_subaccount().guid
        engine = FakeEngine(emulator, guid, target_guid=target)
        emulator.advance(HOUR)
        if program is not None:
            engine.up(program)
        emulator.set_clock(not_after(engine) - timedelta(days=days, hours=-1))
        return engine

    yield deploy
    emulator.set_clock(began)


def not_after(engine: FakeEngine) -> datetime:
    """Return when the signer expires."""
    return parse_pem(engine.emulator.certificates(engine.guid)[0] or "").not_after


def said(engine: FakeEngine, command: str, program: Program) -> tuple[int, BaseException | None]:
    """Run a command; return how often it warns of the signer's expiry, and the error that ends it."""
    try:
        COMMANDS[command](engine, program)
    except (TrustError, CheckFailedError) as error:
        return 0, error
    return len(WARNING.findall(engine.last_report.messages)), None


@pytest.mark.parametrize("subset", REPORTING, ids="+".join)
def test_each_command_warns_once(expiring: Callable[..., FakeEngine], subset: tuple[str, ...]) -> None:
    """For each combination of resources, also after the expiry; the preview stays without changes."""
    program = write_program(subset)
    for days in (30, -6):
        engine = expiring(program, days)
        for command in COMMANDS:
            assert said(engine, command, program) == (1, None), (command, days)
            assert engine.last_report.has_no_changes


@pytest.mark.parametrize("subset", REPORTING, ids="+".join)
def test_creation_warns_once(expiring: Callable[..., FakeEngine], subset: tuple[str, ...]) -> None:
    """A creation has no diff: its check warns."""
    engine = expiring(None, 30)
    assert said(engine, "preview", write_program(subset)) == (1, None)


@pytest.mark.parametrize(
    ("config", "days", "warns", "fails"),
    [
        ({}, 61, False, False),
        ({}, 59, True, False),
        ({"btp-trust:expiryWarning": "0"}, -5, False, False),
        ({"btp-trust:expiryWarning": "400"}, 300, True, False),
        ({"btp-trust:strict": "true"}, 15, True, False),
        ({"btp-trust:strict": "true"}, 13, False, True),
        ({"btp-trust:strict": "true"}, -6, False, True),
        ({"btp-trust:strict": "true", "btp-trust:expiryFailure": "30"}, 29, False, True),
    ],
)
def test_settings_decide_when(
    expiring: Callable[..., FakeEngine], config: dict[str, str], days: int, *, warns: bool, fails: bool
) -> None:
    """The days of the warning, and those of an error in a strict run."""
    program = write_program(("active",))
    engine = expiring(program, days)
    engine.config.update(config)
    count, error = said(engine, "preview", program)
    assert (count > 0, error is not None) == (warns, fails)
    if error is not None:
        assert "--config btp-trust:strict=false" in str(error)


def test_changed_setting_is_no_change(expiring: Callable[..., FakeEngine]) -> None:
    """`renew_after` stays as recorded until the certificate changes."""
    program = write_program(("active", "passive", "trigger"))
    engine = expiring(program, 300)
    expected = format_rfc3339(not_after(engine) - timedelta(days=60))
    assert {engine.outputs(name)["renew_after"] for name in ("signing", "rotation")} == {expected}
    engine.config["btp-trust:expiryWarning"] = "90"
    for command in COMMANDS:
        assert said(engine, command, program) == (0, None)
        assert engine.last_report.has_no_changes


def test_strict_program_is_stable(expiring: Callable[..., FakeEngine]) -> None:
    """A program whose signer expires within a year is stable until then: afterwards, a strict run rightly refuses."""
    engine = expiring(program("b", "a"), 300)
    engine.config["btp-trust:strict"] = "true"
    engine.assert_stable(program("b", "a"))
    assert engine.config["btp-trust:strict"] == "true"


def test_remedy_passes_a_strict_run(expiring: Callable[..., FakeEngine]) -> None:
    """To prepare and to rotate is never stopped, though the resources are asked one after the other."""
    adopted = write_program(("active", "trigger"))
    engine = expiring(adopted, 3)
    engine.config["btp-trust:strict"] = "true"
    assert said(engine, "preview", adopted)[1] is not None
    prepared = write_program(("active", "passive", "trigger"))
    assert said(engine, "up", prepared) == (1, None)
    assert said(engine, "preview", prepared)[1] is not None
    rotated = write_program(("active", "passive", "trigger"), "b")
    assert said(engine, "preview --refresh", rotated) == (1, None)
    assert said(engine, "up", rotated) == (1, None)
    assert said(engine, "preview", rotated) == (0, None)


def test_preparing_without_trigger_passes(expiring: Callable[..., FakeEngine]) -> None:
    """PassiveTrustCertificate speaks there, and has done its part with the successor."""
    program = write_program(("active", "passive"))
    engine = expiring(None, 3)
    engine.config["btp-trust:strict"] = "true"
    assert said(engine, "up", program) == (1, None)
    assert said(engine, "preview", program) == (1, None)


def test_warning_names_the_waiting_targets(expiring: Callable[..., FakeEngine]) -> None:
    """Those that lack the successor, with the owner of a deferred upload, and the argument of the rotation."""
    engine = expiring(program("b", "a"), 30)
    engine.emulator.delete_passive(engine.guid)
    trusted = {"s4": [str(engine.slots[0])], "hr": SwitchesAtRotation("Ada")}
    declared = program("c", "a", trigger={"trusted_by": trusted})
    engine.up(declared)
    messages = engine.preview(declared).messages
    assert 'generation="c" on the RotationTrigger' in messages
    assert "s4: no, it trusts" in messages
    assert "hr: gap expected until Ada uploads" in messages


@pytest.mark.parametrize("subset", [("active",), ("trigger",)], ids="+".join)
@pytest.mark.parametrize("days", [300, -6])
def test_state_warns_during_an_outage(expiring: Callable[..., FakeEngine], subset: tuple[str, ...], days: int) -> None:
    """Nobody is left in the dark by a service that is out of reach."""
    program = write_program(subset)
    engine = expiring(program, days)
    engine.config["btp-trust:offline"] = "true"
    assert ("By the state, the active certificate" in engine.preview(program).messages) == (days < 0)


def test_endless_certificate_needs_no_warning(expiring: Callable[..., FakeEngine]) -> None:
    """The state of an outage may hold a moment without end, or one that somebody has changed by hand."""
    alone = write_program(("active",))
    engine = expiring(alone, 300)
    engine.config["btp-trust:offline"] = "true"
    for text in ("9999-12-31T23:59:59Z", "in spring"):
        engine.state["signing"].outputs["not_after"] = text
        assert "By the state" not in engine.preview(alone).messages
