"""`btp-trust status` against the emulator: which subaccounts, what it says, and that it only reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from btp_trust.errors import ConfigurationError
from btp_trust.runtime.host import Host
from btp_trust_cli.commands import StatusRequest, run_status
from btp_trust_cli.connections import Selection
from btp_trust_cli.exit_codes import Severity
from btp_trust_emulator import Emulator, FaultKind
from support.fake_engine import FakeEngine, program
from support.fake_pulumi import FakePulumi, export_of
from support.terminals import pipes, printed, screen

MakeHost = Callable[..., Host]


def read(host: Host, folder: Path, **options: Any) -> tuple[Severity, dict[str, Any]]:
    """Run the command with `--json`; return its exit code and what it printed."""
    terminal = pipes()
    selection = Selection(options.pop("stack", None), options.pop("all_stacks", False), folder)
    severity = run_status(StatusRequest(selection, as_json=True, **options), host, terminal)
    return severity, json.loads(printed(terminal))


def test_selected_stack_is_read(
    engine: FakeEngine, pulumi: FakePulumi, make_host: MakeHost, emulator: Emulator
) -> None:
    """Its configuration, its state and both slots; each request is a read or gets a token."""
    pulumi.add_stack("dev", engine.config, export_of(engine), current=True)
    emulator.clear_journal()
    severity, document = read(make_host(), pulumi.folder)
    (row,) = document["subaccounts"]
    assert (severity, row["state"]) == (Severity.OK, "OK")
    assert (row["label"], row["stack"], row["connection"]) == (engine.label, "dev", "default")
    assert (row["active"]["fingerprint"], row["passive"]["fingerprint"]) == engine.slots
    assert (row["active"]["generation"], row["passive"]["generation"]) == ("a", "b")
    assert row["due"]["step"] == "hand over"
    assert [target["trusts"] for target in row["targets"]] == ["no", "no"]
    assert {(entry.method, "token" in entry.path) for entry in emulator.journal()} == {("GET", False), ("POST", True)}


def test_swap_by_a_colleague_is_drift(
    engine: FakeEngine, pulumi: FakePulumi, make_host: MakeHost, emulator: Emulator
) -> None:
    """The words are those of `pulumi refresh`, with the targets that reject users."""
    pulumi.add_stack("dev", engine.config, export_of(engine), current=True)
    emulator.rotate(engine.guid)
    severity, document = read(make_host(), pulumi.folder)
    (drift,) = document["subaccounts"][0]["drift"]
    assert severity is Severity.CRITICAL
    assert "(b) signs, not" in drift["what"]
    assert "hr: no" in drift["why"]


@pytest.mark.parametrize(
    ("days", "options", "severity"),
    [
        (61, {}, Severity.OK),
        (30, {}, Severity.WARNING),
        (10, {}, Severity.CRITICAL),
        (30, {"fail_within": timedelta(days=40)}, Severity.CRITICAL),
        (10, {"fail_within": timedelta(days=5)}, Severity.WARNING),
        (80, {"fail_within": timedelta(days=90)}, Severity.CRITICAL),
    ],
)
def test_another_date_is_judged(
    emulator: Emulator, make_host: MakeHost, tmp_path: Path, *, days: int, options: dict[str, Any], severity: Severity
) -> None:
    """`--as-of` moves the judgement, `--fail-within` its limit; the environment is read outside of a stack."""
    guid = emulator.create_subaccount(generate=True).guid
    host = make_host(BTP_TRUST_SERVICE_KEY=json.dumps(emulator.service_key(guid)))
    _, today = read(host, tmp_path)
    expiry = emulator.now + timedelta(days=today["subaccounts"][0]["active"]["days_left"])
    found, document = read(host, tmp_path, as_of=expiry - timedelta(days=days), **options)
    assert found is severity
    assert document["exit_code"] == severity
    assert document["as_of"] is not None


def test_all_stacks_are_read(engine: FakeEngine, pulumi: FakePulumi, make_host: MakeHost, emulator: Emulator) -> None:
    """Each with its own configuration; an unreadable one is a row, and the others are there all the same."""
    other = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    other.up(program())
    pulumi.add_stack("dev", engine.config, export_of(engine))
    pulumi.add_stack("live", other.config, export_of(other))
    pulumi.add_stack("broken", {})
    pulumi.overwrite("export-broken", "{")
    pulumi.add_stack("gone", {})
    (pulumi.folder / "config-gone").unlink()
    severity, document = read(make_host(), pulumi.folder, all_stacks=True)
    rows = {row["stack"]: row for row in document["subaccounts"]}
    assert severity is Severity.UNKNOWN
    assert {name: row["state"] for name, row in rows.items()} == {
        "dev": "OK",
        "live": "OK",
        "broken": "UNKNOWN",
        "gone": "UNKNOWN",
    }
    assert rows["broken"]["error"]["kind"] == "UnreadableState"
    assert "no stack named 'gone' found" in rows["gone"]["error"]["why"]


def test_stack_is_chosen_by_name(engine: FakeEngine, pulumi: FakePulumi, make_host: MakeHost) -> None:
    """By `--stack`, else by PULUMI_STACK."""
    pulumi.add_stack("dev", engine.config, export_of(engine))
    for host, options in ((make_host(), {"stack": "dev"}), (make_host(PULUMI_STACK="dev"), {})):
        _, document = read(host, pulumi.folder, **options)
        assert document["subaccounts"][0]["stack"] == "dev"


def test_address_as_stack_is_refused(pulumi: FakePulumi, make_host: MakeHost) -> None:
    """Neither `--stack` nor PULUMI_STACK takes the address of a backend, and it stays hidden."""
    address = "postgres://jane:secret@host/db"
    for host, options in ((make_host(), {"stack": address}), (make_host(PULUMI_STACK=address), {})):
        with pytest.raises(ConfigurationError, match="The name of the stack is an address") as raised:
            read(host, pulumi.folder, **options)
        assert "secret" not in str(raised.value)


def test_communication_user_is_no_subaccount(
    engine: FakeEngine, pulumi: FakePulumi, make_host: MakeHost, emulator: Emulator
) -> None:
    """A connection to a tenant of S/4HANA is left out."""
    tenant = f"s4-{engine.guid}"
    emulator.create_s4(tenant)
    users = {"s4": emulator.communication_user(tenant)}
    pulumi.add_stack("dev", {**engine.config, "btp-trust:connections": json.dumps(users)}, export_of(engine))
    _, document = read(make_host(), pulumi.folder)
    assert [row["connection"] for row in document["subaccounts"]] == ["default"]


def test_project_without_stack_reads_environment(pulumi: FakePulumi, make_host: MakeHost, emulator: Emulator) -> None:
    """In a new project the environment counts, and `--all-stacks` is refused."""
    guid = emulator.create_subaccount(generate=True).guid
    host = make_host(BTP_TRUST_SERVICE_KEY=json.dumps(emulator.service_key(guid)))
    _, document = read(host, pulumi.folder)
    assert (document["subaccounts"][0]["stack"], document["subaccounts"][0]["subaccount_id"]) == (None, guid)
    with pytest.raises(ConfigurationError, match="The project has no stack"):
        read(host, pulumi.folder, all_stacks=True)


def test_environment_has_many_connections(make_host: MakeHost, emulator: Emulator, tmp_path: Path) -> None:
    """Variables by name, and bindings by instance; a key of XSUAA belongs to a target and is left out."""
    guids = [emulator.create_subaccount(generate=True).guid for _ in range(3)]
    keys = [json.dumps(emulator.service_key(guid)) for guid in guids]
    bound = {"name": "bound", "instance_name": "bound", "credentials": json.loads(keys[2])}
    other = {"name": "other", "credentials": {"clientid": "one", "uri": "https://elsewhere.example"}}
    binding = {"destination": [bound], "user-provided": [other]}
    host = make_host(
        BTP_TRUST_SERVICE_KEY=keys[0],
        BTP_TRUST_SERVICE_KEY_PROD_EU=keys[1],
        BTP_TRUST_SERVICE_KEY_SHOP=json.dumps(emulator.api_access_key(guids[0])),
        VCAP_SERVICES=json.dumps(binding),
    )
    _, document = read(host, tmp_path)
    assert {row["connection"]: row["subaccount_id"] for row in document["subaccounts"]} == dict(
        zip(("default", "prod_eu", "bound"), guids, strict=True)
    )


def test_stack_uses_the_environment(engine: FakeEngine, pulumi: FakePulumi, make_host: MakeHost) -> None:
    """The connection of a resource may have its key there; a new stack has all of them."""
    key = engine.config["btp-trust:serviceKey"]
    pulumi.add_stack("dev", {}, export_of(engine))
    pulumi.add_stack("new", {})
    for stack in ("dev", "new"):
        _, document = read(make_host(BTP_TRUST_SERVICE_KEY=key), pulumi.folder, stack=stack)
        assert document["subaccounts"][0]["subaccount_id"] == engine.guid


def test_key_of_another_subaccount_is_seen(
    engine: FakeEngine, pulumi: FakePulumi, make_host: MakeHost, emulator: Emulator
) -> None:
    """The state knows which subaccount is meant; the slots stay unread, and the row keeps its name."""
    other = emulator.service_key(emulator.create_subaccount(generate=True).guid)
    pulumi.add_stack("dev", {"btp-trust:serviceKey": json.dumps(other)}, export_of(engine), current=True)
    severity, document = read(make_host(), pulumi.folder)
    (row,) = document["subaccounts"]
    assert (severity, row["error"]["kind"]) == (Severity.UNKNOWN, "WrongSubaccount")
    assert row["subaccount_id"] == engine.guid


def test_two_connections_are_one_subaccount(engine: FakeEngine, pulumi: FakePulumi, make_host: MakeHost) -> None:
    """A stack that reaches a subaccount in two ways has one row for it."""
    key = engine.config["btp-trust:serviceKey"]
    config = {"btp-trust:connections": f'{{"one": {key}, "two": {key}}}'}
    pulumi.add_stack("dev", config, current=True)
    _, document = read(make_host(), pulumi.folder)
    assert len(document["subaccounts"]) == 1


@pytest.mark.parametrize("config", [{"btp-trust:expiryWarning": "soon"}, {"btp-trust:connections": "[]"}])
def test_unusable_setting_is_a_row(
    engine: FakeEngine, pulumi: FakePulumi, make_host: MakeHost, config: dict[str, str]
) -> None:
    """The stack is unknown then."""
    pulumi.add_stack("dev", {**engine.config, **config}, export_of(engine), current=True)
    severity, document = read(make_host(), pulumi.folder)
    assert severity is Severity.UNKNOWN
    assert document["subaccounts"][0]["error"]["kind"] == "ConfigurationError"


@pytest.mark.parametrize(
    ("kind", "status", "error"), [(FaultKind.FAIL, 403, "NotAuthorized"), (FaultKind.HTML, 200, "UnexpectedResponse")]
)
def test_failure_is_a_row(
    emulator: Emulator, make_host: MakeHost, tmp_path: Path, *, kind: FaultKind, status: int, error: str
) -> None:
    """One unreadable subaccount leaves the other readable."""
    keys = [json.dumps(emulator.service_key(emulator.create_subaccount(generate=True).guid)) for _ in range(2)]
    broken = emulator.subaccounts()[-1].guid
    emulator.fault(kind, status=status, subaccount=broken, method="GET")
    try:
        severity, document = read(
            make_host(BTP_TRUST_SERVICE_KEY_ONE=keys[0], BTP_TRUST_SERVICE_KEY_TWO=keys[1]), tmp_path
        )
    finally:
        emulator.clear_faults()
    assert severity is Severity.UNKNOWN
    assert [row["state"] for row in document["subaccounts"]] == ["UNKNOWN", "OK"]
    assert document["subaccounts"][0]["error"]["kind"] == error


def test_missing_pulumi_is_named(make_host: MakeHost, pulumi: FakePulumi) -> None:
    """Stacks need its command line."""
    host = make_host(PATH=str(pulumi.folder / "nowhere"))
    with pytest.raises(ConfigurationError, match="command line failed to start"):
        read(host, pulumi.folder, all_stacks=True)


def test_slow_pulumi_is_named(make_host: MakeHost, pulumi: FakePulumi, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that waits for something is ended."""
    monkeypatch.setattr("btp_trust_cli.pulumi_stack._TIMEOUT_SECONDS", 0.05)
    (pulumi.folder / "bin/pulumi").write_text("#!/bin/sh\nexec sleep 5\n")
    with pytest.raises(ConfigurationError, match="took longer than"):
        read(make_host(), pulumi.folder, all_stacks=True)


