"""The command line shows no secret of the environment, of a stack, or of what Pulumi prints."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.errors import TrustError
from btp_trust.runtime.host import Host
from btp_trust.service.credentials.service_key import parse_service_key
from btp_trust_cli.__main__ import main
from btp_trust_cli.calendar_feed.command import CalendarRequest, run_calendar
from btp_trust_cli.commands import DoctorRequest, StatusRequest, run_doctor, run_status
from btp_trust_cli.connections import Selection
from btp_trust_cli.exit_codes import Severity
from btp_trust_cli.history.command import HistoryRequest, run_history
from btp_trust_cli.metrics.command import MetricsRequest, run_metrics
from btp_trust_cli.notify.command import NotifyRequest, run_notify
from btp_trust_cli.pulumi_stack import PulumiProject
from btp_trust_cli.rendering import printable
from btp_trust_cli.report.command import PRINTED, ReportRequest, run_report
from btp_trust_emulator import Emulator
from btp_trust_fleet.choice import choose_stacks
from btp_trust_fleet.schedulers.dask_security import security_of
from btp_trust_fleet.table.fleet import Fleet
from btp_trust_fleet.table.reading import read_fleet
from support.fake_pulumi import FakePulumi
from support.secret_samples import contains_secret, secrets
from support.terminals import pipes, printed

PLACES: Final[dict[str, Callable[[str], dict[str, str]]]] = {
    "serviceKey": lambda text: {"btp-trust:serviceKey": text},
    "connections": lambda text: {"btp-trust:connections": text},
    "a connection": lambda text: {"btp-trust:connections": json.dumps({"prod": {"uri": text}})},
    "a setting": lambda text: {"btp-trust:expiryWarning": text},
    "an unknown setting": lambda text: {"btp-trust:caBundel": text},
    "user": lambda text: {"btp-trust:user": text},
}
"""{place of a secret in the configuration: the configuration}"""
MARK: Final = "Zq7"
"""In each part of the secrets of an address."""
WORDS: Final = [
    ["{}"],
    ["status", "{}"],
    ["status", "--cwd", "{}"],
    ["status", "--stack", "{}"],
    ["fleet", "{}"],
    ["fleet", "plan", "--parallel", "{}"],
    ["fleet", "matrix", "--for", "{}"],
    ["fleet", "schema", "--file={}"],
    ["fleet", "status", "--file", "{}"],
    ["history", "--as-of={}"],
    ["metrics", "--serve", "{}"],
]
"""Commands with an address in a place where none belongs."""


@st.composite
def addresses(draw: st.DrawFn) -> str:
    """Draw an address with user, password and token, each with signs that may end its part of an address early."""
    signs = st.lists(
        st.sampled_from(["", ":", "/", "?", "#", "@", "%40", "%", "=", "&", ";", ",", "+", "[", "\\", "ö"])
    )
    user, password, token = ("".join(f"{sign}{MARK}" for sign in draw(signs)) for _ in range(3))
    scheme = draw(st.sampled_from(["tls", "tcp", "https", "postgres", "s3"]))
    ends = ["", f"?token={MARK}{token}", f"#{MARK}{token}"]
    return f"{scheme}://{user}:{MARK}{password}@127.0.0.1:1{draw(st.sampled_from(ends))}"


@pytest.fixture(scope="module")
def pulumi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakePulumi]:
    """A project, whose command line answers in process."""
    fake = FakePulumi(tmp_path_factory.mktemp("project") / "trust")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "run", fake.answer)
        yield fake


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """A service without a subaccount: each key is refused."""
    with Emulator(key_size=1024) as running:
        yield running


def shown_by(folder: Path, environ: dict[str, str], emulator: Emulator) -> str:
    """Return all that the commands print, as text or as JSON, errors included."""
    texts, host = [], Host(environ=environ, transport=emulator.transport, sleep=lambda _: None)
    selection = Selection(folder=folder)
    commands: list[Callable[..., Any]] = [
        lambda terminal: run_status(StatusRequest(selection), host, terminal),
        lambda terminal: run_doctor(DoctorRequest(selection, as_json=True), host, terminal),
        lambda terminal: run_metrics(MetricsRequest(selection), host, terminal),
        lambda terminal: run_calendar(CalendarRequest(selection), host, terminal),
        lambda terminal: run_notify(NotifyRequest(selection, is_dry_run=True), host, terminal),
        lambda terminal: run_history(HistoryRequest(selection), host, terminal),
        lambda terminal: run_report(ReportRequest(PRINTED, selection), host, terminal),
    ]
    for run in commands:
        terminal = pipes()
        try:
            run(terminal)
        except TrustError as error:
            texts.append(str(error))
        texts.append(printed(terminal))
    return "".join(texts).replace("\r\n ", "")  # lines of a calendar are folded


def is_shown(text: str, secret: str) -> bool:
    """Return True if a text has a part of a secret; of a usable key, whose addresses are shown, its credentials."""
    try:
        key = parse_service_key(secret, "here")
    except TrustError:
        return contains_secret(text, secret)
    return any(part in text for part in (key.clientsecret, key.key, key.clientid) if part)


@given(secret=secrets, place=st.sampled_from(sorted(PLACES)))
def test_configuration_stays_hidden(pulumi: FakePulumi, emulator: Emulator, secret: str, place: str) -> None:
    """A key in each notation, and anything else that somebody stored by mistake."""
    pulumi.stacks.clear()
    pulumi.add_stack("dev", PLACES[place](secret), current=True, secret=False)
    assert not is_shown(shown_by(pulumi.folder, pulumi.environ, emulator), secret)


@given(secret=secrets, variable=st.sampled_from(["BTP_TRUST_SERVICE_KEY", "BTP_TRUST_SERVICE_KEY_X", "VCAP_SERVICES"]))
def test_environment_stays_hidden(emulator: Emulator, secret: str, variable: str) -> None:
    """Outside of a project the environment is read."""
    environ = {variable: secret.replace("\0", "")}
    assert not is_shown(shown_by(Path("/"), environ, emulator), secret)


@given(secret=secrets, file=st.sampled_from(["config-dev", "export-dev", "history-dev", "stacks"]))
def test_output_of_pulumi_stays_hidden(pulumi: FakePulumi, emulator: Emulator, secret: str, file: str) -> None:
    """What cannot be decoded is described without a word of it."""
    pulumi.stacks.clear()
    pulumi.add_stack("dev", {}, current=True)
    pulumi.overwrite(file, secret)
    assert not is_shown(shown_by(pulumi.folder, pulumi.environ, emulator), secret)


@given(secret=secrets, place=st.sampled_from(["message", "git.author", "git.head"]))
def test_deployments_stay_hidden(pulumi: FakePulumi, emulator: Emulator, secret: str, place: str) -> None:
    """A secret that somebody pasted into the message of a commit or of a deployment."""
    deployed: dict[str, Any] = {"kind": "update", "startTime": "2028-11-20T08:00:00.000Z", "result": "failed"}
    deployed |= {"message": secret} if place == "message" else {"environment": {place: secret}}
    pulumi.stacks.clear()
    pulumi.add_stack("dev", {}, current=True, history=[deployed])
    shown = shown_by(pulumi.folder, pulumi.environ, emulator)
    assert "2028-11-20T08:00:00Z" in shown
    assert not is_shown(shown, secret)


@given(address=addresses())
def test_credentials_of_addresses_stay_hidden(pulumi: FakePulumi, address: str) -> None:
    """An address that somebody gave in a wrong place, or that of a scheduler, is quoted without its credentials."""
    table = pulumi.folder / "table.yaml"
    table.write_text(json.dumps({"subaccounts": [{"name": "a"}], "waves": [{"name": "w", "subaccounts": [address]}]}))
    project = PulumiProject(pulumi.folder, pulumi.environ)
    fleet = Fleet(waves=(), path=table)
    quotes: list[Callable[[], object]] = [
        lambda: security_of(address),
        lambda: choose_stacks(fleet, None, [address]),
        lambda: choose_stacks(fleet, address, ()),
        lambda: read_fleet(table),
        lambda: read_fleet(Path(address)),
        lambda: project.create("dev", address),
        lambda: project.deployments(address),
    ]
    for quote in quotes:
        with pytest.raises(TrustError) as raised:
            quote()
        assert MARK not in str(raised.value)
    assert MARK not in printable(f"stack {address}: unreadable")


@given(words=st.sampled_from(WORDS), address=addresses())
def test_usage_errors_hide_credentials(words: list[str], address: str) -> None:
    """A message about an option or an argument quotes what was given."""
    printed_text = io.StringIO()
    with contextlib.redirect_stderr(printed_text), contextlib.redirect_stdout(printed_text):
        assert main([word.format(address) for word in words]) == Severity.UNKNOWN
    assert printed_text.getvalue()
    assert MARK not in printed_text.getvalue()
