"""`btp-trust notify` against the emulator and receivers: each matter once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import structs

from btp_trust.errors import ConfigurationError
from btp_trust.runtime.host import Host
from btp_trust_cli.connections import Selection
from btp_trust_cli.exit_codes import Severity
from btp_trust_cli.notify.command import NotifyRequest, run_notify
from btp_trust_emulator import Emulator, FaultKind
from support.fake_engine import FakeEngine
from support.fake_pulumi import FakePulumi, export_of
from support.terminals import pipes, printed

MakeHost = Callable[..., Host]
WEBHOOK, SLACK = "https://flow.example/run?sig=s3cr3t", "https://hooks.example/services/T0/s3cr3t"
ALERT_KEY = {
    "url": "https://alerts.example",
    "oauth_url": "https://tokens.example/oauth/token?grant_type=client_credentials",
    "client_id": "sb-one",
    "client_secret": "s3cr3t",
}
VARIABLES = {"webhook": {"BTP_TRUST_WEBHOOK_URL": WEBHOOK}, "slack": {"BTP_TRUST_SLACK_URL": SLACK}}
Answer = int | BaseException


@dataclass
class Receivers(httpx.BaseTransport):
    """Webhooks of several hosts; all other requests go to the emulator."""

    emulator: httpx.BaseTransport
    answers: list[Answer] = field(default_factory=list)
    """Of the next messages; then 200."""
    received: list[httpx.Request] = field(default_factory=list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as planned."""
        if not request.url.host.endswith(".example"):
            return self.emulator.handle_request(request)
        self.received.append(request)
        if request.url.host == "tokens.example":
            return httpx.Response(200, json={"access_token": "a.b.c", "expires_in": 60})
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, BaseException):
            raise answer
        return httpx.Response(answer, text="no_service")

    @property
    def messages(self) -> list[Any]:
        """The JSON of all messages."""
        return [json.loads(request.content) for request in self.received if request.url.host != "tokens.example"]


@dataclass
class Runner:
    """Runs the command on one stack, in one folder, with one state file."""

    host: Host
    receivers: Receivers
    folder: Path

    @property
    def state(self) -> Path:
        """The state file."""
        return self.folder / "notified.json"

    def run(self, **options: Any) -> tuple[Severity, str]:
        """Return the exit code, and what was printed."""
        terminal = pipes()
        request = NotifyRequest(**{"selection": Selection(folder=self.folder), "state": self.state, **options})
        severity = run_notify(request, self.host, terminal)
        assert "s3cr3t" not in printed(terminal)
        return severity, printed(terminal)

    def entries(self) -> list[dict[str, Any]]:
        """Return the entries of the state file."""
        found: list[dict[str, Any]] = json.loads(self.state.read_text())["entries"]
        return found


@pytest.fixture
def make_runner(
    engine: FakeEngine, pulumi: FakePulumi, make_host: MakeHost, emulator: Emulator
) -> Callable[..., Runner]:
    """A function that returns a runner with the variables of channels; the signer expires in two years."""
    pulumi.add_stack("dev", engine.config, export_of(engine), current=True)

    def make(**variables: str) -> Runner:
        receivers = Receivers(emulator.transport)
        return Runner(structs.replace(make_host(**variables), transport=receivers), receivers, pulumi.folder)

    return make


@pytest.fixture
def runner(make_runner: Callable[..., Runner], emulator: Emulator) -> Runner:
    """A runner with Slack, 50 days before the signer expires."""
    emulator.advance(timedelta(days=680).total_seconds())
    return make_runner(**VARIABLES["slack"])


def test_matter_is_sent_once(runner: Runner, engine: FakeEngine, emulator: Emulator) -> None:
    """At 60 days, again at 30, and silent in between; each text names the step."""
    severity, shown = runner.run()
    assert severity is Severity.WARNING
    assert shown.splitlines()[1].startswith(f"sent     slack               {engine.label}: prepare, the signer")
    assert runner.run()[1].endswith("everything due was sent before\n")
    emulator.advance(timedelta(days=22).total_seconds())
    runner.run()
    runner.run()
    assert len(runner.receivers.messages) == 2
    assert "expires in 2" in runner.receivers.messages[1]["text"]
    assert len(runner.entries()) == 1


def test_nothing_due_is_silent(make_runner: Callable[..., Runner]) -> None:
    """The state file is there all the same."""
    runner = make_runner(**VARIABLES["slack"])
    assert runner.run() == (Severity.OK, "OK: 1 subaccount, 1 OK\nnothing is due\n")
    assert runner.entries() == []


