"""Which connections a stack has whose keys are in files or come from a command, and how they are examined."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from btp_trust.errors import ConfigurationError
from btp_trust.runtime.host import Host
from btp_trust_cli.commands import DoctorRequest, StatusRequest, run_doctor, run_status
from btp_trust_cli.connections import Selection
from btp_trust_cli.exit_codes import Severity
from btp_trust_emulator import Emulator
from support.fake_engine import FakeEngine
from support.fake_pulumi import FakePulumi, export_of
from support.s4_tenant import USER
from support.terminals import pipes, printed

MakeHost = Callable[..., Host]
TO_DESTINATION, TO_XSUAA = "a destination service instance", "an XSUAA instance (plan apiaccess)"


def write_key(pulumi: FakePulumi, name: str, key: Mapping[str, Any], mode: int = 0o600) -> None:
    """Write a key to the folder of keys of the project."""
    path = pulumi.folder / f"keys/{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(key))
    path.chmod(mode)


def examine(host: Host, folder: Path, *connections: str) -> tuple[Severity, dict[str, Any]]:
    """Run doctor; return its exit code, and {title without the stack: steps}."""
    terminal = pipes()
    selection = Selection(folder=folder, connections=connections)
    severity = run_doctor(DoctorRequest(selection, as_json=True), host, terminal)
    checks = json.loads(printed(terminal))["checks"]
    return severity, {check["title"].removeprefix("stack dev, "): check["steps"] for check in checks}


def test_folder_lists_a_new_stack(pulumi: FakePulumi, make_host: MakeHost, emulator: Emulator) -> None:
    """Before the first deployment each file is a connection, but that of a tenant; an unusable one fails alone."""
    write_key(pulumi, "good", emulator.service_key(emulator.create_subaccount(generate=True).guid))
    write_key(pulumi, "billing", emulator.api_access_key(emulator.create_subaccount().guid))
    write_key(pulumi, "s4", USER)
    os.mkfifo(pulumi.folder / "keys/pipe.json")
    config = {"btp-trust:connectionsFile": "keys"}
    pulumi.add_stack("dev", config, current=True)
    (pulumi.folder / "below").mkdir()
    severity, checks = examine(make_host(), pulumi.folder / "below")
    assert severity is Severity.CRITICAL
    failed = [title for title, steps in checks.items() if not all(step["passed"] for step in steps)]
    assert failed == [f"connection pipe to {TO_DESTINATION}"]
    assert set(checks) == {
        "stack dev",
        f"connection good to {TO_DESTINATION}",
        f"connection billing to {TO_XSUAA}",
        f"connection pipe to {TO_DESTINATION}",
    }


def test_strict_fails_at_a_readable_file(pulumi: FakePulumi, make_host: MakeHost, emulator: Emulator) -> None:
    """As the deployment would."""
    write_key(pulumi, "a", emulator.service_key(emulator.create_subaccount(generate=True).guid), 0o644)
    pulumi.add_stack("dev", {"btp-trust:connectionsFile": "keys", "btp-trust:strict": "true"}, current=True)
    _, checks = examine(make_host(), pulumi.folder)
    assert "can be read by others" in checks[f"connection a to {TO_DESTINATION}"][0]["error"]["what"]


def test_deployed_stack_has_its_own(engine: FakeEngine, pulumi: FakePulumi, make_host: MakeHost) -> None:
    """A folder may be that of many stacks: the connections of the resources count."""
    write_key(pulumi, "default", engine.emulator.service_key(engine.guid))
    os.mkfifo(pulumi.folder / "keys/of-another-stack.json")
    pulumi.add_stack("dev", {"btp-trust:connectionsFile": "keys"}, export_of(engine), current=True)
    severity, checks = examine(make_host(), pulumi.folder)
    assert severity is Severity.OK
    assert list(checks) == ["stack dev", f"connection default to {TO_DESTINATION}"]


def test_command_runs_once(engine: FakeEngine, pulumi: FakePulumi, make_host: MakeHost) -> None:
    """All steps share one run; a closed standard input is no engine that has gone."""
    write_key(pulumi, "default", engine.emulator.service_key(engine.guid))
    words = ["sh", "-c", 'echo "$1" >> runs; sleep 0.3; cat "keys/$1.json"', "get-key"]
    pulumi.add_stack("dev", {"btp-trust:serviceKeyCommand": json.dumps(words)}, export_of(engine), current=True)
    host = structs.replace(make_host(), engine_exited=lambda: True)
    severity, checks = examine(host, pulumi.folder)
    assert severity is Severity.OK
    assert checks[f"connection default to {TO_DESTINATION}"][0]["detail"] == "the output of 'sh' for 'default'"
    assert (pulumi.folder / "runs").read_text().split() == ["default"]


def test_command_lists_nothing(pulumi: FakePulumi, make_host: MakeHost) -> None:
    """Before the first deployment nobody knows which names the command knows."""
    pulumi.add_stack("dev", {"btp-trust:serviceKeyCommand": '["cat"]'}, current=True)
    with pytest.raises(ConfigurationError, match="serviceKeyCommand knows cannot be listed"):
        run_status(StatusRequest(Selection(folder=pulumi.folder)), make_host(), pipes())


def test_named_connections_alone_are_examined(pulumi: FakePulumi, make_host: MakeHost, emulator: Emulator) -> None:
    """Those of the option, each to its own service; the others stay unread."""
    write_key(pulumi, "good", emulator.service_key(emulator.create_subaccount(generate=True).guid))
    write_key(pulumi, "billing", emulator.api_access_key(emulator.create_subaccount().guid))
    os.mkfifo(pulumi.folder / "keys/pipe.json")
    pulumi.add_stack("dev", {"btp-trust:connectionsFile": "keys"}, current=True)
    severity, checks = examine(make_host(), pulumi.folder, "billing", "good")
    assert severity is Severity.OK
    assert list(checks) == ["stack dev", f"connection good to {TO_DESTINATION}", f"connection billing to {TO_XSUAA}"]
    severity, checks = examine(make_host(), pulumi.folder, "absent")
    assert severity is Severity.CRITICAL
    assert checks[f"connection absent to {TO_DESTINATION}"][0]["error"]["kind"] == "CredentialsMissing"


def test_named_connection_of_command_is_found(engine: FakeEngine, pulumi: FakePulumi, make_host: MakeHost) -> None:
    """Before the first deployment, too: it is in no list."""
    write_key(pulumi, "site", engine.emulator.service_key(engine.guid))
    words = ["sh", "-c", 'cat "keys/$1.json"', "get-key"]
    pulumi.add_stack("dev", {"btp-trust:serviceKeyCommand": json.dumps(words)}, current=True)
    severity, checks = examine(make_host(), pulumi.folder, "site")
    assert severity is Severity.OK
    assert list(checks) == ["stack dev", f"connection site to {TO_DESTINATION}"]
    terminal = pipes()
    run_status(StatusRequest(Selection(folder=pulumi.folder, connections=("site",))), make_host(), terminal)
    assert "1 subaccount" in printed(terminal)


def test_unused_key_is_named(engine: FakeEngine, pulumi: FakePulumi, make_host: MakeHost) -> None:
    """A renewed key in a file has no effect while the old one is in the configuration."""
    key = engine.emulator.service_key(engine.guid)
    write_key(pulumi, "default", key)
    config = {**engine.config, "btp-trust:connectionsFile": "keys"}
    pulumi.add_stack("dev", config, export_of(engine), current=True)
    _, checks = examine(make_host(BTP_TRUST_SERVICE_KEY=json.dumps(key)), pulumi.folder)
    assert checks[f"connection default to {TO_DESTINATION}"][0]["detail"] == (
        "config btp-trust:serviceKey; unused, as this place comes first: keys/default.json, BTP_TRUST_SERVICE_KEY"
    )
