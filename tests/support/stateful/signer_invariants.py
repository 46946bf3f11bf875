"""Invariants of what a command says about the signer: nothing that changed is left unsaid, and no expiry."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from btp_trust.runtime.expiry_limits import ExpiryLimits
from support.fake_engine import StoredResource
from support.stateful.disturbances import Disturbance
from support.stateful.observed_command import ObservedCommand

_COMMANDS: Final = ("preview", "up", "refresh")
_EXPIRY: Final = re.compile(r"active certificate [0-9a-f]{8}.* expire")


def assert_nothing_unsaid(command: ObservedCommand) -> None:
    """Assert that a command which passed has named a signer of somebody else, and a signer that expires.

    Commands are left out whose readings may be wrong or are missing, and those of some resources only.
    """
    is_offline = command.engine.config.get("btp-trust:offline") == "true"
    if command.name not in _COMMANDS or command.has_stale_reads or command.is_partial or is_offline:
        return
    if command.disturbance != Disturbance() or command.signer_before is None:
        return
    resources = _recorded_signers(command)
    messages = command.engine.last_report.messages
    if "was not checked" in messages:
        return
    for name, stored in resources.items():
        recorded = stored.outputs.get("recorded_signer") or stored.outputs["fingerprint"]
        if recorded == command.signer_before.fingerprint or _is_explained(command, stored, recorded):
            continue
        for fingerprint in (recorded, command.signer_before.fingerprint):
            assert fingerprint[:8] in messages, f"{command.name} of {name} left unsaid that {fingerprint} is involved"
    left = command.signer_before.not_after - command.began_at
    if _names(command) and timedelta(minutes=5) < ExpiryLimits().warning - left:
        assert _EXPIRY.search(messages), f"{command.name} left unsaid that the signer expires in {left}"


def _names(command: ObservedCommand) -> set[str]:
    """Return the resources that the command is about."""
    if command.name == "refresh":
        return {*command.before}
    return command.spec.names


def _recorded_signers(command: ObservedCommand) -> dict[str, StoredResource]:
    """Return the resources of the command that have recorded a signer."""
    names = _names(command)
    return {
        name: stored
        for name, stored in command.before.items()
        if name in names and stored.kind in ("active", "trigger")
    }


def _is_explained(command: ObservedCommand, stored: StoredResource, recorded: str) -> bool:
    """Return True if a step of this stack has made the signer sign: the program declares it, or has renewed to it."""
    signer = command.signer_before
    assert signer is not None
    if stored.kind == "active" and stored.inputs.get("renew_fingerprint") == recorded:
        return True
    if stored.kind == "active" and command.name != "refresh" and command.spec.renew == recorded:
        return True
    triggers = [each for each in command.before.values() if each.kind == "trigger"]
    if command.name == "refresh":
        return any(each.inputs["signer"]["fingerprint"] == signer.fingerprint for each in triggers)
    inputs = command.engine.last_report.inputs
    declared = [bag for name, bag in inputs.items() if name == command.spec.trigger_name and name in command.before]
    return any(bag.get("signer", {}).get("fingerprint") == signer.fingerprint for bag in declared)
