"""Keys that a command prints: what it gets, how often it runs, what is said of a failure, what stays hidden."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.errors import ConfigurationError, EngineExited, TrustError
from btp_trust.service.credentials import key_command
from btp_trust.service.credentials.child_process import ChildOutput
from btp_trust.service.credentials.configured_credentials import ConfiguredCredentials
from support.credential_places import NOWHERE, configured, key_places
from support.error_text import error_text

SECRET = "4f3e-aa$S3CRETsecretS3CRET="
KEY = {"clientid": "c", "clientsecret": SECRET, "uri": "https://a.example", "url": "https://b.example"}
TEXT = json.dumps(KEY)
ENVIRON = {"PATH": os.environ["PATH"]}


def python(code: str) -> list[str]:
    """Return the words that run this code."""
    return [sys.executable, "-c", code]


def places(
    words: list[str], folder: Path, environ: dict[str, str] | None = None, **limits: Any
) -> ConfiguredCredentials:
    """Return the places of a stack that has only a command."""
    return configured({"btp-trust:serviceKeyCommand": json.dumps(words)}, environ or ENVIRON, folder, **limits)


def printed(credentials: ConfiguredCredentials, name: str = "prod") -> str:
    """Return what the command printed for a connection."""
    return next(credentials.sources(name)).text


def refusal(credentials: ConfiguredCredentials, name: str = "prod", kind: type[TrustError] = ConfigurationError) -> str:
    """Return the message of a refusal in three parts, and require that it hides the key."""
    with pytest.raises(kind) as caught:
        printed(credentials, name)
    assert "S3CRET" not in error_text(caught.value)
    assert all((caught.value.what, caught.value.why, caught.value.remedy))
    return str(caught.value)


def test_command_gets_the_name(tmp_path: Path) -> None:
    """As its last word and in its environment; it runs in the folder, its input is empty, and no shell reads it."""
    code = "import json, os, sys; print(json.dumps({0: [sys.argv[1:], os.getcwd(), sys.stdin.read(), {**os.environ}]}))"
    words = python(code)
    environ = {**ENVIRON, "OF_THE_USER": "u", "PULUMI_CONFIG": "S3CRET", "PULUMI_CONFIG_SECRET_KEYS": "S3CRET"}
    argv, folder, stdin, seen = json.loads(printed(places([*words, "$HOME;`id`"], tmp_path, environ), "my prod"))["0"]
    assert argv == ["$HOME;`id`", "my prod"]
    assert (Path(folder), stdin) == (tmp_path, "")
    assert seen["BTP_TRUST_CONNECTION"] == "my prod"
    assert seen["OF_THE_USER"] == "u"
    assert not {name for name in seen if name.startswith("PULUMI_")}


def test_relative_script_is_found(tmp_path: Path) -> None:
    """A word with a slash counts from the folder, from any working folder."""
    script = tmp_path / "get-key.sh"
    script.write_text(f"#!/bin/sh\necho '{TEXT}'\n")
    script.chmod(0o700)
    assert json.loads(printed(places(["./get-key.sh"], tmp_path))) == KEY


@pytest.mark.parametrize("status", [0, 1], ids=["a key", "a failure"])
def test_command_runs_once(tmp_path: Path, status: int) -> None:
    """32 threads want the keys of two connections: the command is run once for each, also if it fails."""
    code = f"import sys; open('runs', 'a').write(sys.argv[1] + chr(10)); print('{{}}'); sys.exit({status})"
    credentials = places(python(code), tmp_path)

    def attempt(name: str) -> str:
        try:
            return printed(credentials, name)
        except ConfigurationError as error:
            return error.why

    with ThreadPoolExecutor(32) as pool:
        results = set(pool.map(attempt, ["a", "b"] * 16))
    assert results == ({"{}\n"} if status == 0 else {"It ended with status 1."})
    assert sorted((tmp_path / "runs").read_text().split()) == ["a", "b"]


def test_eight_commands_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """32 threads start eight commands; the others wait for their turn."""
    running, most, lock = 0, 0, threading.Lock()

    def run(_self: object, _argv: object, _name: str) -> object:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        raise ConfigurationError("a", "b", "c")

    monkeypatch.setattr(key_command.KeyCommand, "_run", run)
    credentials = places(["x"], NOWHERE)
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda number: refusal(credentials, f"c{number}"), range(64)))
    assert most == 8


@pytest.mark.parametrize(
    "setting",
    [
        "vault kv get S3CRET",
        "[S3CRET",
        '["S3CRET", 1]',
        '[["S3CRET"]]',
        "[]",
        '["", "S3CRET"]',
        '["S3CRET\\u0000"]',
        '{"command": "S3CRET"}',
    ],
)
def test_list_of_words_is_required(setting: str) -> None:
    """The remedy shows the form of a list; the setting stays hidden."""
    message = refusal(configured({"btp-trust:serviceKeyCommand": setting}))
    assert '["vault", ' in message.splitlines()[-1]


@pytest.mark.parametrize("name", ["-rf", "--help", "", "a\nb", "a\0b"])
def test_name_like_an_option_is_refused(name: str) -> None:
    """A name that begins with a dash, and control characters, are refused before the command runs."""
    assert "Rename the connection" in refusal(places(["/missing"], NOWHERE), name)


@given(name=st.text(min_size=1))
def test_any_name_is_one_word(name: str) -> None:
    """Each name reaches the command whole and as one word, or is refused."""
    words = python("import json, sys; print(json.dumps({'name': sys.argv[1:]}))")
    # Without processes: the words alone are looked at.
    seen: list[list[str]] = []

    def run(_self: object, argv: list[str], _name: str) -> ChildOutput:
        seen.append(argv)
        return ChildOutput(0, b"{}", b"")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(key_command.KeyCommand, "_run", run)
        try:
            printed(places(words, NOWHERE), name)
        except ConfigurationError:
            assert name.startswith("-") or not name.isprintable()
            return
    assert seen == [[*words, name]]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        pytest.param(["missing-command"], "missing on PATH or as a file", id="missing on PATH"),
        pytest.param(["./missing"], "missing on PATH or as a file", id="missing file"),
        pytest.param(["./plain"], "lacks the right to be run", id="no right to run"),
        pytest.param(["./a plain"], "lacks the right to be run", id="no right to run, with a blank"),
        pytest.param(["./text"], "cannot be run: OSError", id="no first line"),
        pytest.param(["sh", "-c", "exit 3"], "It ended with status 3.", id="exit status"),
        pytest.param(["sh", "-c", "kill -9 $$"], "It was ended by SIGKILL.", id="killed"),
        pytest.param(["sh", "-c", "kill -40 $$"], "It was ended by signal 40.", id="killed by a signal without a name"),
        pytest.param(["true"], "with status 0 and printed nothing", id="nothing"),
        pytest.param(["sh", "-c", "echo; echo"], "with status 0 and printed nothing", id="blank lines"),
        pytest.param(["sh", "-c", "echo 'Password: S3CRET'"], "It is not JSON.", id="a login prompt"),
        pytest.param(["sh", "-c", "echo '<html>S3CRET'"], "web page", id="a web page"),
        pytest.param(["sh", "-c", "echo FAILED"], "what `cf service-key` prints when it fails", id="cf fails"),
        pytest.param(["sh", "-c", 'echo \'{"a": "S3CRET"}{"b": 1}\''], "several JSON objects", id="two keys"),
        pytest.param(["head", "-c", "2000000", "/dev/zero"], "more than 1 MiB", id="endless output"),
        pytest.param(["sh", "-c", "printf 'S3CRET\\001\\377'"], "binary", id="binary"),
    ],
)
def test_failed_command_has_its_reason(tmp_path: Path, words: list[str], why: str) -> None:
    """The message names the command, the connection and the reason; the output stays hidden."""
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    (tmp_path / "a plain").write_text("#!/bin/sh\n")
    (tmp_path / "text").write_bytes(b"\x7fELF")
    (tmp_path / "text").chmod(0o700)
    message = refusal(places(words, tmp_path))
    assert why in message
    assert f"{words[0]!r} of btp-trust:serviceKeyCommand gave no service key for connection 'prod'" in message


def test_turn_may_come_too_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If others run for all the time that an operation has, the error says that its own command was left out."""
    monkeypatch.setattr(key_command, "_turns", threading.BoundedSemaphore(1))
    key_command._turns.acquire()
    message = refusal(places(["sh", "-c", "touch run"], tmp_path, seconds_left=lambda: 0.01))
    assert "It was never run: 8 others were running" in message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("word", [TEXT, "{url:https://a.example,user:u,password:S3CRET}"])
