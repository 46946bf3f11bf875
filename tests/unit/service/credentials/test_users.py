"""The user: where the token comes from, what is refused, and that nothing of it is ever shown."""

from __future__ import annotations

import itertools
import json
import os
import select
import sys
import time
import traceback
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.errors import ConfigurationError, NoUserToken, ServiceUnavailable, TrustError
from btp_trust.service.credentials import user_tokens
from btp_trust.service.credentials.service_key import ServiceKey
from btp_trust.service.credentials.user_tokens import UserToken, UserTokens
from btp_trust.service.credentials.users import UserCredentials, UserCredentialsLookup
from support.fake_clock import FakeClock
from support.fake_engine import assert_three_part_message

SECRET = "S3CRET.of-the_user"
KEY = ServiceKey(uri="https://service.example", url="https://uaa.example", clientid="client|!b1", clientsecret="k$=")
X509 = ServiceKey(uri="https://service.example", certurl="https://uaa.cert.example", clientid="client", key="…")
PLACES = {
    "userToken": ("config btp-trust:userToken", SECRET),
    "userTokenCommand": ("config btp-trust:userTokenCommand", "print-token"),
    "user": ("config btp-trust:user", json.dumps({"name": "joe", "password": SECRET})),
    "users": ("config btp-trust:users, 'default'", json.dumps({"default": {"assertion": SECRET}})),
    "BTP_TRUST_USER_TOKEN": ("BTP_TRUST_USER_TOKEN", SECRET),
    "BTP_TRUST_USER_TOKEN_COMMAND": ("BTP_TRUST_USER_TOKEN_COMMAND", '["print", "token"]'),
    "BTP_TRUST_USER": ("BTP_TRUST_USER", json.dumps({"token": SECRET})),
}


