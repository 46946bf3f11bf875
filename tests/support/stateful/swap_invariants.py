"""Invariants of swaps: each was previewed, or rolls back one that a target has rejected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from btp_trust_emulator.journal import JournalEntry
from btp_trust_emulator.slots import Slots
from support.fake_engine import StoredResource
from support.stateful.communication_systems import PATCH
from support.stateful.observed_command import ObservedCommand
from support.stateful.statistics import Statistics
from support.stateful.target_statements import AttestedTrust
from support.stateful.targets import SYSTEMS, Targets, is_target_rejection, is_target_request
from support.stateful.time_limits import TimeInvariants

_ROLLBACK_ANNOUNCEMENT: Final = "a target's rejection rolls back"
_SWITCHOVER_ANNOUNCEMENT: Final = "the swap and all systems are rolled back"
Swap = tuple[int, JournalEntry, Slots, Slots]
_Key = tuple[int, str]


@dataclass
class SwapInvariants:
    """Checks the swaps of one subaccount."""

    targets: Targets
    statistics: Statistics
    completed_changes: set[tuple[object, ...]] = field(default_factory=set)
    """Completed changes of a generation since the last foreign change."""
    rejected_generations: dict[_Key, str] = field(default_factory=dict)
    """{trigger: the generation that a target has rejected}, until the program declares another one."""
    awaiting_verification: dict[_Key, str] = field(default_factory=dict)
    """{trigger: the new signer that is to be verified}, until a deployment has verified it."""

    def __post_init__(self) -> None:
        """Create the invariants of time."""
        self.time_invariants = TimeInvariants(self.statistics)

    def record_foreign_change(self) -> None:
        """Record that somebody else has changed the slots."""
        self.completed_changes.clear()

    def check(self, command: ObservedCommand, first_seen: Mapping[str, datetime]) -> None:
        """Assert the invariants of a command's swaps, and record what must follow."""
        assert len(command.swaps) <= 2, "more than one swap and its rollback"
        forward: Swap | None = None
        self.time_invariants.check_waiting(command)
        for swap in command.swaps:
            number, entry, before, after = swap
            declared = _plan(command)["signer"]["fingerprint"]
            if command.has_race(number):
                recorded = command.engine.state[command.spec.trigger_name].outputs["fingerprint"]
                is_known = command.error is not None or after.active in (declared, recorded)
                assert is_known, "a foreign swap was taken for ours"
                continue
            self.time_invariants.check_revoked(command, after)
            if before.active == declared:
                self._assert_rollback(command, swap, forward, first_seen)
            else:
                assert forward is None, "swapped forward twice"
                self._assert_as_previewed(command, swap)
                self.time_invariants.check_swap(command, after, entry.time, first_seen[str(after.active)])
                forward = swap
        self._update_expectations(command, forward)

    # --- a planned swap ----------------------------------------------------------------------------------------

    def _assert_as_previewed(self, command: ObservedCommand, swap: Swap) -> None:
        """The swap is exactly the planned and previewed one, happens once, and before any request to a target."""
        _, entry, before, after = swap
        plan, preview_report = _plan(command), _shown(command)
        planned = plan["swap"]["only_if_active"], plan["signer"]["fingerprint"]
        assert planned == (before.active, before.passive), "another pair was swapped"
        assert after.active == plan["signer"]["fingerprint"] == preview_report["signer"]["fingerprint"]
        if command.disturbance.between_preview_and_update is None and not command.has_stale_reads:
            swaps = (preview_report["swap"], plan["swap"])  # days may have passed since the preview
            shown, due = ({key: swap[key] for key in ("number", "only_if_active", "step")} for swap in swaps)
            assert shown == due, "the preview lacks this swap"
        assert plan["swap"] != _last_swap(command), "a swap that was done counts as planned"
        assert not any(map(is_target_request, _requests_before(command, entry))), (
            "a request to a target preceded the swap"
        )
        assert self.rejected_generations.get(_key(command)) != plan["generation"], (
            "swapped to a generation that a target had rejected"
        )
        self._assert_trusted(command, str(after.active))
        change = _change(command)
        assert change not in self.completed_changes, "swapped twice for one change"
        self.completed_changes.add(change)

    def _assert_trusted(self, command: ObservedCommand, fingerprint: str) -> None:
        """Each target of `trusted_by` trusts the new signer, unless the swap rolls back or restores."""
        old = command.before[command.spec.trigger_name]
        if fingerprint == old.outputs.get("previous_fingerprint") or not _declares_new_generation(command):
            return
        for target, statement in command.spec.trusted_by.items():
            assert statement.allows_swap_to(command.engine, target, fingerprint), (
                f"{target} does not trust the new signer"
            )
            rejected_at = old.outputs.get("rejections", {}).get(fingerprint, {}).get(target)
            if rejected_at is not None and isinstance(statement, AttestedTrust):
                assert statement.is_after(datetime.fromisoformat(rejected_at)), f"{target} was not attested since"

    # --- a rollback --------------------------------------------------------------------------------------------

    def _assert_rollback(
        self, command: ObservedCommand, swap: Swap, forward: Swap | None, first_seen: Mapping[str, datetime]
    ) -> None:
        """A target has rejected the signer, the previous signer is active again, and the rollback was announced."""
        _, entry, before, after = swap
        plan = _plan(command)
        earlier = _requests_before(command, entry)
        if forward is not None:
            earlier = earlier[earlier.index(forward[1]) :]
            assert (before, after) == (forward[3], forward[2]), "the rollback differs from the reversed swap"
        is_left_behind = forward is not None and _was_left_behind(command)
        assert is_left_behind or any(map(is_target_rejection, earlier)), "rolled back without a rejection"
        argument = "on_switch_failure" if is_left_behind else "on_verification_failure"
        assert plan.get(argument, "rollback") == "rollback"
        assert after.active == self._previous_signer(command, before), (
            "rolled back to another certificate than the previous signer"
        )
        assert first_seen[str(after.active)] <= first_seen[str(before.active)], (
            "swapped away from the target of a rollback"
        )
        if command.preview_report is not None and command.disturbance.between_preview_and_update is None:
            switchover = command.preview_report.inputs[command.spec.trigger_name].get("switchover") or {}
            announced = str(switchover.get("failure")) if is_left_behind else command.preview_report.messages
            assert (_SWITCHOVER_ANNOUNCEMENT if is_left_behind else _ROLLBACK_ANNOUNCEMENT) in announced, (
                "the preview lacks the announcement of a rollback"
            )
        self.completed_changes.discard(_change(command))
        self.statistics.verdicts["rolled back" if forward else "rolled back later"] += 1
        if command.error is None:
            outputs = command.engine.state[command.spec.trigger_name].outputs
            assert outputs["failed_generation"] == plan["generation"]
            self.statistics.verdicts["rolled back, outcome unknown"] += "rollback_outcome_unknown" in outputs
            assert outputs["fingerprint"] == after.active
            assert outputs.get("previous_fingerprint") != before.active, "a rejected certificate is a rollback target"

    def _previous_signer(self, command: ObservedCommand, before: Slots) -> str | None:
        """Return the previous signer, by the plan of this command or by the state."""
        swap = _plan(command).get("swap")
        if swap is not None and swap != _last_swap(command):
            return str(swap["only_if_active"])
        old = command.before[command.spec.trigger_name].outputs
        return old["fingerprint"] if old["fingerprint"] != before.active else old.get("previous_fingerprint")

    # --- expectations ------------------------------------------------------------------------------------------

    def _update_expectations(self, command: ObservedCommand, forward: Swap | None) -> None:
        """Record rejected generations and pending verifications; assert that all recorded ones are respected."""
        stack = id(command.engine)
        for name, stored in command.engine.state.items():
            if stored.kind == "trigger":
                self._assert_rejection_recorded((stack, name), stored)
        removed = [
            key
            for key in [*self.rejected_generations, *self.awaiting_verification]
            if key[0] == stack and key[1] not in command.engine.state
        ]
        for key in removed:
            self.rejected_generations.pop(key, None)
            self.awaiting_verification.pop(key, None)
        if forward is not None and _declares_new_generation(command) and _plan(command).get("verify_destinations"):
            self.awaiting_verification[_key(command)] = str(forward[3].active)
        planned = [call.name for call in command.calls if call.kind == "trigger" and call.method in ("diff", "create")]
        if command.error is None and command.name == "up" and planned == [command.spec.trigger_name]:
            self._assert_rolled_back(command)
            self._assert_verified(command)

    def _assert_rejection_recorded(self, key: _Key, stored: StoredResource) -> None:
        """A rejection stays in the state until the program declares another generation, or somebody else swaps."""
        outputs, generation = stored.outputs, stored.inputs["generation"]
        if self.rejected_generations.get(key) == generation and outputs.get("failed_generation") != generation:
            assert outputs["fingerprint"] == outputs["signer"]["fingerprint"], "a rejection was forgotten"
        self.rejected_generations.pop(key, None)
        if outputs.get("failed_generation") == generation:
            self.rejected_generations[key] = generation

    def _assert_rolled_back(self, command: ObservedCommand) -> None:
        """A generation that the state reports as rolled back is passive, unless somebody else acts at this moment."""
        outputs = command.engine.state[command.spec.trigger_name].outputs
        if outputs.get("failed_generation") != outputs["generation"] or command.disturbance.has_rivals:
            return
        if "rollback_outcome_unknown" in outputs:  # the next deployment finds out
            return
        assert outputs["fingerprint"] != outputs["signer"]["fingerprint"], "the failed generation is active"
        if command.swaps:
            assert command.engine.slots[0] == outputs["fingerprint"], "the rollback is missing"

    def _assert_verified(self, command: ObservedCommand) -> None:
        """A new signer is verified before a deployment succeeds, also after kills in between."""
        key = _key(command)
        declared, new_signer = _plan(command)["signer"]["fingerprint"], self.awaiting_verification.get(key)
        outputs = command.engine.state[command.spec.trigger_name].outputs
        if new_signer != declared or "create" in [call.method for call in command.calls if call.kind == "trigger"]:
            self.awaiting_verification.pop(key, None)
            return
        if outputs["fingerprint"] != declared and outputs.get("failed_generation") != outputs["generation"]:
            return
        del self.awaiting_verification[key]
        if "failed to switch over" in outputs.get("failure", ""):  # rolled back before a destination was called
            return
        for name in _plan(command).get("verify_destinations", []):
            evidence = outputs.get("verified", {}).get(name)
            assert evidence is not None, f"{name} was not verified"
            assert evidence["fingerprint"] == declared, f"{name} was not verified"
            self._assert_evidence_true(command, name, evidence)

    def _assert_evidence_true(self, command: ObservedCommand, name: str, evidence: dict[str, Any]) -> None:
        """A recorded verdict of a target matches the target."""
        verdict = evidence["verdict"]
        self.statistics.verdicts[f"{name} {verdict}"] += 1
        if name not in SYSTEMS or command.has_stale_reads:
            return
        if verdict == "verified":
            assert evidence["fingerprint"] in self.targets.accepted_certificates(name), f"{name} does not accept it"
        if verdict == "rejected":
            assert any(map(is_target_rejection, command.entries)), f"{name} has rejected nothing"


