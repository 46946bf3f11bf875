"""Invariants of the blocks that change over with the signer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from btp_trust_emulator.journal import JournalEntry
from support.fake_engine import ProviderCall
from support.stateful.communication_systems import PATCH, CommunicationSystems, identities, is_system_request
from support.stateful.disturbances import Disturbance
from support.stateful.observed_command import ObservedCommand, request_name
from support.stateful.statistics import Statistics

Held = dict[str, str | None]
_HELD: Final = re.compile(r"(\S+) ((?:key:)?[0-9a-f]{64}|nothing)")
_UNREAD: Final = re.compile(r"Reading \S+ \(\S+\) failed|was not checked")


@dataclass
class SystemInvariants:
    """Checks what commands of one stack do to its communication system."""

    systems: CommunicationSystems
    statistics: Statistics

    def check(self, command: ObservedCommand, held: Held) -> None:
        """Assert the invariants of a command, before which the blocks held these certificates."""
        self._assert_own_certificates_only(command, held)
        for call in command.calls:
            if PATCH in call.sent:
                _assert_previewed(command, call)
        self._assert_none_left_unsaid(command)

    def _assert_own_certificates_only(self, command: ObservedCommand, held: Held) -> None:
        """A switchover writes the certificates in the slots alone, into the declared blocks alone."""
        held = {block: certificate or "nothing" for block, certificate in held.items()}
        emulator, guid = command.engine.emulator, command.engine.guid
        own = set[str]().union(*map(identities, (*command.slots_before, *emulator.certificates(guid))))
        for entry in filter(_is_done_patch, command.entries):
            found = dict(_HELD.findall(entry.note or ""))
            assert found, entry.note
            for block, certificate in found.items():
                if certificate != held[block]:
                    assert block in command.spec.switches, f"{block} was written from outside of switches"
                    assert certificate in own, f"{block} got {certificate} from outside of the slots"
                    self.statistics.switchovers["written"] += 1
            held = found

    def _assert_none_left_unsaid(self, command: ObservedCommand) -> None:
        """A deployment that ends in silence leaves each block on the signer."""
        if command.engine is not self.systems.engine or command.name != "up" or command.error is not None:
            return
        if command.has_stale_reads or command.is_partial or command.disturbance != Disturbance():
            return
        report = command.engine.last_report
        stored = command.engine.state.get(command.spec.trigger_name)
        if command.spec.active_generation is None or stored is None or "warning: " in report.messages:
            return
        if "failure" in stored.outputs and stored.outputs.get("failed_generation") == command.spec.active_generation:
            return  # the resource class raises it
        if command.engine.config.get("btp-trust:offline") != "true":
            outdated = self.systems.outdated(command.spec.switches)
            assert outdated == [], f"unsaid: {outdated}"
            self.statistics.switchovers["up to date"] += bool(command.spec.switches)


def _assert_previewed(command: ObservedCommand, call: ProviderCall) -> None:
    """Blocks are written by an update alone, and as its preview showed."""
    assert (call.kind, call.method) == ("trigger", "update"), f"{call.kind}.{call.method} wrote to a system"
    preview = command.preview_report or command.engine.last_report
    if command.disturbance.between_preview_and_update is not None or command.has_stale_reads:
        return
    if _UNREAD.search(preview.messages):
        return
    last = command.before[call.name].inputs.get("switchover")
    shown: Any = preview.inputs[call.name].get("switchover")
    assert shown is not None, "the preview lacks the switchover"
    assert shown != last, "a switchover that was done counts as planned"


def _is_done_patch(entry: JournalEntry) -> bool:
    return is_system_request(entry) and request_name(entry) == PATCH and entry.note is not None
