"""Drift through the eyes of an engine: another certificate signs than declared, by a swap or by a loss."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from btp_trust.errors import TrustError
from support.fake_engine import (
    HOUR,
    Deployment,
    FakeEngine,
    Program,
    answer_with,
    assert_three_part_message,
    program,
)

PREPARED = program("b", "a")
ROTATED = program("b", "b")
RESTORING = program("b", "b", trigger={"on_drift": "restore"})


def with_arguments(prepared: str | None, signs: str, **more: Any) -> Program:
    """Write a program whose trigger has further arguments."""
    return program(prepared, signs, trigger=more)


def pasted(line: str) -> dict[str, Any]:
    """Read the arguments of a line that a message says to paste."""
    arguments = re.search(r'generation="(?P<name>[^"]+)", known_generations=(?P<known>\{[^}]*\})', line)
    assert arguments is not None, line
    return {"signs": arguments["name"], "known_generations": json.loads(arguments["known"])}


def test_drift_is_reported(rotated: FakeEngine) -> None:
    """Every command reports the declared and the active certificate with both remedies; the outputs follow."""
    rotated.emulator.rotate(rotated.guid)
    slots = rotated.slots
    report = rotated.up(ROTATED)
    assert report.writes == []
    assert "drift" in rotated.last_preview.changed["rotation"]
    for messages in (rotated.last_preview.messages, report.messages, rotated.preview(ROTATED).messages):
        assert all(str(fingerprint)[:8] in messages for fingerprint in slots)
        assert 'generation="a"' in messages
        assert 'on_drift="restore"' in messages
    outputs = rotated.outputs("rotation")
    assert (outputs["fingerprint"], outputs["generation"]) == (slots[0], "b")
    assert rotated.outputs("signing")["fingerprint"] == slots[0]
    rotated.assert_stable(ROTATED)


def test_refresh_reports_drift_once(rotated: FakeEngine) -> None:
    """`preview --refresh` finds it by the state and again by the program, which adds the arguments alone."""
    rotated.emulator.rotate(rotated.guid)
    messages = rotated.preview_with_refresh(ROTATED).messages
    assert messages.count("which this stack recorded as the signer.") == 1
    assert "Run `pulumi preview`: it prints the arguments" in messages
    line = "signs, as the refresh has found. The slots stay as they are. To accept it: "
    assert messages.count(line) == 1
    assert messages.count("warning: ") == 2


def test_complete_refresh_is_not_repeated(engine: FakeEngine) -> None:
    """Where the refresh knows the name, its warning has all; another declaration is another fact."""
    engine.deploy(PREPARED)
    engine.emulator.rotate(engine.guid)
    messages = engine.preview_with_refresh(PREPARED).messages
    assert messages.count("warning: ") == 1
    assert 'To accept it: generation="b". To undo it: on_drift="restore".' in messages
    assert engine.preview(PREPARED).messages.count("should sign, but") == 1


def test_second_replacement_names_the_recorded_signer(engine: FakeEngine) -> None:
    """Where somebody replaced the signer twice, each command names the certificate that was recorded last."""
    declared = program(None, "a")
    engine.deploy(declared)
    replace_signer(engine)
    engine.up(declared)
    sentence = f"The last deployment recorded {str(engine.slots[0])[:8]} as the signer."
    assert sentence not in engine.preview(declared).messages
    replace_signer(engine)
    for report in (engine.preview(declared), engine.refresh(), engine.up(declared)):
        assert sentence in report.messages
        assert str(engine.slots[0])[:8] in report.messages
    assert sentence not in engine.preview(declared).messages


def test_refresh_names_a_killed_run(engine: FakeEngine) -> None:
    """A swap to the prepared generation may be this stack's own; one to an earlier signer is somebody else's."""
    engine.deploy(PREPARED)
    engine.emulator.rotate(engine.guid)
    engine.emulator.advance(HOUR)
    assert "A killed run of this stack swapped the slots, or somebody else did." in engine.refresh().messages
    engine.deploy(ROTATED)
    engine.emulator.rotate(engine.guid)
    engine.emulator.advance(HOUR)
    assert "Somebody else swapped the slots." in engine.refresh().messages


def replace_signer(engine: FakeEngine) -> None:
    """Renew the active certificate in the cockpit."""
    engine.emulator.generate_active(engine.guid)
    engine.emulator.advance(HOUR)


@pytest.mark.parametrize("noticed", [False, True], ids=["at once", "after it was reported"])
def test_declaring_the_signer_accepts_drift(rotated: FakeEngine, *, noticed: bool) -> None:
    """The first remedy: declare the generation that signs."""
    rotated.emulator.rotate(rotated.guid)
    slots = rotated.slots
    if noticed:
        rotated.deploy(ROTATED)
    rotated.deploy(PREPARED)
    assert rotated.slots == slots


@pytest.mark.parametrize("noticed", [False, True], ids=["at once", "after it was reported"])
def test_restore_undoes_drift(rotated: FakeEngine, *, noticed: bool) -> None:
    """The second remedy: the next plain preview shows the step that restores."""
    before = rotated.slots
    rotated.emulator.rotate(rotated.guid)
    if noticed:
        rotated.deploy(ROTATED)
    report = rotated.up(RESTORING)
    plan = rotated.last_preview.inputs["rotation"]
    assert plan["swap"]["step"].startswith("restore: ")
    assert (plan["swap"]["only_if_active"], plan["signer"]["fingerprint"]) == before[::-1]
    assert report.writes == ["POST rotateCertificate"]
    assert rotated.slots == before
    rotated.assert_stable(RESTORING)


def test_undone_drift_leaves_no_trace(rotated: FakeEngine) -> None:
    """After one update that only records, the drift is gone from the inputs."""
    rotated.emulator.rotate(rotated.guid)
    rotated.deploy(ROTATED)
    rotated.emulator.rotate(rotated.guid)
    assert rotated.up(ROTATED).writes == []
    assert "drift" not in rotated.state["rotation"].inputs
    rotated.assert_stable(ROTATED)


def test_unnamed_signer_is_accepted_by_paste(rotated: FakeEngine) -> None:
    """The message has a name for a certificate that this stack did not create."""
    rotated.emulator.generate_passive(rotated.guid)
    rotated.emulator.rotate(rotated.guid)
    slots = rotated.slots
    line = pasted(rotated.preview(ROTATED).messages)
    assert list(line["known_generations"].values()) == [slots[0]]
    accepted = with_arguments("b", **line)
    rotated.deploy(accepted)
    assert rotated.slots == slots


def test_refresh_follows_the_signer(rotated: FakeEngine) -> None:
    """A read reports the active certificate, independently of who swapped."""
    rotated.emulator.rotate(rotated.guid)
    rotated.refresh()
    assert rotated.outputs("rotation")["fingerprint"] == rotated.slots[0]
    rotated.deploy(ROTATED)


def test_previous_fingerprint_differs_from_signer(rotated: FakeEngine) -> None:
    """`previous_fingerprint` follows a change that a refresh observed, as one that `up` observed."""
    rotated.emulator.rotate(rotated.guid)
    rotated.refresh()
    rotated.deploy(ROTATED)
    outputs = rotated.outputs("rotation")
    assert outputs["previous_fingerprint"] != outputs["fingerprint"]


def test_refresh_reports_an_empty_slot(rotated: FakeEngine) -> None:
    """The resource stays, with the role `gone`."""
    rotated.transport.inject_always(answer_with(404, json={"ErrorMessage": "gone"}), "GET certificate")
    rotated.refresh()
    assert rotated.outputs("rotation")["role"] == "gone"


def test_vanished_signer_is_an_error(rotated: FakeEngine) -> None:
    """An active slot that empties within a command stops it, before anything is recorded."""
    rotated.emulator.rotate(rotated.guid)
    gone = answer_with(404, json={"ErrorMessage": "gone"})

    def vanishing(deployment: Deployment) -> None:
        rotated.emulator.advance(1)
        deployment.passive(generation="c", adopt=rotated.slots[0])
        deployment.trigger(generation="b")

    rotated.transport.inject_once("GET certificate", gone, after=2)
    with pytest.raises(TrustError) as stopped:
        rotated.up(vanishing)
    assert_three_part_message(str(stopped.value))


def test_warning_names_affected_targets(rotated: FakeEngine) -> None:
    """Those that lack the certificate that signs now, and after which moment that began, in each command."""
    declared = program("b", "b", trigger={"trusted_by": {"s4": [str(rotated.slots[0])]}})
    rotated.deploy(declared)
    observed_at = rotated.outputs("rotation")["observed_at"]
    rotated.emulator.rotate(rotated.guid)
    for report in (rotated.preview(declared), rotated.preview_refresh()):
        assert "s4: no, it trusts" in report.messages
        assert f"That was after {observed_at}." in report.messages
    rotated.up(declared)
    assert "Recorded at " in rotated.preview(declared).messages


@pytest.mark.parametrize("generated", [False, True], ids=["swapped", "generated and swapped"])
def test_refresh_names_the_ways_out(rotated: FakeEngine, *, generated: bool) -> None:
    """The arguments where the certificate has a name; else the preview prints them."""
    if generated:
        rotated.emulator.generate_passive(rotated.guid)
    rotated.emulator.rotate(rotated.guid)
    messages = rotated.refresh().messages
    assert all(str(fingerprint)[:8] in messages for fingerprint in rotated.slots)
    assert "Run `pulumi preview`: it prints the arguments" in messages


def test_refresh_leaves_a_restoration_to_deployments(rotated: FakeEngine) -> None:
    """Also a strict one goes on: the next deployment restores the declared signer."""
    rotated.deploy(RESTORING)
    rotated.emulator.rotate(rotated.guid)
    rotated.config["btp-trust:strict"] = "true"
    assert "The next `pulumi up` restores the declared signer." in rotated.refresh().messages
    assert rotated.up(RESTORING).writes == ["POST rotateCertificate"]


def test_refresh_names_prepared_signer(rotated: FakeEngine) -> None:
    """A colleague swaps to the certificate that this stack has prepared: the refresh knows its name."""
    rotated.deploy(program("c", "b"))
    rotated.emulator.rotate(rotated.guid)
    assert 'To accept it: generation="c"' in rotated.refresh().messages


def test_strict_run_fails_on_drift(rotated: FakeEngine) -> None:
    """A nightly job fails with both remedies."""
    rotated.emulator.rotate(rotated.guid)
    rotated.config["btp-trust:strict"] = "true"
    rotated.assert_refused(ROTATED, rotated.slots[0], 'on_drift="restore"')


# --- the declared certificate is in neither slot ------------------------------------------------------------------


def gone(engine: FakeEngine) -> tuple[str | None, str | None]:
    """Let a colleague renew the active certificate, so that the declared one leaves the slots."""
    engine.emulator.generate_active(engine.guid)
    engine.emulator.advance(HOUR)
    return engine.slots


def test_lost_certificate_warns_until_accepted(rotated: FakeEngine) -> None:
    """Every command succeeds with a warning, the outputs follow the slots, and the line to paste ends the warning."""
    signing = gone(rotated)[0]
    assert rotated.up(ROTATED).writes == []
    assert rotated.outputs("rotation")["fingerprint"] == signing
    rotated.assert_stable(ROTATED)
    line = pasted(rotated.preview(ROTATED).messages)
    accepted = with_arguments("b", **line)
    rotated.deploy(accepted)
    lost = f"warning: PassiveTrustCertificate next, {rotated.label}: The service shows the certificate of generation"
    assert "warning" not in rotated.preview(accepted).messages.replace(lost, "")
    assert rotated.slots[0] == signing


@pytest.mark.parametrize("on_drift", ["report", "restore"])
def test_swap_names_a_replaced_signer(engine: FakeEngine, on_drift: str) -> None:
    """A swap after a refresh has found a replaced signer names that one too, which is in neither slot."""
    engine.deploy(PREPARED)
    recorded = str(engine.slots[0])[:8]
    engine.emulator.generate_active(engine.guid)
    engine.refresh()
    declared = with_arguments("b", "b", on_drift=on_drift)
    engine.up(declared)
    line = f"{recorded} (a), which the last deployment recorded as the signer, is in no slot any more"
    assert line in engine.last_preview.messages
    assert "which the last deployment recorded" not in engine.preview(declared).messages


def test_restoring_trigger_warns_too(rotated: FakeEngine) -> None:
    """Only a certificate in a slot can be restored."""
    gone(rotated)
    assert rotated.up(RESTORING).writes == []
    rotated.assert_stable(RESTORING)


def test_declaring_a_lost_certificate_is_refused(rotated: FakeEngine) -> None:
    """A new declaration of a certificate in neither slot is refused."""
    rotated.emulator.delete_passive(rotated.guid)
    line = pasted(
        rotated.assert_refused(PREPARED, rotated.slots[0], rotated.outputs("rotation")["previous_fingerprint"])
    )
    rotated.deploy(with_arguments("b", **line))