def _was_left_behind(command: ObservedCommand) -> bool:
    """Return True if the call that swapped failed to switch a system over, by what it says; killed, it says nothing."""
    if (command.disturbance.transport_fault or ("",))[0].startswith("killed"):
        return any(PATCH in call.sent for call in command.calls)
    stored = command.engine.state.get(command.spec.trigger_name)
    stated = [str(command.error), str(stored.outputs.get("failure")) if stored else ""]
    return any("failed to switch over" in text for text in stated)


def _plan(command: ObservedCommand) -> dict[str, Any]:
    return command.engine.last_report.inputs[command.spec.trigger_name]


def _shown(command: ObservedCommand) -> dict[str, Any]:
    return (command.preview_report or command.engine.last_report).inputs[command.spec.trigger_name]


def _key(command: ObservedCommand) -> _Key:
    return id(command.engine), command.spec.trigger_name


def _change(command: ObservedCommand) -> tuple[object, ...]:
    old = command.before[command.spec.trigger_name].inputs
    return id(command.engine), old["generation"], _plan(command)["generation"], (old.get("swap") or {}).get("number")


def _last_swap(command: ObservedCommand) -> Any:
    """Return the swap among the inputs of the last deployment: it stays there when it is done."""
    return command.before[command.spec.trigger_name].inputs.get("swap")


def _declares_new_generation(command: ObservedCommand) -> bool:
    """Return True if program and state differ in the generation; a killed restoration leaves no trace in the state."""
    return bool(_plan(command)["generation"] != command.before[command.spec.trigger_name].inputs["generation"])


def _requests_before(command: ObservedCommand, entry: JournalEntry) -> list[JournalEntry]:
    """Return all requests of the command that arrived before this one."""
    index = next(index for index, other in enumerate(command.entries) if other is entry)
    return command.entries[:index]