def test_returning_drift_is_sent_again(
    make_runner: Callable[..., Runner], engine: FakeEngine, emulator: Emulator
) -> None:
    """Once while it lasts; a new message has an identity of its own."""
    runner = make_runner(**VARIABLES["webhook"])
    for _ in range(2):
        emulator.rotate(engine.guid)
        assert runner.run()[0] is Severity.CRITICAL
        runner.run()
        emulator.rotate(engine.guid)
        runner.run()
    first, second = runner.receivers.messages
    assert (first["kind"], first["stack"], first["subaccount_id"]) == ("drift", "dev", engine.guid)
    assert first["id"] != second["id"]
    assert {request.headers["Idempotency-Key"] for request in runner.receivers.received} == {first["id"], second["id"]}


def test_outage_is_sent_once(runner: Runner, emulator: Emulator) -> None:
    """An unreadable subaccount is a matter; what was sent about its expiry stays recorded."""
    runner.run()
    emulator.fault(FaultKind.FAIL, path="/destination-configuration/v1/saml2Metadata/certificate", status=403, count=99)
    try:
        assert runner.run()[0] is Severity.UNKNOWN
        runner.run()
    finally:
        emulator.clear_faults()
    runner.run()
    texts = [message["text"] for message in runner.receivers.messages]
    assert len(texts) == 2
    assert "cannot be read (NotAuthorized)" in texts[1]
    assert [entry["key"].split()[0] for entry in runner.entries()] == ["expiry"]


def test_failed_run_is_sent(make_runner: Callable[..., Runner]) -> None:
    """Where Pulumi cannot be run, people hear of it, and the command ends with the error."""
    runner = make_runner(PATH="/missing", **VARIABLES["slack"])
    for _ in range(2):
        with pytest.raises(ConfigurationError):
            runner.run()
    (message,) = runner.receivers.messages
    assert "btp-trust could read nothing (ConfigurationError)" in message["text"]
    with pytest.raises(ConfigurationError):
        runner.run(is_dry_run=True)


@pytest.mark.parametrize("answers", [[429, 503, httpx.ConnectError("no route")], [httpx.ConnectTimeout("late")]])
def test_certain_failure_is_repeated(runner: Runner, answers: list[Answer]) -> None:
    """The receiver lacks it, so the message is sent again at once, with its identity."""
    count = len(answers) + 1
    runner.receivers.answers = answers
    assert runner.run()[0] is Severity.WARNING
    assert len({request.headers["Idempotency-Key"] for request in runner.receivers.received}) == 1
    assert len(runner.receivers.messages) == count


@pytest.mark.parametrize("answers", [[404], [301], [503] * 4, [httpx.ConnectError("no route")] * 4])
def test_refused_message_is_sent_later(runner: Runner, answers: list[Answer]) -> None:
    """It is named with its host and what to do; the next run sends it."""
    runner.receivers.answers = answers
    severity, shown = runner.run()
    assert severity is Severity.UNKNOWN
    assert "FAILED   slack" in shown
    assert "slack at hooks.example" in shown
    assert runner.entries() == []
    assert runner.run()[0] is Severity.WARNING


@pytest.mark.parametrize("answer", [500, 502, httpx.ReadTimeout("late"), httpx.RemoteProtocolError("closed")])
def test_lost_answer_waits_for_a_person(runner: Runner, answer: Answer) -> None:
    """The message may have arrived: each run says so, until `--resend` sends a copy with the same identity."""
    runner.receivers.answers = [answer]
    for _ in range(2):
        severity, shown = runner.run()
        assert severity is Severity.UNKNOWN
        assert "UNKNOWN  slack" in shown
        assert "btp-trust notify --resend" in shown
    assert len(runner.receivers.messages) == 1
    assert runner.run(resend=True)[0] is Severity.WARNING
    runner.run(resend=True)
    assert len(runner.receivers.messages) == 2
    assert len({request.headers["Idempotency-Key"] for request in runner.receivers.received}) == 1


def test_killed_run_is_a_lost_answer(runner: Runner) -> None:
    """The message was recorded before it left."""
    runner.receivers.answers = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        runner.run()
    assert [entry["delivery"] for entry in runner.entries()] == ["sending"]
    severity, shown = runner.run()
    assert severity is Severity.UNKNOWN
    assert "was ended, or lost the answer" in shown
    assert len(runner.receivers.messages) == 1