def test_terminal_shows_the_table(
    engine: FakeEngine, pulumi: FakePulumi, make_host: MakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In colors, in its width, with a bar on stderr."""
    monkeypatch.setenv("COLUMNS", "200")
    pulumi.add_stack("dev", engine.config, export_of(engine), current=True)
    terminal = screen()
    assert run_status(StatusRequest(Selection(folder=pulumi.folder)), make_host(), terminal) is Severity.OK
    assert "\x1b[32mOK" in printed(terminal)
    assert engine.label in printed(terminal)


@pytest.mark.parametrize("resources", [[], [{"type": "aws:s3/bucket:Bucket", "urn": "urn:pulumi:dev::trust::x::b"}]])
def test_empty_stack_is_an_error(pulumi: FakePulumi, make_host: MakeHost, resources: list[dict[str, str]]) -> None:
    """The command says where it looked, in the place of a table of titles alone."""
    pulumi.add_stack("dev", {}, resources, current=True)
    with pytest.raises(ConfigurationError, match="There is no subaccount to read: stack dev") as raised:
        read(make_host(), pulumi.folder)
    assert "pulumi config set --secret btp-trust:serviceKey" in raised.value.remedy


def test_foreign_stack_is_left_out(engine: FakeEngine, pulumi: FakePulumi, make_host: MakeHost) -> None:
    """Among all stacks of a project, some may be about other things."""
    pulumi.add_stack("dev", engine.config, export_of(engine))
    pulumi.add_stack("network", {})
    severity, document = read(make_host(), pulumi.folder, all_stacks=True)
    assert (severity, [row["stack"] for row in document["subaccounts"]]) == (Severity.OK, ["dev"])


def test_key_of_target_is_an_error(make_host: MakeHost, emulator: Emulator, tmp_path: Path) -> None:
    """A key of XSUAA reaches a target, whose certificates are another matter."""
    key = emulator.api_access_key(emulator.create_subaccount().guid)
    with pytest.raises(ConfigurationError, match="There is no subaccount to read: the environment"):
        read(make_host(BTP_TRUST_SERVICE_KEY_SHOP=json.dumps(key)), tmp_path)
