"""Connections: the service key of a name, in the documented order, and refusals."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.errors import ConfigurationError, CredentialsMissing
from btp_trust.service.credentials.connections import Connection
from support.credential_places import key_places
from support.error_text import error_text

PLACES = ["serviceKey", "connections", "file", "command", "variable", "binding"]
WHERE = {
    "serviceKey": "config btp-trust:serviceKey",
    "connections": "config btp-trust:connections, 'default'",
    "file": "keys.json, 'default'",
    "command": "the output of 'cat' for 'default'",
    "variable": "BTP_TRUST_SERVICE_KEY",
    "binding": "VCAP_SERVICES, instance default",
}


def key(name: str) -> str:
    """Return a service key with its own client, and with a secret that must stay hidden."""
    document = {
        "clientid": name,
        "clientsecret": "S3CRET",
        "uri": "https://service.example",
        "url": "https://uaa.example",
    }
    return json.dumps(document)


def vcap(*names: str) -> str:
    """Return bindings of destination service instances with these names."""
    entries = [{"instance_name": name, "credentials": json.loads(key(name))} for name in names]
    return json.dumps({"destination": entries})


def find(
    name: str = "default",
    config: dict[str, str] | None = None,
    environ: dict[str, str] | None = None,
    secrets_root: Path = Path("missing"),
) -> Connection:
    """Look up a connection in a configuration and an environment."""
    prefixed = {f"btp-trust:{setting}": value for setting, value in (config or {}).items()}
    return key_places(prefixed, environ, secrets_root).find(name)


def refusal(kind: type[ConfigurationError], name: str, config: dict[str, str], environ: dict[str, str]) -> str:
    """Return the message that refuses a connection, and require that it hides all secrets."""
    with pytest.raises(kind) as caught:
        find(name, config, environ)
    assert "S3CRET" not in error_text(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "places",
    [places for count in range(1, 7) for places in itertools.combinations(PLACES, count)],
    ids=lambda places: f"the key is in {' and '.join(places)}",
)
def test_first_place_with_a_key_wins(tmp_path: Path, places: tuple[str, ...]) -> None:
    """The order is config, file, command, environment variable, binding; the other places are known, and unused."""
    (tmp_path / "keys.json").write_text(f'{{"default": {key("file")}}}')
    (tmp_path / "default").write_text(key("command"))
    config = {
        "serviceKey": key("serviceKey"),
        "connections": f'{{"default": {key("connections")}}}',
        "connectionsFile": "keys.json",
        "serviceKeyCommand": '["cat"]',
    }
    environ = {"BTP_TRUST_SERVICE_KEY": key("variable"), "VCAP_SERVICES": vcap("default")}
    names = dict(zip(PLACES, [*config, *environ], strict=True))
    present = {names[place] for place in places}
    lookup = key_places(
        {f"btp-trust:{name}": text for name, text in config.items() if name in present},
        {name: text for name, text in environ.items() if name in present},
        folder=tmp_path,
    )
    connection, first = lookup.find("default"), places[0]
    assert connection.key.clientid == ("default" if first == "binding" else first)
    assert connection.where == lookup.locate("default") == WHERE[first]
    assert connection.found_in_environment == (first == "binding")
    stored = [place for place in places if place not in {"command", "binding"}]
    assert lookup.unused_places("default", connection.where) == [WHERE[place] for place in stored if place != first]


def test_named_connection_has_own_places() -> None:
    """A name has the map in the config, a variable and an instance; keys for `default` are skipped."""
    for_default = {"serviceKey": key("wrong")}
    environ = {"BTP_TRUST_SERVICE_KEY": key("wrong"), "BTP_TRUST_SERVICE_KEY_EU_DEV": key("variable")}
    bound = {"VCAP_SERVICES": vcap("other", "eu-dev")}
    mapped = {**for_default, "connections": f'{{"eu-dev": {key("map")}, "other": {key("wrong")}}}'}
    assert find("eu-dev", mapped, {**environ, **bound}).key.clientid == "map"
    assert find("eu-dev", for_default, {**environ, **bound}).key.clientid == "variable"
    assert find("eu-dev", for_default, {"BTP_TRUST_SERVICE_KEY": key("wrong"), **bound}).key.clientid == "eu-dev"
    assert find("eu-dev", for_default, bound).found_in_environment


@pytest.mark.parametrize(
    ("name", "command"),
    [
        pytest.param("default", "--secret btp-trust:serviceKey", id="default"),
        pytest.param("eu-dev", "--secret btp-trust:connections", id="a named connection"),
    ],
)
def test_missing_key_lists_all_places(name: str, command: str) -> None:
    """The message lists all places in their order, and the command that sets a key."""
    variable = {"default": "BTP_TRUST_SERVICE_KEY;", "eu-dev": "BTP_TRUST_SERVICE_KEY_EU_DEV;"}[name]
    message = refusal(CredentialsMissing, name, {}, {"VCAP_SERVICES": vcap()})
    places = [
        "btp-trust:connections",
        variable,
        "VCAP_SERVICES",
        "$SERVICE_BINDING_ROOT",
        "missing",
    ]
    positions = [message.index(place) for place in places]
    assert positions == sorted(positions)
    assert ("btp-trust:serviceKey" in message) == (name == "default")
    assert command in message.splitlines()[-1]


@given(name=st.text(min_size=1))
def test_any_name_is_valid(name: str) -> None:
    """Each name finds its own key in the map, or is reported as missing."""
    connections = json.dumps({name: json.loads(key("mine"))})
    assert find(name, {"connections": connections}).key.clientid == "mine"
    message = refusal(CredentialsMissing, name, {}, {})
    assert repr(name) in message


def test_at_sign_names_a_file(tmp_path: Path) -> None:
    """`@` and a path in the variable stand for the content of the file."""
    file = tmp_path / "key.json"
    file.write_text(key("file"))
    assert find(environ={"BTP_TRUST_SERVICE_KEY": f"@{file}"}).key.clientid == "file"
    assert find("eu", environ={"BTP_TRUST_SERVICE_KEY_EU": f"@{file}"}).key.clientid == "file"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="a file that is missing"),
        pytest.param(b"\xff\xfeS3CRET", id="a binary file"),
        pytest.param(b'{"clientsecret": "S3CRET"', id="a truncated file"),
    ],
)
def test_unusable_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """The error names the variable with the path."""
    file = tmp_path / "key.json"
    if content is not None:
        file.write_bytes(content)
    assert "BTP_TRUST_SERVICE_KEY" in refusal(ConfigurationError, "default", {}, {"BTP_TRUST_SERVICE_KEY": f"@{file}"})


def test_folder_as_file_is_refused(tmp_path: Path) -> None:
    """A folder is refused like any unreadable file."""
    refusal(ConfigurationError, "default", {}, {"BTP_TRUST_SERVICE_KEY": f"@{tmp_path}"})


@pytest.mark.parametrize("place", ["serviceKey", "connections", "variable", "binding"])
def test_malformed_key_ends_the_search(place: str) -> None:
    """The first key wins also when it is malformed: a later one might be of another subaccount."""
    broken = '{"clientsecret": "S3CRET", "uri": 5}'
    config = {"serviceKey": broken} if place == "serviceKey" else {}
    config |= {"connections": f'{{"default": {broken}}}'} if place == "connections" else {}
    environ = {"BTP_TRUST_SERVICE_KEY": key("next") if place == "serviceKey" else broken}
    environ = environ if place in {"serviceKey", "variable"} else {}
    environ |= {"VCAP_SERVICES": f'{{"destination": [{{"instance_name": "default", "credentials": {broken}}}]}}'}
    assert WHERE[place] in refusal(ConfigurationError, "default", config, environ)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("S3CRET", id="a word"),
        pytest.param('["S3CRET"]', id="a list"),
        pytest.param('{"a": "S3CRET', id="cut off"),
        pytest.param('{"a": "S3CRET\udcff"}', id="bytes beyond UTF-8"),
        pytest.param('{"a": ' + "[" * 100_000, id="endless brackets"),
    ],
)
def test_malformed_map_is_refused(text: str) -> None:
    """The remedy has the command that sets the map again."""
    message = refusal(ConfigurationError, "eu", {"connections": text}, {"BTP_TRUST_SERVICE_KEY_EU": key("next")})
    assert "btp-trust:connections" in message.splitlines()[-1]


def test_names_with_one_variable_are_refused() -> None:
    """`eu-dev` and `eu.dev` would both read BTP_TRUST_SERVICE_KEY_EU_DEV; the same name twice is fine."""
    config: dict[str, str] = {}
    connections = key_places(config, {"BTP_TRUST_SERVICE_KEY_EU_DEV": key("variable")})
    connections.find("eu-dev")
    connections.find("eu-dev")
    with pytest.raises(ConfigurationError, match="BTP_TRUST_SERVICE_KEY_EU_DEV") as caught:
        connections.find("eu.dev")
    assert "'eu-dev'" in str(caught.value)
    assert "'eu.dev'" in str(caught.value)


def test_variable_is_claimed_when_read() -> None:
    """A name whose key comes from an earlier place leaves its variable to others."""
    config = {"btp-trust:connections": f'{{"eu-dev": {key("map")}}}'}
    connections = key_places(config, {"BTP_TRUST_SERVICE_KEY_EU_DEV": key("variable")})
    assert connections.find("eu-dev").key.clientid == "map"
    assert connections.find("eu.dev").key.clientid == "variable"


def test_default_takes_the_only_instance() -> None:
    """`default` takes the only instance; another name takes its own alone."""
    environ = {"VCAP_SERVICES": vcap("anything")}
    assert find(environ=environ).key.clientid == "anything"
    refusal(CredentialsMissing, "other", {}, environ)


def test_name_selects_the_instance() -> None:
    """A name selects among several instances, `default` included."""
    assert find("two", environ={"VCAP_SERVICES": vcap("one", "two")}).key.clientid == "two"
    assert find(environ={"VCAP_SERVICES": vcap("one", "default")}).key.clientid == "default"


@pytest.mark.parametrize(
    ("name", "names"),
    [
        pytest.param("default", ("one", "two"), id="default without a name among several"),
        pytest.param("one", ("one", "one"), id="a name that several have"),
    ],
)
def test_ambiguous_bindings_are_refused(name: str, names: tuple[str, ...]) -> None:
    """The bindings are listed, and the remedy shows how to select one."""
    message = refusal(ConfigurationError, name, {}, {"VCAP_SERVICES": vcap(*names)})
    assert all(f"instance {instance}" in message for instance in names)
    assert "connection=" in message.splitlines()[-1]


def test_user_provided_service_comes_last() -> None:
    """An instance of the service goes first; a name selects a user-provided one, also one that is refused."""
    mine = {"name": "mine", "tags": [], "credentials": json.loads(key("mine"))}
    other = {"name": "other", "credentials": {"clientid": "other", "app_tid": "S3CRET"}}
    alone = json.dumps({"user-provided": [mine, other]})
    beside = json.dumps({**json.loads(vcap("managed")), "user-provided": [mine]})
    assert find(environ={"VCAP_SERVICES": alone}).key.clientid == "mine"
    assert find("mine", environ={"VCAP_SERVICES": beside}).key.clientid == "mine"
    assert find(environ={"VCAP_SERVICES": beside}).key.clientid == "managed"
    assert "(IAS)" in refusal(ConfigurationError, "other", {}, {"VCAP_SERVICES": alone})
    several = json.dumps({"user-provided": [mine, {**mine, "name": "yours"}]})
    assert "fits several" in refusal(ConfigurationError, "default", {}, {"VCAP_SERVICES": several})


def test_mounted_bindings(tmp_path: Path) -> None:
    """$SERVICE_BINDING_ROOT and the folder convention give bindings."""
    for root, name in ((tmp_path / "bindings", "mounted"), (tmp_path / "destination", "foldered")):
        (root / name).mkdir(parents=True)
        (root / name / "type").write_text("destination")
        (root / name / "credentials.json").write_text(key(name))
    environ = {"SERVICE_BINDING_ROOT": str(tmp_path / "bindings")}
    for name in ("mounted", "foldered"):
        connection = find(name, environ=environ, secrets_root=tmp_path)
        assert connection.key.clientid == name
        assert connection.found_in_environment


def test_repr_hides_the_key() -> None:
    """The repr, which may end up in a log, hides the key."""
    assert "S3CRET" not in repr(find(config={"serviceKey": key("one")}))