def test_misplaced_key_is_hidden(tmp_path: Path, word: str) -> None:
    """A key in place of the program is refused without being shown."""
    assert "holds credentials" in refusal(places([word], tmp_path))


@pytest.mark.parametrize("words", ["vault --password S3CRET get", "./get key --password S3CRET/" + 5000 * "S3CRET"])
def test_command_line_in_one_word_is_shortened(tmp_path: Path, words: str) -> None:
    """The message shows its beginning, hides a password in it, and says how words are separated."""
    message = refusal(places([words], tmp_path))
    assert message.startswith(f"The command '{words.split(maxsplit=1)[0]} …' of btp-trust:serviceKeyCommand")
    assert "The first entry of the list has blanks" in message
    assert "Give each word an entry of its own" in message


def test_key_of_another_service_is_named(tmp_path: Path) -> None:
    """The place of an unusable key is the output of the command."""
    key = {**KEY, "app_tid": "S3CRET"}
    del key["uri"]
    config = {"btp-trust:serviceKeyCommand": json.dumps(["echo", json.dumps(key)])}
    with pytest.raises(ConfigurationError, match=r"in the output of 'echo' for 'prod' .*\n.*IAS") as caught:
        key_places(config, ENVIRON, folder=tmp_path).find("prod")
    assert "S3CRET" not in error_text(caught.value)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("", "status 1."),
        (
            "Error making API request.\nCode: 403. Errors:\n\n* permission denied\n",
            "It says: Error making API request.",
        ),
        ("1\n2\n3\n4\n5\nsixth", "It says: 1 2 3 4 5."),
        (TEXT, "withheld"),
        (json.dumps(KEY, indent=2), "withheld"),
        (f"client_secret={SECRET}", "withheld"),
        ("password: S3CRET-word", "withheld"),
        ("-----BEGIN PRIVATE KEY-----\nS3CRET", "withheld"),
        ("user jane@S3CRET.example is unknown", "It says: user *** is unknown."),
        ("see https://vault.example/v1?token=S3CRET", "***"),
    ],
)
def test_standard_error_is_redacted(tmp_path: Path, said: str, shown: str) -> None:
    """The first five lines after a failure, without what is private; none of them if credentials are among them."""
    code = f"import sys; sys.stderr.write({said!r}); sys.exit(1)"
    message = refusal(places(python(code), tmp_path))
    assert "sixth" not in message
    assert shown in message or "withheld" in message


