"""Users: sources of the token, refusals, and secrets that stay hidden."""

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
    """A token service with one response."""

    def __init__(self, status: int = 200, **content: object) -> None:
        self.response = httpx.Response(status, json=content)
        self.forms: list[dict[str, list[str]]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Record the form and respond."""
        self.forms.append(parse_qs(request.content.decode()))
        return self.response


def tokens(
    config: dict[str, str] | None = None,
    environ: dict[str, str] | None = None,
    service: TokenService | None = None,
    connection: str = "default",
    key: ServiceKey = KEY,
) -> UserTokens:
    """Return the source of tokens for a configuration, an environment and a token service."""
    prefixed = {f"btp-trust:{name}": value for name, value in (config or {}).items()}
    http = httpx.Client(transport=httpx.MockTransport(service or TokenService()))
    return UserTokens(
        UserCredentialsLookup(prefixed.get, environ or {}), connection, key, http, FakeClock().retry_policy()
    )


def refusal(kind: type[TrustError], config: dict[str, str], service: TokenService | None = None) -> str:
    """Return the message of the refusal, and require that it hides all secrets."""
    with pytest.raises(kind) as caught:
        tokens(config, service=service).fetch()
    assert_three_part_message(str(caught.value))
    assert "S3CRET" not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


def printing(text: str, *, status: int = 0) -> str:
    """Return a command that prints a text, writes a secret to standard error, and ends."""
    code = f"import sys; sys.stdout.write({text!r}); sys.stderr.write({SECRET!r}); sys.exit({status})"
    return json.dumps([sys.executable, "-c", code])


@pytest.mark.parametrize(
    "places", [places for count in (1, 2) for places in itertools.combinations(PLACES, count)], ids=" and ".join
)
def test_first_place_with_a_user_wins(places: tuple[str, ...]) -> None:
    """The configuration goes before the environment; a token, then a command, then a logon."""
    config = {name: PLACES[name][1] for name in places if not name.isupper()}
    environ = {name: PLACES[name][1] for name in places if name.isupper()}
    assert tokens(config, environ).source() == PLACES[places[0]][0]


def test_named_connection_has_own_user() -> None:
    """The map or a variable with its name has the user; users of `default` are skipped."""
    config = {"userToken": SECRET, "users": json.dumps({"prod": {"token": "of-prod"}})}
    assert tokens(config, connection="prod").fetch().value == "of-prod"
    environ = {"BTP_TRUST_USER_TOKEN_EU_PROD": "of-eu-prod", "BTP_TRUST_USER_TOKEN": SECRET}
    assert tokens(config, environ, connection="eu-prod").fetch().value == "of-eu-prod"
    with pytest.raises(NoUserToken) as caught:
        tokens(config, {"BTP_TRUST_USER_TOKEN": SECRET}, connection="test").fetch()
    assert_three_part_message(str(caught.value), "btp-trust:users with 'test'", "BTP_TRUST_USER_TOKEN_TEST", '"test"')


def test_missing_user_lists_all_places() -> None:
    """The message lists all places, and the command that sets a user."""
    message = refusal(NoUserToken, {})
    for where, _ in PLACES.values():
        assert where.removesuffix(", 'default'") in message
    assert message.splitlines()[-1].startswith("Set one: pulumi config set --secret btp-trust:userToken ")


def test_names_with_one_variable_are_refused() -> None:
    """Two connections with one variable would share a user."""
    config: dict[str, str] = {}
    users = UserCredentialsLookup(config.get, {"BTP_TRUST_USER_TOKEN_A_B": "t"})
    assert users.find("a-b").user.token == "t"
    with pytest.raises(ConfigurationError, match="BTP_TRUST_USER_TOKEN_A_B"):
        users.find("a.b")


def test_at_sign_names_a_file(tmp_path: Path) -> None:
    """A mounted secret works, and a line feed at its end is removed."""
    (tmp_path / "token").write_text("of-the-file\n")
    assert tokens(environ={"BTP_TRUST_USER_TOKEN": f"@{tmp_path}/token"}).fetch().value == "of-the-file"
    with pytest.raises(ConfigurationError, match="BTP_TRUST_USER_TOKEN names cannot be read"):
        tokens(environ={"BTP_TRUST_USER_TOKEN": f"@{tmp_path}/missing"}).fetch()


@given(st.text(min_size=1).filter(lambda text: text.strip() != ""))
def test_only_bearer_tokens_are_sent(text: str) -> None:
    """Line feeds and characters that would break the header are refused."""
    try:
        value = tokens({"userToken": text}).fetch().value
    except ConfigurationError as error:
        assert_three_part_message(str(error), "config btp-trust:userToken")
        return
    assert value == text.strip()
    assert value.isascii()
    assert not set(value) & set(" \r\n\t\"'")


def test_oversized_token_is_refused() -> None:
    """A token beyond the limit of servers for headers is refused."""
    assert "16000" in refusal(ConfigurationError, {"userToken": SECRET * 4000})


@pytest.mark.parametrize(
    "user",
    [
        pytest.param("{}", id="an empty object"),
        pytest.param('{"name": "joe"}', id="a name alone"),
        pytest.param('{"password": "S3CRET"}', id="a password alone"),
        pytest.param('{"token": "S3CRET", "assertion": "S3CRET"}', id="two ways"),
        pytest.param('{"name": "joe", "password": "S3CRET", "pin": "S3CRET"}', id="something unknown"),
        pytest.param('{"name": "joe", "password": ["S3CRET"]}', id="another shape"),
        pytest.param("S3CRET", id="a word"),
    ],
)
def test_user_has_exactly_one_source(user: str) -> None:
    """A user with several ways, or an incomplete one, is refused and hidden."""
    assert "config btp-trust:user" in refusal(ConfigurationError, {"user": user})
    assert "config btp-trust:users" in refusal(ConfigurationError, {"users": f'{{"default": {user}}}'})


def test_command_prints_the_token() -> None:
    """The command inherits the environment and runs without a shell."""
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
def test_failed_command_has_its_reason(command: str, why: str) -> None:
    """The message names the place and the reason; the command's words and output stay hidden."""
    message = refusal(NoUserToken, {"userTokenCommand": command})
    assert why in message
    assert "config btp-trust:userTokenCommand" in message


@pytest.mark.parametrize("command", ['print "S3CRET', "[S3CRET", '["S3CRET", 1]', '[["S3CRET"]]'])
def test_malformed_command_is_refused(command: str) -> None:
    """Unmatched quotation marks, and lists of other items, are refused."""
    assert "no shell" in refusal(ConfigurationError, {"userTokenCommand": command})


def test_empty_output_is_refused() -> None:
    """An empty text is not a token."""
    refusal(ConfigurationError, {"userTokenCommand": printing("\n")})


def test_slow_command_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command is stopped at its timeout."""
    monkeypatch.setattr(user_tokens, "_COMMAND_TIMEOUT", 0.2)
    started = time.monotonic()
    sleeping = json.dumps([sys.executable, "-c", "import time; time.sleep(600)"])
    assert "had not ended after 0.2 s" in refusal(NoUserToken, {"userTokenCommand": sleeping})
    assert time.monotonic() - started < 60


def test_command_may_leave_a_process_behind() -> None:
    """A background process may hold the pipe open: the output of the command is complete without its end."""
    started = time.monotonic()
    assert tokens({"userTokenCommand": json.dumps(["sh", "-c", "echo tok; sleep 30 & exit 0"])}).fetch().value == "tok"
    assert time.monotonic() - started < 20


def test_timeout_stops_the_process_group(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All processes of the command end with it."""
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
def test_logon_is_granted_a_token(user: dict[str, str], grant: dict[str, list[str]], key: ServiceKey) -> None:
    """The service key's client requests the token, and the logon's secrets are returned for redaction."""
    service = TokenService(access_token="granted", expires_in=43199)
    token = tokens({"user": json.dumps(user)}, service=service, key=key).fetch()
    secret = {} if key.is_x509 else {"client_secret": [key.clientsecret]}
    assert service.forms == [{**grant, "client_id": [key.clientid], **secret}]
    assert (token.value, set(token.secrets)) == ("granted", set(user.values()))
    assert "S3CRET" not in repr(token) + repr(UserCredentials(**user)) + repr(token.secrets[:0])


@pytest.mark.parametrize(
    "service",
    [
        pytest.param(TokenService(401, error="unauthorized", error_description="S3CRET"), id="the logon is refused"),
        pytest.param(TokenService(400, error="invalid_grant", error_description="S3CRET"), id="the grant is refused"),
        pytest.param(TokenService(200, token="S3CRET"), id="another answer"),
        pytest.param(TokenService(200, access_token="", expires_in=1), id="an empty token"),
    ],
)
def test_rejected_logon_has_its_error(service: TokenService) -> None:
    """The message names the place and hides the token service's sentence about the secret."""
    user = {"user": json.dumps({"name": "joe", "password": SECRET})}
    assert "config btp-trust:user" in refusal(NoUserToken, user, service)


def test_grant_is_retried() -> None:
    """A grant changes nothing, so it is retried while the token service is down."""
    service = TokenService(503)
    refusal(ServiceUnavailable, {"user": json.dumps({"name": "joe", "password": SECRET})}, service)
    assert len(service.forms) == 4
