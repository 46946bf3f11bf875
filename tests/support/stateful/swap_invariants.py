"""What holds of swaps: each is the one that was shown, or the way back of one that a target has refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from btp_trust_emulator.journal import Entry
from btp_trust_emulator.slots import Slots
from support.fake_engine import Stored
from support.stateful.observed_command import Command
from support.stateful.statistics import Tally
from support.stateful.targets import SYSTEMS, Targets, is_of_target, is_refusal

_ANNOUNCED: Final = "a target's refusal swaps back"
Swap = tuple[int, Entry, Slots, Slots]
_Key = tuple[int, str]


@dataclass
class Swaps:
    """Watches the swaps of one subaccount."""

    targets: Targets
    tally: Tally
    done: set[tuple[object, ...]] = field(default_factory=set)
    """Which generation changes were carried out, since somebody else last acted."""
    refused: dict[_Key, str] = field(default_factory=dict)
    """The generation that a target has refused, by trigger, until the text declares another one."""
    unproved: dict[_Key, str] = field(default_factory=dict)
    """What was swapped in and has to be tried, by trigger, until a deployment has seen to that."""

    def somebody_acted(self) -> None:
        """Take down that the slots are not only our work any more."""
        self.done.clear()

    def check(self, command: Command, seen: Mapping[str, datetime]) -> None:
        """Assert what holds of the swaps of a command, and remember what must follow."""
        assert len(command.swaps) <= 2, "one swap, and its way back"
        forward: Swap | None = None
        for swap in command.swaps:
            number, _, before, after = swap
            wanted = _plan(command)["signing"]["fingerprint"]
            if command.is_raced(number):
                told = command.twin.state[command.text.trigger_name].outputs["fingerprint"]
                is_known = command.error is not None or after.active in (wanted, told)
                assert is_known, "a swap of others was taken for ours"
            elif before.active == wanted:
                self._assert_way_back(command, swap, forward, seen)
            else:
                assert forward is None, "swapped forward twice"
                self._assert_as_previewed(command, swap)
                forward = swap
        self._remember(command, forward)

    # --- a swap that was planned -------------------------------------------------------------------------------

    def _assert_as_previewed(self, command: Command, swap: Swap) -> None:
        """It is exactly the planned one, to what the preview said, once, and nobody was asked before."""
        _, entry, before, after = swap
        plan, shown = _plan(command), _shown(command)
        assert plan["swaps"] == {"active": before.active, "passive": before.passive}, "another pair was swapped"
        assert after.active == plan["signing"]["fingerprint"] == shown["signing"]["fingerprint"]
        if command.weather.between is None and not command.lags:
            assert shown["swaps"] == plan["swaps"], "the preview did not show this swap"
        assert not any(map(is_of_target, _until(command, entry))), "a target was asked before the swap"
        assert self.refused.get(_key(command)) != plan["generation"], "swapped to what a target had refused"
        self._assert_trusted(command, str(after.active))
        change = _change(command)
        assert change not in self.done, "swapped twice for one change"
        self.done.add(change)

    def _assert_trusted(self, command: Command, wanted: str) -> None:
        """Each target of `trusted_by` has it, unless it is what signed before, or is put back."""
        old = command.before[command.text.trigger_name]
        if wanted == old.outputs.get("previous_fingerprint") or not _is_declared_anew(command):
            return
        for target, saying in command.text.trusted_by.items():
            assert saying.covers(command.twin, target, wanted), f"{target} does not trust what was swapped in"

    # --- the way back ------------------------------------------------------------------------------------------

    def _assert_way_back(
        self, command: Command, swap: Swap, forward: Swap | None, seen: Mapping[str, datetime]
    ) -> None:
        """A target has refused what signs; exactly what signed before does again, and that was announced."""
        _, entry, before, after = swap
        plan = _plan(command)
        asked = _until(command, entry)
        if forward is not None:
            asked = asked[asked.index(forward[1]) :]
            assert (before, after) == (forward[3], forward[2]), "the way back is not the way there"
        assert any(map(is_refusal, asked)), "swapped back, and no target has refused"
        assert plan.get("on_verification_failure", "rollback") == "rollback"
        assert after.active == self._earlier(command, before), "swapped back to what did not sign before"
        assert seen[str(after.active)] <= seen[str(before.active)], "swapped away from what was rolled back to"
        if command.shown is not None and command.weather.between is None:
            assert _ANNOUNCED in command.shown.messages, "the preview did not say that it may be swapped back"
        self.done.discard(_change(command))
        self.tally.verdicts["swapped back" if forward else "swapped back later"] += 1
        if command.error is None:
            outputs = command.twin.state[command.text.trigger_name].outputs
            assert outputs["failed_generation"] == plan["generation"]
            self.tally.verdicts["swapped back unseen"] += "rollback_unconfirmed" in outputs
            assert outputs["fingerprint"] == after.active
            assert outputs.get("previous_fingerprint") != before.active, "what was refused is no way back"

    def _earlier(self, command: Command, before: Slots) -> str | None:
        """Tell what signed before, by the plan of this command or by the state."""
        if (swaps := _plan(command).get("swaps")) is not None:
            return str(swaps["active"])
        old = command.before[command.text.trigger_name].outputs
        return old["fingerprint"] if old["fingerprint"] != before.active else old.get("previous_fingerprint")

    # --- what must follow --------------------------------------------------------------------------------------

    def _remember(self, command: Command, forward: Swap | None) -> None:
        """Take down what must not be swapped in again, and what must be tried; assert that nothing is forgotten."""
        mine = id(command.twin)
        for name, stored in command.twin.state.items():
            if stored.kind == "trigger":
                self._assert_remembered((mine, name), stored)
        gone = [key for key in [*self.refused, *self.unproved] if key[0] == mine and key[1] not in command.twin.state]
        for key in gone:
            self.refused.pop(key, None)
            self.unproved.pop(key, None)
        if forward is not None and _is_declared_anew(command) and _plan(command).get("verify_destinations"):
            self.unproved[_key(command)] = str(forward[3].active)
        planned = [call.name for call in command.calls if call.kind == "trigger" and call.method in ("diff", "create")]
        if command.error is None and command.name == "up" and planned == [command.text.trigger_name]:
            self._assert_failure_true(command)
            self._assert_proved(command)

    def _assert_remembered(self, key: _Key, stored: Stored) -> None:
        """A refusal is remembered until another generation is declared, or that one signs by somebody else's hand."""
        outputs, generation = stored.outputs, stored.inputs["generation"]
        if self.refused.get(key) == generation and outputs.get("failed_generation") != generation:
            assert outputs["fingerprint"] == outputs["signing"]["fingerprint"], "a refusal was forgotten"
        self.refused.pop(key, None)
        if outputs.get("failed_generation") == generation:
            self.refused[key] = generation

    def _assert_failure_true(self, command: Command) -> None:
        """What the state says was swapped back does not sign, unless somebody else acts in this moment."""
        outputs = command.twin.state[command.text.trigger_name].outputs
        if outputs.get("failed_generation") != outputs["generation"] or command.weather.has_rivals:
            return
        if "rollback_unconfirmed" in outputs:  # the next deployment finds out
            return
        assert outputs["fingerprint"] != outputs["signing"]["fingerprint"], "what failed signs"
        if command.swaps:
            assert command.twin.slots[0] == outputs["fingerprint"], "it was not swapped back"

    def _assert_proved(self, command: Command) -> None:
        """What was swapped in is tried before a deployment is content, whoever was killed in between."""
        key = _key(command)
        wanted, swapped_in = _plan(command)["signing"]["fingerprint"], self.unproved.get(key)
        outputs = command.twin.state[command.text.trigger_name].outputs
        if swapped_in != wanted or "create" in [call.method for call in command.calls if call.kind == "trigger"]:
            self.unproved.pop(key, None)
            return
        if outputs["fingerprint"] != wanted and outputs.get("failed_generation") != outputs["generation"]:
            return
        del self.unproved[key]
        for name in _plan(command).get("verify_destinations", []):
            evidence = outputs.get("verified", {}).get(name)
            assert evidence is not None, f"{name} was not tried"
            assert evidence["fingerprint"] == wanted, f"{name} was not tried"
            self._assert_evidence_true(command, name, evidence)

    def _assert_evidence_true(self, command: Command, name: str, evidence: dict[str, Any]) -> None:
        """A target that is said to accept a certificate does, and one that is said to refuse it has."""
        verdict = evidence["verdict"]
        self.tally.verdicts[f"{name} {verdict}"] += 1
        if name not in SYSTEMS or command.lags:
            return
        if verdict == "proved":
            assert evidence["fingerprint"] in self.targets.accepts(name), f"{name} does not accept it"
        if verdict == "refused":
            assert any(map(is_refusal, command.entries)), f"{name} has refused nothing"


def _plan(command: Command) -> dict[str, Any]:
    return command.twin.last.inputs[command.text.trigger_name]


def _shown(command: Command) -> dict[str, Any]:
    return (command.shown or command.twin.last).inputs[command.text.trigger_name]


def _key(command: Command) -> _Key:
    return id(command.twin), command.text.trigger_name


def _change(command: Command) -> tuple[object, ...]:
    old = command.before[command.text.trigger_name].inputs
    return id(command.twin), old["generation"], _plan(command)["generation"], old.get("swap_number")


def _is_declared_anew(command: Command) -> bool:
    """Whether the text declares another generation than the state: a put back that is killed leaves no trace."""
    return bool(_plan(command)["generation"] != command.before[command.text.trigger_name].inputs["generation"])


def _until(command: Command, entry: Entry) -> list[Entry]:
    """List what arrived anywhere before a request."""
    place = next(place for place, each in enumerate(command.entries) if each is entry)
    return command.entries[:place]