def test_echo_of_the_output_is_hidden(tmp_path: Path) -> None:
    """What standard output has, standard error repeats in vain: a trace of a shell, a plain password."""
    code = "import sys; print('{\"user\": \"S3CRET-word\"'); sys.stderr.write('+ echo S3CRET-word'); sys.exit(1)"
    assert "It says: + echo ***." in refusal(places(python(code), tmp_path))


def test_warnings_of_success_stay_hidden(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Standard error of a command that succeeds is dropped."""
    code = f"import sys; sys.stderr.write('a warning'); print({TEXT!r})"
    assert json.loads(printed(places(python(code), tmp_path))) == KEY
    assert capfd.readouterr() == ("", "")


def test_slow_command_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At its own limit, or at that of the operation."""
    assert "had not ended after 0.2 s" in refusal(places(["sleep"], tmp_path, seconds_left=lambda: 0.2), "60")
    monkeypatch.setattr(key_command, "_TIMEOUT", 0.3)
    assert "had not ended after 0.3 s" in refusal(places(["sleep"], tmp_path), "60")


def test_command_ends_with_the_engine(tmp_path: Path) -> None:
    """When Pulumi is gone, the command is stopped; one that waited for its turn is left out."""
    started = time.monotonic()
    looks = iter([False, True])
    message = refusal(places(["sleep"], tmp_path, engine_exited=lambda: next(looks)), "60", EngineExited)
    assert "'60'" in message
    assert time.monotonic() - started < 20
    refusal(places(["sh", "-c", "touch run"], tmp_path, engine_exited=lambda: True), "prod", EngineExited)
    assert not (tmp_path / "run").exists()


def test_repr_hides_environment_and_key(tmp_path: Path) -> None:
    """What may end up in a log hides both."""
    credentials = places(["echo", TEXT], tmp_path, {**ENVIRON, "TOKEN": "S3CRET"})
    assert "S3CRET" not in repr(next(credentials.sources("prod")))
    assert "S3CRET" not in repr(key_command.Surroundings({"TOKEN": "S3CRET"}, tmp_path))