class TokenService:
    """A token service that gives one answer."""

    def __init__(self, status: int = 200, **content: object) -> None:
        self.answer = httpx.Response(status, json=content)
        self.forms: list[dict[str, list[str]]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Do so."""
        self.forms.append(parse_qs(request.content.decode()))
        return self.answer


def tokens(
    config: dict[str, str] | None = None,
    environ: dict[str, str] | None = None,
    service: TokenService | None = None,
    connection: str = "default",
    key: ServiceKey = KEY,
) -> UserTokens:
    """What gets the token in such a world."""
    prefixed = {f"btp-trust:{name}": value for name, value in (config or {}).items()}
    http = httpx.Client(transport=httpx.MockTransport(service or TokenService()))
    return UserTokens(
        UserCredentialsLookup(prefixed.get, environ or {}), connection, key, http, FakeClock().retry_policy()
    )


def refusal(kind: type[TrustError], config: dict[str, str], service: TokenService | None = None) -> str:
    """What the refusal says, which is nothing private."""
    with pytest.raises(kind) as caught:
        tokens(config, service=service).fetch()
    assert_three_part_message(str(caught.value))
    assert "S3CRET" not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


def printing(text: str, *, status: int = 0) -> str:
    """A command that prints a text, writes a secret to standard error, and ends."""
    code = f"import sys; sys.stdout.write({text!r}); sys.stderr.write({SECRET!r}); sys.exit({status})"
    return json.dumps([sys.executable, "-c", code])


@pytest.mark.parametrize(
    "places", [each for count in (1, 2) for each in itertools.combinations(PLACES, count)], ids=" and ".join
)
def test_the_first_place_that_names_a_user_wins(places: tuple[str, ...]) -> None:
    """The configuration before the environment; a token, then a command, then a logon."""
    config = {name: PLACES[name][1] for name in places if not name.isupper()}
    environ = {name: PLACES[name][1] for name in places if name.isupper()}
    assert tokens(config, environ).source() == PLACES[places[0]][0]


def test_a_connection_has_a_user_of_its_own() -> None:
    """By the map, or by variables with its name; those of `default` are not taken instead."""
    config = {"userToken": SECRET, "users": json.dumps({"prod": {"token": "of-prod"}})}
    assert tokens(config, connection="prod").fetch().value == "of-prod"
    environ = {"BTP_TRUST_USER_TOKEN_EU_PROD": "of-eu-prod", "BTP_TRUST_USER_TOKEN": SECRET}
    assert tokens(config, environ, connection="eu-prod").fetch().value == "of-eu-prod"
    with pytest.raises(NoUserToken) as caught:
        tokens(config, {"BTP_TRUST_USER_TOKEN": SECRET}, connection="test").fetch()
    assert_three_part_message(str(caught.value), "btp-trust:users with 'test'", "BTP_TRUST_USER_TOKEN_TEST", '"test"')


def test_nobody_named_is_told_with_all_places() -> None:
    """And with the line to paste."""
    said = refusal(NoUserToken, {})
    for where, _ in PLACES.values():
        assert where.removesuffix(", 'default'") in said
    assert said.splitlines()[-1].startswith("Set one: pulumi config set --secret btp-trust:userToken ")


def test_two_connections_do_not_share_a_variable() -> None:
    """One would be tried as the other's user."""
    config: dict[str, str] = {}
    users = UserCredentialsLookup(config.get, {"BTP_TRUST_USER_TOKEN_A_B": "t"})
    assert users.find("a-b").user.token == "t"
    with pytest.raises(ConfigurationError, match="BTP_TRUST_USER_TOKEN_A_B"):
        users.find("a.b")


def test_a_file_may_hold_what_a_variable_would(tmp_path: Path) -> None:
    """As mounted secrets do; a line feed at its end is no part of the token."""
    (tmp_path / "token").write_text("of-the-file\n")
    assert tokens(environ={"BTP_TRUST_USER_TOKEN": f"@{tmp_path}/token"}).fetch().value == "of-the-file"
    with pytest.raises(ConfigurationError, match="BTP_TRUST_USER_TOKEN names cannot be read"):
        tokens(environ={"BTP_TRUST_USER_TOKEN": f"@{tmp_path}/missing"}).fetch()


@given(st.text(min_size=1).filter(lambda text: text.strip() != ""))
def test_what_is_no_token_is_never_sent(text: str) -> None:
    """Line feeds would be further headers, other characters none at all."""
    try:
        value = tokens({"userToken": text}).fetch().value
    except ConfigurationError as error:
        assert_three_part_message(str(error), "config btp-trust:userToken")
        return
    assert value == text.strip()
    assert value.isascii()
    assert not set(value) & set(" \r\n\t\"'")


def test_a_token_too_long_for_a_header_is_refused() -> None:
    """Servers answer such a header with an error that nobody understands."""
    assert "16000" in refusal(ConfigurationError, {"userToken": SECRET * 4000})


@pytest.mark.parametrize(
    "user",
    [
        pytest.param("{}", id="nothing"),
        pytest.param('{"name": "joe"}', id="no password"),
        pytest.param('{"password": "S3CRET"}', id="no name"),
        pytest.param('{"token": "S3CRET", "assertion": "S3CRET"}', id="two ways"),
        pytest.param('{"name": "joe", "password": "S3CRET", "pin": "S3CRET"}', id="something unknown"),
        pytest.param('{"name": "joe", "password": ["S3CRET"]}', id="another shape"),
        pytest.param("S3CRET", id="no JSON"),
    ],
)
def test_a_user_is_named_in_one_way(user: str) -> None:
    """And the refusal shows none of it."""
    assert "config btp-trust:user" in refusal(ConfigurationError, {"user": user})
    assert "config btp-trust:users" in refusal(ConfigurationError, {"users": f'{{"default": {user}}}'})


def test_a_command_prints_the_token() -> None:
    """It gets the environment, and no shell sees its words."""
    code = "import os; print(os.environ['OF_THE_USER'])"
    environ = {"OF_THE_USER": "printed", "BTP_TRUST_USER_TOKEN_COMMAND": f'{sys.executable} -c "{code}"'}
    assert tokens(environ=environ).fetch() == UserToken("printed")
    assert tokens({"userTokenCommand": printing("$HOME;`id`")}).source() == "config btp-trust:userTokenCommand"
    refusal(ConfigurationError, {"userTokenCommand": printing("$HOME;`id`")})
    assert tokens({"users": json.dumps({"default": {"command": json.loads(printing("ab"))}})}).fetch().value == "ab"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        pytest.param(printing(SECRET, status=3), "status 3", id="it fails"),
        pytest.param(printing("S3CRET" * 20_000), "more than 64000 bytes", id="it prints too much"),
        pytest.param('["/missing/command", "S3CRET"]', "cannot be run: FileNotFoundError", id="it is missing"),
        pytest.param('["/missing/\\u0000"]', "cannot be run: ValueError", id="it is impossible"),
        pytest.param("  ", "cannot be run: IndexError", id="it is empty"),
    ],
)
def test_a_command_that_gives_no_token_is_told(command: str, why: str) -> None:
    """By its place; neither its words nor what it wrote are shown."""
    said = refusal(NoUserToken, {"userTokenCommand": command})
    assert why in said
    assert "config btp-trust:userTokenCommand" in said