def test_channels_are_independent(make_runner: Callable[..., Runner], emulator: Emulator) -> None:
    """One that fails leaves the others; each gets its form, with its credentials."""
    emulator.advance(timedelta(days=680).total_seconds())
    runner = make_runner(
        BTP_TRUST_WEBHOOK_TOKEN="to.k.en",
        BTP_TRUST_ALERT_NOTIFICATION_KEY=json.dumps(ALERT_KEY),
        **VARIABLES["webhook"],
        **VARIABLES["slack"],
    )
    runner.receivers.answers = [200, 404, 202]
    assert [line.split()[0] for line in runner.run()[1].splitlines() if line[0] != " "] == [
        "WARNING:",
        "sent",
        "FAILED",
        "sent",
    ]
    webhook, slack, token, event = runner.receivers.received
    assert webhook.headers["Authorization"] == "Bearer to.k.en"
    assert "Authorization" not in slack.headers
    assert b"s3cr3t" in token.content
    assert (str(event.url), event.headers["Authorization"]) == (
        "https://alerts.example/cf/producer/v1/resource-events",
        "Bearer a.b.c",
    )
    assert json.loads(event.content)["tags"]["ans:sourceEventId"] == event.headers["Idempotency-Key"]
    assert {entry["channel"] for entry in runner.entries()} == {"webhook", "alert-notification"}


def test_refused_key_keeps_the_message(make_runner: Callable[..., Runner], emulator: Emulator) -> None:
    """The message stays here; the error is that of the token service."""
    emulator.advance(timedelta(days=680).total_seconds())
    key = {**ALERT_KEY, "oauth_url": "https://alerts.example/oauth/token"}
    runner = make_runner(BTP_TRUST_ALERT_NOTIFICATION_KEY=json.dumps(key))
    runner.receivers.answers = [401]
    severity, shown = runner.run()
    assert severity is Severity.UNKNOWN
    assert "The token service https://alerts.example/oauth/token gave no token." in shown
    assert len(runner.receivers.received) == 1
    assert runner.entries() == []


def test_malformed_proxy_keeps_the_message(runner: Runner) -> None:
    """The error is that of the proxy's variable."""
    runner.receivers.answers = [ConfigurationError("The proxy is unusable.", "It is malformed.", "Correct it.")]
    assert "The proxy is unusable." in runner.run()[1]
    assert runner.entries() == []


def test_dry_run_only_prints(make_runner: Callable[..., Runner], emulator: Emulator) -> None:
    """Another date, whole texts; channels and a state file are optional; what was sent is left out."""
    as_of = emulator.now + timedelta(days=700)
    runner = make_runner()
    severity, shown = runner.run(is_dry_run=True, as_of=as_of)
    assert severity is Severity.WARNING
    assert "to send  no channel" in shown
    assert "Prepare a successor" in shown
    assert runner.run(is_dry_run=True, state=None)[1] == "OK: 1 subaccount, 1 OK\n"
    assert not runner.state.exists()
    emulator.advance(timedelta(days=680).total_seconds())
    with_slack = make_runner(**VARIABLES["slack"])
    assert "to send  slack" in with_slack.run(is_dry_run=True)[1]
    with_slack.run()
    assert "to send" not in with_slack.run(is_dry_run=True)[1]
    assert len(with_slack.receivers.messages) == 1


def test_missing_channel_ends_at_once(make_runner: Callable[..., Runner], emulator: Emulator) -> None:
    """Before anything is read."""
    emulator.clear_journal()
    with pytest.raises(ConfigurationError, match="There is no channel"):
        make_runner().run()
    assert emulator.journal() == []


def test_damaged_state_file_ends_the_run(runner: Runner) -> None:
    """An empty one in its place would send everything again."""
    runner.state.write_text("{")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        runner.run()
    assert runner.receivers.messages == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (429, ("takes no notification just now. It answered 429. ", "The next run sends it again.\n")),
        (503, ("takes no notification just now. It answered 503. ", "The next run sends it again.\n")),
        (500, ("its answer leaves that open. It answered 500. ", "--resend\n")),
        (httpx.ConnectError("to /s3cr3t"), ("is out of reach. ConnectError: ", "reaches that host.\n")),
        (httpx.ReadTimeout("of /s3cr3t"), ("its answer leaves that open. ReadTimeout: ", "--resend\n")),
        (httpx.DecodingError("of /s3cr3t"), ("its answer leaves that open. ", "--resend\n")),
    ],
)
def test_failure_says_what_is_known(runner: Runner, answer: Answer, words: tuple[str, str]) -> None:
    """A receiver that answers is within reach, and one that is out of reach gave no answer."""
    runner.receivers.answers = [answer] * 9
    severity, shown = runner.run()
    assert severity is Severity.UNKNOWN
    assert f"slack at hooks.example {words[0]}" in shown.replace("may have taken the notification: ", "")
    assert shown.endswith(words[1])


def test_long_answer_is_left_unread(runner: Runner) -> None:
    """The words are about the receiver, and those about SAP's services stay away."""

    class Talkative(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.host == "hooks.example":
                return httpx.Response(200, content=b"a" * 2_000_000)
            return runner.receivers.emulator.handle_request(request)

    runner.host = structs.replace(runner.host, transport=Talkative())
    _, shown = runner.run()
    assert "It sent a compressed or very long answer, which was left unread. Look whether it has arrived." in shown
    assert "Destination" not in shown
