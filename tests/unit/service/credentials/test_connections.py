"""Connections: which credentials a name stands for, in the order that is promised, and what is refused."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.errors import ConfigurationError, CredentialsMissing
from btp_trust.service.credentials.connections import Connection, Connections
from support.error_text import error_text

PLACES = ["serviceKey", "connections", "variable", "binding"]
WHERE = {
    "serviceKey": "config btp-trust:serviceKey",
    "connections": "config btp-trust:connections, 'default'",
    "variable": "BTP_TRUST_SERVICE_KEY",
    "binding": "VCAP_SERVICES, instance default",
}


def key(name: str) -> str:
    """A service key that can be told apart by its client, with a secret that must not show."""
    document = {
        "clientid": name,
        "clientsecret": "S3CRET",
        "uri": "https://service.example",
        "url": "https://uaa.example",
    }
    return json.dumps(document)


def vcap(*names: str) -> str:
    """Bindings of destination service instances with these names."""
    entries = [{"instance_name": name, "credentials": json.loads(key(name))} for name in names]
    return json.dumps({"destination": entries})


def find(
    name: str = "default",
    config: dict[str, str] | None = None,
    environ: dict[str, str] | None = None,
    secrets_root: Path = Path("missing"),
) -> Connection:
    """Look one connection up in such a world."""
    prefixed = {f"btp-trust:{setting}": value for setting, value in (config or {}).items()}
    return Connections(prefixed.get, environ or {}, secrets_root).find(name)


def refusal(kind: type[ConfigurationError], name: str, config: dict[str, str], environ: dict[str, str]) -> str:
    """What the refusal to look one up says, which is never a secret."""
    with pytest.raises(kind) as caught:
        find(name, config, environ)
    assert "S3CRET" not in error_text(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "places",
    [places for count in range(1, 5) for places in itertools.combinations(PLACES, count)],
    ids=lambda places: f"the key is in {' and '.join(places)}",
)
def test_the_first_place_that_has_a_key_wins(places: tuple[str, ...]) -> None:
    """Config, then the environment variable, then a binding: of all the places that have one."""
    config = {"serviceKey": key("serviceKey"), "connections": f'{{"default": {key("connections")}}}'}
    environ = {"BTP_TRUST_SERVICE_KEY": key("variable"), "VCAP_SERVICES": vcap("default")}
    names = dict(zip(PLACES, [*config, *environ], strict=True))
    present = {names[place] for place in places}
    found = find(
        "default",
        {name: text for name, text in config.items() if name in present},
        {name: text for name, text in environ.items() if name in present},
    )
    first = places[0]
    assert found.key.clientid == ("default" if first == "binding" else first)
    assert found.where == WHERE[first]
    assert found.found_in_environment == (first == "binding")


def test_a_named_connection_has_places_of_its_own() -> None:
    """The map in the config, a variable with its name, the instance with its name; never what is for `default`."""
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
def test_a_key_in_no_place_is_missing_and_the_places_are_listed(name: str, command: str) -> None:
    """The message names all places in their order, and the line that sets one."""
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
def test_any_name_is_found_in_the_map_or_missing(name: str) -> None:
    """Names are free: each finds its own key in the map, and an empty world is never a crash."""
    connections = json.dumps({name: json.loads(key("mine"))})
    assert find(name, {"connections": connections}).key.clientid == "mine"
    message = refusal(CredentialsMissing, name, {}, {})
    assert repr(name) in message


def test_a_path_after_an_at_sign_names_a_file(tmp_path: Path) -> None:
    """In the environment variable; the error for a missing or odd file names the variable and the path."""
    file = tmp_path / "key.json"
    file.write_text(key("file"))
    assert find(environ={"BTP_TRUST_SERVICE_KEY": f"@{file}"}).key.clientid == "file"
    assert find("eu", environ={"BTP_TRUST_SERVICE_KEY_EU": f"@{file}"}).key.clientid == "file"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="a file that is missing"),
        pytest.param(b"\xff\xfeS3CRET", id="a file that is no text"),
        pytest.param(b'{"clientsecret": "S3CRET"', id="a file that is no JSON"),
    ],
)
def test_a_file_that_gives_no_key_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """With the variable that names it, so that one knows where to look."""
    file = tmp_path / "key.json"
    if content is not None:
        file.write_bytes(content)
    assert "BTP_TRUST_SERVICE_KEY" in refusal(ConfigurationError, "default", {}, {"BTP_TRUST_SERVICE_KEY": f"@{file}"})


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """It is refused as a file that cannot be read."""
    refusal(ConfigurationError, "default", {}, {"BTP_TRUST_SERVICE_KEY": f"@{tmp_path}"})


@pytest.mark.parametrize("place", ["serviceKey", "connections", "variable", "binding"])
def test_a_broken_key_is_refused_where_it_was_found(place: str) -> None:
    """The first key that exists wins, also when it is broken: nothing falls back to another subaccount."""
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
        pytest.param("S3CRET", id="no JSON"),
        pytest.param('["S3CRET"]', id="no object"),
        pytest.param('{"a": "S3CRET', id="cut off"),
        pytest.param('{"a": "S3CRET\udcff"}', id="no UTF-8"),
        pytest.param('{"a": ' + "[" * 100_000, id="brackets without end"),
    ],
)
def test_a_broken_map_is_refused(text: str) -> None:
    """With the line that sets it anew."""
    message = refusal(ConfigurationError, "eu", {"connections": text}, {"BTP_TRUST_SERVICE_KEY_EU": key("next")})
    assert "btp-trust:connections" in message.splitlines()[-1]


def test_two_names_may_not_share_a_variable() -> None:
    """`eu-dev` and `eu.dev` would both read BTP_TRUST_SERVICE_KEY_EU_DEV; one again is no collision."""
    config: dict[str, str] = {}
    connections = Connections(config.get, {"BTP_TRUST_SERVICE_KEY_EU_DEV": key("variable")}, Path("missing"))
    connections.find("eu-dev")
    connections.find("eu-dev")
    with pytest.raises(ConfigurationError, match="BTP_TRUST_SERVICE_KEY_EU_DEV") as caught:
        connections.find("eu.dev")
    assert "'eu-dev'" in str(caught.value)
    assert "'eu.dev'" in str(caught.value)


def test_a_name_that_another_place_knows_does_not_collide() -> None:
    """The variable counts only for those that come to it."""
    config = {"btp-trust:connections": f'{{"eu-dev": {key("map")}}}'}
    connections = Connections(config.get, {"BTP_TRUST_SERVICE_KEY_EU_DEV": key("variable")}, Path("missing"))
    assert connections.find("eu-dev").key.clientid == "map"
    assert connections.find("eu.dev").key.clientid == "variable"


def test_a_single_instance_needs_no_name() -> None:
    """`default` takes the only one there is; another name takes only its own."""
    environ = {"VCAP_SERVICES": vcap("anything")}
    assert find(environ=environ).key.clientid == "anything"
    refusal(CredentialsMissing, "other", {}, environ)


def test_the_name_selects_the_instance() -> None:
    """Among several, `default` included."""
    assert find("two", environ={"VCAP_SERVICES": vcap("one", "two")}).key.clientid == "two"
    assert find(environ={"VCAP_SERVICES": vcap("one", "default")}).key.clientid == "default"


@pytest.mark.parametrize(
    ("name", "names"),
    [
        pytest.param("default", ("one", "two"), id="default without a name among several"),
        pytest.param("one", ("one", "one"), id="a name that several have"),
    ],
)
def test_several_that_fit_are_refused(name: str, names: tuple[str, ...]) -> None:
    """They are listed, and the remedy shows how to name one."""
    message = refusal(ConfigurationError, name, {}, {"VCAP_SERVICES": vcap(*names)})
    assert all(f"instance {each}" in message for each in names)
    assert "connection=" in message.splitlines()[-1]


def test_a_user_provided_service_is_selected_by_its_name_or_as_the_only_one() -> None:
    """It stands back behind an instance of the service itself, and is refused if it is named and does not fit."""
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


def test_mounted_bindings_are_found_too(tmp_path: Path) -> None:
    """$SERVICE_BINDING_ROOT and the folder convention, whose root is a parameter."""
    for root, name in ((tmp_path / "bindings", "mounted"), (tmp_path / "destination", "foldered")):
        (root / name).mkdir(parents=True)
        (root / name / "type").write_text("destination")
        (root / name / "credentials.json").write_text(key(name))
    environ = {"SERVICE_BINDING_ROOT": str(tmp_path / "bindings")}
    for name in ("mounted", "foldered"):
        found = find(name, environ=environ, secrets_root=tmp_path)
        assert found.key.clientid == name
        assert found.found_in_environment


def test_a_connection_never_shows_its_key() -> None:
    """Its repr may end up in a log."""
    assert "S3CRET" not in repr(find(config={"serviceKey": key("one")}))
