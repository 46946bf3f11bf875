"""`revoked` through the eyes of an engine: a leaked key is replaced, and never signs again."""

from __future__ import annotations

from support.fake_engine import FakeEngine, program

LEAKED = {"revoked": {"a": "INC-4711: the key leaked"}}


def test_leaked_key_never_signs_again(engine: FakeEngine) -> None:
    """It is warned of while it signs, replaced, and refused by a revert; a strict run lets the replacement pass."""
    engine.config["btp-trust:strict"] = "true"
    engine.deploy(program(None, "a"), program(None, "a", trigger=LEAKED))
    assert (
        "signs although it is revoked (INC-4711: the key leaked)"
        in engine.preview(program(None, "a", trigger=LEAKED)).messages
    )
    engine.deploy(program("b", "a", trigger=LEAKED))
    report = engine.up(program("b", "b", trigger=LEAKED))
    swap = engine.last_preview.inputs["rotation"]["swap"]
    assert swap["rollback"].startswith("impossible: ")
    assert swap["rollback"].endswith(" (a) is revoked")
    assert "although it is revoked" not in report.messages
    engine.assert_refused(program("b", "a", trigger=LEAKED), "Revoked: generation 'a'", *engine.slots)
    engine.deploy(program("c", "b", trigger=LEAKED))
    engine.assert_stable(program("c", "b", trigger=LEAKED))


def test_no_restoration_leads_to_it(rotated: FakeEngine) -> None:
    """After a colleague's swap away from a revoked signer, `restore` is refused; a return to one is undone."""
    rotated.emulator.rotate(rotated.guid)
    restoring = {"on_drift": "restore", "revoked": {"b": "leaked"}}
    rotated.assert_refused(program("b", "b", trigger=restoring), "Revoked: generation 'b'")
    report = rotated.preview(program("b", "b", trigger=LEAKED))
    assert "(a) signs although it is revoked" in report.messages
    rotated.deploy(program("b", "b", trigger={**LEAKED, "on_drift": "restore"}))


def test_creation_warns_too(engine: FakeEngine) -> None:
    """A trigger that is created around a leaked key says so at once."""
    report = engine.preview(program(None, "a", trigger=LEAKED))
    assert "signs although it is revoked" in report.messages


def test_misspelt_name_is_refused(rotated: FakeEngine) -> None:
    """The message lists the names; the one that it proposes is accepted."""
    slots = rotated.slots
    rotated.assert_refused(program("b", "b", trigger={"revoked": {"A": "leaked"}}), *slots)
    known = {"known_generations": {"A": slots[1]}, "revoked": {"A": "leaked"}}
    rotated.deploy(program("b", "b", trigger=known))
