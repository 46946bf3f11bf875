"""What holds of swaps: each is the one that was shown, or the way back of one that a target has refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from btp_trust_emulator.journal import JournalEntry
from btp_trust_emulator.slots import Slots
from support.fake_engine import StoredResource
from support.stateful.observed_command import ObservedCommand
from support.stateful.statistics import Statistics
from support.stateful.targets import SYSTEMS, Targets, is_target_rejection, is_target_request

_ROLLBACK_ANNOUNCEMENT: Final = "a target's rejection rolls back"
Swap = tuple[int, JournalEntry, Slots, Slots]
_Key = tuple[int, str]


@dataclass
class SwapInvariants:
    """Watches the swaps of one subaccount."""

    targets: Targets
    statistics: Statistics
    completed_changes: set[tuple[object, ...]] = field(default_factory=set)
    """Which generation changes were carried out, since somebody else last acted."""
    rejected_generations: dict[_Key, str] = field(default_factory=dict)
    """The generation that a target has refused, by trigger, until the text declares another one."""
    awaiting_verification: dict[_Key, str] = field(default_factory=dict)
    """What was swapped in and has to be tried, by trigger, until a deployment has seen to that."""

    def record_foreign_change(self) -> None:
        """Take down that the slots are not only our work any more."""
        self.completed_changes.clear()

    def check(self, command: ObservedCommand, first_seen: Mapping[str, datetime]) -> None:
        """Assert what holds of the swaps of a command, and remember what must follow."""
        assert len(command.swaps) <= 2, "one swap, and its way back"
        forward: Swap | None = None
        for swap in command.swaps:
            number, _, before, after = swap
            wanted = _plan(command)["signer"]["fingerprint"]
            if command.has_race(number):
                told = command.engine.state[command.spec.trigger_name].outputs["fingerprint"]
                is_known = command.error is not None or after.active in (wanted, told)
                assert is_known, "a swap of others was taken for ours"
            elif before.active == wanted:
                self._assert_rollback(command, swap, forward, first_seen)
            else:
                assert forward is None, "swapped forward twice"
                self._assert_as_previewed(command, swap)
                forward = swap
        self._update_expectations(command, forward)

    # --- a swap that was planned -------------------------------------------------------------------------------

    def _assert_as_previewed(self, command: ObservedCommand, swap: Swap) -> None:
        """It is exactly the planned one, to what the preview said, once, and nobody was asked before."""
        _, entry, before, after = swap
        plan, preview_report = _plan(command), _shown(command)
        assert plan["slots_before"] == {"active": before.active, "passive": before.passive}, "another pair was swapped"
        assert after.active == plan["signer"]["fingerprint"] == preview_report["signer"]["fingerprint"]
        if command.disturbance.between_preview_and_update is None and not command.lags:
            assert preview_report["slots_before"] == plan["slots_before"], "the preview did not show this swap"
        assert not any(map(is_target_request, _requests_before(command, entry))), "a target was asked before the swap"
        assert self.rejected_generations.get(_key(command)) != plan["generation"], (
            "swapped to what a target had refused"
        )
        self._assert_trusted(command, str(after.active))
        change = _change(command)
        assert change not in self.completed_changes, "swapped twice for one change"
        self.completed_changes.add(change)

    def _assert_trusted(self, command: ObservedCommand, wanted: str) -> None:
        """Each target of `trusted_by` has it, unless it is what signed before, or is put back."""
        old = command.before[command.spec.trigger_name]
        if wanted == old.outputs.get("previous_fingerprint") or not _declares_new_generation(command):
            return
        for target, statement in command.spec.trusted_by.items():
            assert statement.allows_swap_to(command.engine, target, wanted), (
                f"{target} does not trust what was swapped in"
            )

    # --- the way back ------------------------------------------------------------------------------------------

    def _assert_rollback(
        self, command: ObservedCommand, swap: Swap, forward: Swap | None, first_seen: Mapping[str, datetime]
    ) -> None:
        """A target has refused what signs; exactly what signed before does again, and that was announced."""
        _, entry, before, after = swap
        plan = _plan(command)
        asked = _requests_before(command, entry)
        if forward is not None:
            asked = asked[asked.index(forward[1]) :]
            assert (before, after) == (forward[3], forward[2]), "the way back is not the way there"
        assert any(map(is_target_rejection, asked)), "swapped back, and no target has refused"
        assert plan.get("on_verification_failure", "rollback") == "rollback"
        assert after.active == self._previous_signer(command, before), "swapped back to what did not sign before"
        assert first_seen[str(after.active)] <= first_seen[str(before.active)], (
            "swapped away from what was rolled back to"
        )
        if command.preview_report is not None and command.disturbance.between_preview_and_update is None:
            assert _ROLLBACK_ANNOUNCEMENT in command.preview_report.messages, (
                "the preview did not say that it may be swapped back"
            )
        self.completed_changes.discard(_change(command))
        self.statistics.verdicts["swapped back" if forward else "swapped back later"] += 1
        if command.error is None:
            outputs = command.engine.state[command.spec.trigger_name].outputs
            assert outputs["failed_generation"] == plan["generation"]
            self.statistics.verdicts["swapped back unseen"] += "rollback_unconfirmed" in outputs
            assert outputs["fingerprint"] == after.active
            assert outputs.get("previous_fingerprint") != before.active, "what was refused is no way back"

    def _previous_signer(self, command: ObservedCommand, before: Slots) -> str | None:
        """Tell what signed before, by the plan of this command or by the state."""
        if (swaps := _plan(command).get("slots_before")) is not None:
            return str(swaps["active"])
        old = command.before[command.spec.trigger_name].outputs
        return old["fingerprint"] if old["fingerprint"] != before.active else old.get("previous_fingerprint")

    # --- what must follow --------------------------------------------------------------------------------------

    def _update_expectations(self, command: ObservedCommand, forward: Swap | None) -> None:
        """Take down what must not be swapped in again, and what must be tried; assert that nothing is forgotten."""
        mine = id(command.engine)
        for name, stored in command.engine.state.items():
            if stored.kind == "trigger":
                self._assert_rejection_recorded((mine, name), stored)
        gone = [
            key
            for key in [*self.rejected_generations, *self.awaiting_verification]
            if key[0] == mine and key[1] not in command.engine.state
        ]
        for key in gone:
            self.rejected_generations.pop(key, None)
            self.awaiting_verification.pop(key, None)
        if forward is not None and _declares_new_generation(command) and _plan(command).get("verify_destinations"):
            self.awaiting_verification[_key(command)] = str(forward[3].active)
        planned = [call.name for call in command.calls if call.kind == "trigger" and call.method in ("diff", "create")]
        if command.error is None and command.name == "up" and planned == [command.spec.trigger_name]:
            self._assert_rolled_back(command)
            self._assert_verified(command)

    def _assert_rejection_recorded(self, key: _Key, stored: StoredResource) -> None:
        """A refusal is remembered until another generation is declared, or that one signs by somebody else's hand."""
        outputs, generation = stored.outputs, stored.inputs["generation"]
        if self.rejected_generations.get(key) == generation and outputs.get("failed_generation") != generation:
            assert outputs["fingerprint"] == outputs["signer"]["fingerprint"], "a refusal was forgotten"
        self.rejected_generations.pop(key, None)
        if outputs.get("failed_generation") == generation:
            self.rejected_generations[key] = generation

    def _assert_rolled_back(self, command: ObservedCommand) -> None:
        """What the state says was swapped back does not sign, unless somebody else acts in this moment."""
        outputs = command.engine.state[command.spec.trigger_name].outputs
        if outputs.get("failed_generation") != outputs["generation"] or command.disturbance.has_rivals:
            return
        if "rollback_unconfirmed" in outputs:  # the next deployment finds out
            return
        assert outputs["fingerprint"] != outputs["signer"]["fingerprint"], "what failed signs"
        if command.swaps:
            assert command.engine.slots[0] == outputs["fingerprint"], "it was not swapped back"

    def _assert_verified(self, command: ObservedCommand) -> None:
        """What was swapped in is tried before a deployment is content, whoever was killed in between."""
        key = _key(command)
        wanted, swapped_in = _plan(command)["signer"]["fingerprint"], self.awaiting_verification.get(key)
        outputs = command.engine.state[command.spec.trigger_name].outputs
        if swapped_in != wanted or "create" in [call.method for call in command.calls if call.kind == "trigger"]:
            self.awaiting_verification.pop(key, None)
            return
        if outputs["fingerprint"] != wanted and outputs.get("failed_generation") != outputs["generation"]:
            return
        del self.awaiting_verification[key]
        for name in _plan(command).get("verify_destinations", []):
            evidence = outputs.get("verified", {}).get(name)
            assert evidence is not None, f"{name} was not tried"
            assert evidence["fingerprint"] == wanted, f"{name} was not tried"
            self._assert_evidence_true(command, name, evidence)

    def _assert_evidence_true(self, command: ObservedCommand, name: str, evidence: dict[str, Any]) -> None:
        """A target that is said to accept a certificate does, and one that is said to refuse it has."""
        verdict = evidence["verdict"]
        self.statistics.verdicts[f"{name} {verdict}"] += 1
        if name not in SYSTEMS or command.lags:
            return
        if verdict == "verified":
            assert evidence["fingerprint"] in self.targets.accepted_certificates(name), f"{name} does not accept it"
        if verdict == "rejected":
            assert any(map(is_target_rejection, command.entries)), f"{name} has refused nothing"


def _plan(command: ObservedCommand) -> dict[str, Any]:
    return command.engine.last.inputs[command.spec.trigger_name]


def _shown(command: ObservedCommand) -> dict[str, Any]:
    return (command.preview_report or command.engine.last).inputs[command.spec.trigger_name]


def _key(command: ObservedCommand) -> _Key:
    return id(command.engine), command.spec.trigger_name


def _change(command: ObservedCommand) -> tuple[object, ...]:
    old = command.before[command.spec.trigger_name].inputs
    return id(command.engine), old["generation"], _plan(command)["generation"], old.get("swap_number")


def _declares_new_generation(command: ObservedCommand) -> bool:
    """Whether the text declares another generation than the state: a put back that is killed leaves no trace."""
    return bool(_plan(command)["generation"] != command.before[command.spec.trigger_name].inputs["generation"])


def _requests_before(command: ObservedCommand, entry: JournalEntry) -> list[JournalEntry]:
    """List what arrived anywhere before a request."""
    place = next(place for place, each in enumerate(command.entries) if each is entry)
    return command.entries[:place]