@pytest.mark.parametrize("command", ['print "S3CRET', "[S3CRET", '["S3CRET", 1]', '[["S3CRET"]]'])
def test_a_command_that_cannot_be_read_is_refused(command: str) -> None:
    """Quotation marks without their match, or a list of something else."""
    assert "no shell" in refusal(ConfigurationError, {"userTokenCommand": command})


def test_a_command_that_prints_nothing_gives_no_token() -> None:
    """An empty text is no token."""
    refusal(ConfigurationError, {"userTokenCommand": printing("\n")})


def test_a_command_that_does_not_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it would have slept; nobody waits for a process that it leaves behind either."""
    monkeypatch.setattr(user_tokens, "_COMMAND_TIMEOUT", 0.2)
    started = time.monotonic()
    sleeping = json.dumps([sys.executable, "-c", "import time; time.sleep(600)"])
    assert "had not ended after 0.2 s" in refusal(NoUserToken, {"userTokenCommand": sleeping})
    assert time.monotonic() - started < 60


def test_a_command_may_leave_a_process_behind() -> None:
    """Which holds its output: what was printed is read as it came, and nobody waits for the end of the pipe."""
    started = time.monotonic()
    assert tokens({"userTokenCommand": json.dumps(["sh", "-c", "echo tok; sleep 30 & exit 0"])}).fetch().value == "tok"
    assert time.monotonic() - started < 20


def test_what_a_command_has_started_is_stopped_with_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its group of processes: nothing goes on to print a token that nobody reads."""
    monkeypatch.setattr(user_tokens, "_COMMAND_TIMEOUT", 2.0)
    os.mkfifo(tmp_path / "held")
    end = os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)
    try:
        started = ["sh", "-c", f"(echo begun; exec sleep 30) > {tmp_path}/held & wait"]
        assert "had not ended after 2 s" in refusal(NoUserToken, {"userTokenCommand": json.dumps(started)})
        os.set_blocking(end, True)
        poll = select.poll()
        poll.register(end, 0)
        assert poll.poll(10_000) == [(end, select.POLLHUP)]
        assert os.read(end, 100) == b"begun\n"
    finally:
        os.close(end)


@pytest.mark.parametrize(
    ("user", "grant"),
    [
        ({"name": "joe", "password": SECRET}, {"grant_type": ["password"], "username": ["joe"], "password": [SECRET]}),
        (
            {"assertion": SECRET},
            {"grant_type": ["urn:ietf:params:oauth:grant-type:jwt-bearer"], "assertion": [SECRET]},
        ),
    ],
    ids=["a password", "an assertion"],
)
@pytest.mark.parametrize("key", [KEY, X509], ids=["client secret", "X.509"])
def test_a_logon_is_granted_a_token(user: dict[str, str], grant: dict[str, list[str]], key: ServiceKey) -> None:
    """By the service key's client; what it was granted for is kept out of every text."""
    service = TokenService(access_token="granted", expires_in=43199)
    given = tokens({"user": json.dumps(user)}, service=service, key=key).fetch()
    secret = {} if key.is_x509 else {"client_secret": [key.clientsecret]}
    assert service.forms == [{**grant, "client_id": [key.clientid], **secret}]
    assert (given.value, set(given.secrets)) == ("granted", set(user.values()))
    assert "S3CRET" not in repr(given) + repr(UserCredentials(**user)) + repr(given.secrets[:0])


@pytest.mark.parametrize(
    "service",
    [
        pytest.param(TokenService(401, error="unauthorized", error_description="S3CRET"), id="the logon is refused"),
        pytest.param(TokenService(400, error="invalid_grant", error_description="S3CRET"), id="the grant is refused"),
        pytest.param(TokenService(200, token="S3CRET"), id="another answer"),
        pytest.param(TokenService(200, access_token="", expires_in=1), id="an empty token"),
    ],
)
def test_a_logon_that_is_refused_is_told(service: TokenService) -> None:
    """Without what the token service says about it."""
    user = {"user": json.dumps({"name": "joe", "password": SECRET})}
    assert "config btp-trust:user" in refusal(NoUserToken, user, service)


def test_a_token_service_that_is_down_is_asked_again() -> None:
    """A grant changes nothing."""
    service = TokenService(503)
    refusal(ServiceUnavailable, {"user": json.dumps({"name": "joe", "password": SECRET})}, service)
    assert len(service.forms) == 4
