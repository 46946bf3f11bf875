"""Bindings that an environment provides: three conventions, read as their platforms write them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.errors import ConfigurationError
from btp_trust.service.credentials.bindings import SECRETS_ROOT, Binding, find_bindings
from btp_trust.service.credentials.service_key import XSUAA, ServiceKey, parse_service_key

KEY = {"clientid": "client", "clientsecret": "S3CRET", "uri": "https://service.example", "url": "https://uaa.example"}
VCAP = {
    "xsuaa": [{"name": "auth", "credentials": {"clientid": "other"}}],
    "destination": [
        {
            "label": "destination",
            "plan": "lite",
            "name": "dest",
            "instance_name": "dest-instance",
            "binding_name": None,
            "tags": ["destination", "conn"],
            "credentials": KEY,
        },
    ],
}


def folder(path: Path, **files: str) -> Path:
    """A mounted secret: one file a key."""
    path.mkdir(parents=True)
    for name, content in files.items():
        (path / name).write_text(content)
    return path


def credentials(binding: Binding) -> object:
    """The service key in a binding."""
    return json.loads(binding.credentials)


def test_an_environment_without_bindings_has_none(tmp_path: Path) -> None:
    """Nothing set, no folder there."""
    assert find_bindings({}, tmp_path / "missing") == []
    assert find_bindings({"VCAP_SERVICES": "", "SERVICE_BINDING_ROOT": ""}, tmp_path) == []
    assert find_bindings({"SERVICE_BINDING_ROOT": str(tmp_path / "missing")}, tmp_path) == []


def test_the_folder_convention_is_that_of_sap() -> None:
    """The root is where its operator mounts bindings."""
    assert SECRETS_ROOT.as_posix() == "/etc/secrets/sapbtp"


def test_cloud_foundry_gives_the_destination_service_alone(tmp_path: Path) -> None:
    """Of all bound services those under `destination` are taken, by any of their names."""
    (found,) = find_bindings({"VCAP_SERVICES": json.dumps(VCAP)}, tmp_path)
    assert credentials(found) == KEY
    assert found.names == {"dest", "dest-instance"}
    assert found.where == "VCAP_SERVICES, instance dest-instance"


def test_an_unnamed_instance_of_cloud_foundry_goes_by_its_binding(tmp_path: Path) -> None:
    """`name` and `binding_name` are what remains."""
    vcap = {"destination": [{"name": "dest", "binding_name": "bound", "credentials": KEY}]}
    (found,) = find_bindings({"VCAP_SERVICES": json.dumps(vcap)}, tmp_path)
    assert found.names == {"dest", "bound"}
    assert found.where == "VCAP_SERVICES, instance dest"


def test_an_application_bound_to_other_services_has_no_binding(tmp_path: Path) -> None:
    """VCAP_SERVICES without `destination` is no mistake."""
    assert find_bindings({"VCAP_SERVICES": json.dumps({"xsuaa": VCAP["xsuaa"]})}, tmp_path) == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("S3CRET", id="no JSON"),
        pytest.param('["S3CRET"]', id="no object"),
        pytest.param('{"destination": "S3CRET"}', id="no list"),
        pytest.param('{"destination": [{"name": "S3CRET"}]}', id="no credentials"),
        pytest.param('{"destination": [{"credentials": null, "name": "S3CRET"}]}', id="empty credentials"),
        pytest.param('{"destination": "S3CRET\udcff"}', id="bytes that are not UTF-8, as an environment gives them"),
        pytest.param('{"destination": ' + "[" * 100_000, id="brackets without end"),
    ],
)
def test_a_broken_vcap_services_is_refused(text: str, tmp_path: Path) -> None:
    """By name, and without a word of what it holds."""
    assert_broken(text, tmp_path)


@given(text=st.text().map(lambda text: f"S3CRET{text}"))
def test_any_other_text_in_vcap_services_is_refused(text: str) -> None:
    """Whatever it is."""
    assert_broken(text, Path("missing"))
    assert_broken(json.dumps({"destination": text}), Path("missing"))


def assert_broken(text: str, secrets_root: Path) -> None:
    """Reading VCAP_SERVICES is refused, and shows nothing."""
    with pytest.raises(ConfigurationError, match="VCAP_SERVICES") as caught:
        find_bindings({"VCAP_SERVICES": text}, secrets_root)
    assert "S3CRET" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_service_binding_root_gives_the_folders_of_the_type(tmp_path: Path) -> None:
    """A folder a binding, a file a field, and `type` says what it is; the mount's own entries are left out."""
    root = tmp_path / "bindings"
    mounted = folder(root / "b-one", type="destination\n", instance_name="one\n", **KEY)
    (mounted / ".metadata").write_text("{}")
    (mounted / "..data").mkdir()
    folder(root / "b-two", type="xsuaa", clientid="other")
    folder(root / "b-three", clientid="untyped")
    (root / "file").write_text("no folder")
    (found,) = find_bindings({"SERVICE_BINDING_ROOT": str(root)}, tmp_path / "missing")
    assert credentials(found) == {**KEY, "type": "destination\n", "instance_name": "one\n"}
    assert found.names == {"b-one", "one"}
    assert found.where == "$SERVICE_BINDING_ROOT/b-one"


@pytest.mark.parametrize("name", ["credentials.json", "binding.json"])
def test_a_folder_may_hold_one_document(tmp_path: Path, name: str) -> None:
    """Then the document is the key, and the other files describe it."""
    folder(tmp_path / "destination" / "one", **{name: json.dumps(KEY), "label": "destination"})
    (found,) = find_bindings({}, tmp_path)
    assert credentials(found) == KEY


def test_the_folder_convention_gives_the_folders_of_the_service(tmp_path: Path) -> None:
    """<root>/destination/<instance>/, in the order of their names; an empty folder is none."""
    folder(tmp_path / "destination" / "two", **KEY)
    folder(tmp_path / "destination" / "one", **KEY)
    folder(tmp_path / "destination" / "empty")
    folder(tmp_path / "xsuaa" / "auth", clientid="other")
    one, two = find_bindings({}, tmp_path)
    assert [set(binding.names) for binding in (one, two)] == [{"one"}, {"two"}]
    assert one.where == f"{tmp_path / 'destination'}/one"


def test_a_binary_file_of_another_service_does_not_matter(tmp_path: Path) -> None:
    """Key stores lie beside us in the same root, and are none of our business."""
    other = folder(tmp_path / "bindings" / "another", type="kafka")
    (other / "keystore.jks").write_bytes(b"\xfe\xed\xfe\xed")
    folder(tmp_path / "bindings" / "ours", type="destination", **KEY)
    (found,) = find_bindings({"SERVICE_BINDING_ROOT": str(tmp_path / "bindings")}, tmp_path / "missing")
    assert "ours" in found.names


def test_a_binary_file_in_our_own_folder_is_no_crash(tmp_path: Path) -> None:
    """It is left out, or refused as a setting is, with a remedy."""
    ours = folder(tmp_path / "destination" / "ours", **KEY)
    (ours / "keystore.jks").write_bytes(b"\xfe\xed\xfe\xed")
    try:
        (found,) = find_bindings({}, tmp_path)
    except ConfigurationError:
        return
    assert json.loads(found.credentials)["clientsecret"] == "S3CRET"


def test_all_places_are_searched(tmp_path: Path) -> None:
    """Cloud Foundry first, then the two mounts."""
    folder(tmp_path / "bindings" / "mounted", type="destination", **KEY)
    folder(tmp_path / "secrets" / "destination" / "foldered", **KEY)
    environ = {"VCAP_SERVICES": json.dumps(VCAP), "SERVICE_BINDING_ROOT": str(tmp_path / "bindings")}
    found = find_bindings(environ, tmp_path / "secrets")
    assert [min(binding.names) for binding in found] == ["dest", "mounted", "foldered"]


def test_a_binding_shows_its_place_and_nothing_else(tmp_path: Path) -> None:
    """Its repr may end up in a log."""
    (found,) = find_bindings({"VCAP_SERVICES": json.dumps(VCAP)}, tmp_path)
    assert repr(found) == "Binding(VCAP_SERVICES, instance dest-instance)"


def test_a_folder_that_may_not_be_looked_into_has_no_bindings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is somebody else's; the connection then says which places were searched."""
    theirs = folder(tmp_path / "destination" / "theirs", **KEY)

    def listed(path: Path) -> Iterator[Path]:
        if path == theirs:
            raise PermissionError(path)
        yield from (Path(entry) for entry in os.scandir(path))

    monkeypatch.setattr(Path, "iterdir", listed)
    assert find_bindings({"SERVICE_BINDING_ROOT": str(tmp_path)}, tmp_path) == []


def user_provided(credentials: object, **more: object) -> dict[str, object]:
    """An entry as Cloud Foundry writes it for `cf create-user-provided-service`."""
    return {"label": "user-provided", "name": "mine", "tags": [], "credentials": credentials, **more}


@pytest.mark.parametrize(
    ("entry", "fits"),
    [
        pytest.param(user_provided(KEY), True, id="with a key"),
        pytest.param(user_provided({"credentials": json.dumps(KEY)}), True, id="with a key as text"),
        pytest.param(user_provided({"uri": KEY["uri"], "uaa": KEY}), True, id="with a key below uaa"),
        pytest.param(user_provided({"broken": "key"}, tags=["destination"]), True, id="with a tag"),
        pytest.param(user_provided({"clientid": "a", "app_tid": "b"}), False, id="with a key of another service"),
    ],
)
def test_a_user_provided_service_is_told_by_its_credentials_or_tags(entry: dict[str, object], *, fits: bool) -> None:
    """It has no label of its own; what does not fit may still be selected by its name, and is then refused."""
    vcap = {**VCAP, "user-provided": [entry]}
    managed, mine = find_bindings({"VCAP_SERVICES": json.dumps(vcap)}, Path("missing"))
    assert not managed.is_user_provided
    assert (mine.is_user_provided, mine.is_for_service) == (True, fits)
    assert mine.names == {"mine"}


@pytest.mark.parametrize(
    "listed",
    [
        pytest.param([user_provided({"url": "https://log.example"})], id="no credentials of a client"),
        pytest.param([{"name": "mine", "credentials": None}], id="none"),
        pytest.param(["S3CRET"], id="no entries"),
        pytest.param("S3CRET", id="no list"),
    ],
)
def test_user_provided_services_of_others_do_not_matter(listed: object) -> None:
    """They are anybody's."""
    assert find_bindings({"VCAP_SERVICES": json.dumps({"user-provided": listed})}, Path("missing")) == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(json.dumps({"VCAP_SERVICES": VCAP}), id="as default-env.json has it"),
        pytest.param(f"System-Provided:\nVCAP_SERVICES: {json.dumps(VCAP, indent=1)}\n", id="as `cf env` prints it"),
        pytest.param(f"\ufeff{json.dumps(VCAP)}", id="with a mark"),
        pytest.param(json.dumps(json.dumps(VCAP)), id="as text"),
    ],
)
def test_vcap_services_is_read_as_tools_print_it(text: str) -> None:
    """When somebody takes it to another machine."""
    (found,) = find_bindings({"VCAP_SERVICES": text}, Path("missing"))
    assert credentials(found) == KEY


def test_credentials_may_be_a_text() -> None:
    """Of an entry as of a key."""
    vcap = {"destination": [{"name": "one", "credentials": json.dumps(KEY)}]}
    (found,) = find_bindings({"VCAP_SERVICES": json.dumps(vcap)}, Path("missing"))
    assert key_in(found) == key_in(Binding(frozenset(), json.dumps(KEY), ""))


def key_in(binding: Binding) -> ServiceKey:
    """The key that a connection reads from a binding."""
    return parse_service_key(binding.credentials, binding.where)


DESCRIBING = {"type": "destination", "label": "destination", "plan": "lite", "tags": '["a"]', "instance_name": "one"}
NESTED = {"uri": KEY["uri"], "uaa": json.dumps(KEY)}


def properties(*credentials: str | dict[str, object]) -> str:
    """A file `.metadata` of SAP's service operator."""
    listed = [each if isinstance(each, dict) else {"name": each, "format": "text"} for each in credentials]
    described = [{"name": name, "format": "text"} for name in DESCRIBING]
    return json.dumps({"metaDataProperties": described, "credentialProperties": listed})


OPERATOR = {
    "fields": {**KEY, **DESCRIBING, ".metadata": properties(*KEY)},
    "fields alone": {**KEY, **DESCRIBING},
    "nested": {**NESTED, **DESCRIBING, ".metadata": properties("uri", {"name": "uaa", "format": "json"})},
    "nested alone": {**NESTED, **DESCRIBING},
    "secretKey": {
        "my": json.dumps(KEY),
        **DESCRIBING,
        ".metadata": properties({"name": "my", "format": "json", "container": True}),
    },
    "secretKey alone": {"my": json.dumps(KEY), **DESCRIBING},
    "secretRootKey": {"root": json.dumps({**KEY, **DESCRIBING})},
    "secretRootKey, nested": {"root": json.dumps({**NESTED, **DESCRIBING})},
    "both": {"root": json.dumps({"my": json.dumps(KEY), **DESCRIBING})},
    "renamed": {
        "USER": KEY["clientid"],
        "PASSWORD": KEY["clientsecret"],
        "uri": KEY["uri"],
        "url": KEY["url"],
        **DESCRIBING,
        ".metadata": properties(
            "uri",
            "url",
            {"name": "clientid", "sourceName": "USER", "format": "text"},
            {"name": "clientsecret", "sourceName": "PASSWORD", "format": "text"},
            {"name": "missing", "format": "text"},
        ),
    },
    "a broken description": {**KEY, **DESCRIBING, ".metadata": "S3CRET"},
    "a description of nothing": {**KEY, **DESCRIBING, ".metadata": properties("missing")},
}
"""Folders that SAP/sap-btp-service-operator and hand-made secrets lead to."""


def mount(folder: Path, files: dict[str, str], encode: Callable[[str], bytes], *, linked: bool) -> None:
    """Mount a secret as Kubernetes does: each file leads to `..data`, which leads to a folder of this version."""
    version = folder / "..2026_11_29_08_00_00.1" if linked else folder
    version.mkdir(parents=True)
    for name, content in files.items():
        (version / name).write_bytes(encode(content))
    if linked:
        (folder / "..data").symlink_to(version.name)
        for name in files:
            (folder / name).symlink_to(Path("..data") / name)


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "as it is": str.encode,
    "with a line break": lambda text: f"{text}\n".encode(),
    "with a line break of Windows": lambda text: f"{text}\r\n".encode(),
    "in UTF-16": lambda text: text.encode("utf-16"),
    "with a mark": lambda text: f"\ufeff{text}".encode(),
}


@pytest.mark.parametrize(
    "place", ["SERVICE_BINDING_ROOT", "convention in it", "/etc/secrets", "/etc/secrets, described"]
)
@given(
    form=st.sampled_from(tuple(OPERATOR)),
    encoding=st.sampled_from(tuple(ENCODINGS)),
    linked=st.booleans(),
    with_key_store=st.booleans(),
)
def test_what_the_service_operator_mounts_is_a_binding(
    tmp_path_factory: pytest.TempPathFactory,
    place: str,
    form: str,
    encoding: str,
    *,
    linked: bool,
    with_key_store: bool,
) -> None:
    """In each of its formats, and where libraries of SAP look for it."""
    root = tmp_path_factory.mktemp("mount")
    folders = {"convention in it": root / "destination", "/etc/secrets": root / "destination"}
    folder = folders.get(place, root) / "bound"
    files = OPERATOR[form]
    if place == "/etc/secrets, described":
        files = {".metadata": "", **files}
    mount(folder, files, ENCODINGS[encoding], linked=linked)
    (root / "another").mkdir()
    if with_key_store and "root" not in files:
        (folder / "store.jks").write_bytes(b"\xfe\xed\xfe\xed\0\0\0\2")
    if place.startswith("/etc"):
        (found,) = find_bindings({}, root)
    else:
        (found,) = find_bindings({"SERVICE_BINDING_ROOT": str(root)}, root / "missing")
    assert key_in(found) == key_in(Binding(frozenset(), json.dumps(KEY), ""))
    assert found.names == {"bound", "one"}


@given(form=st.sampled_from(tuple(OPERATOR)))
def test_a_mount_of_another_service_is_none(tmp_path_factory: pytest.TempPathFactory, form: str) -> None:
    """Its type says so, wherever that stands."""
    root = tmp_path_factory.mktemp("mount")
    files = {name: text.replace("destination", "xsuaa") for name, text in OPERATOR[form].items()}
    mount(root / "bound", {".metadata": "", **files}, str.encode, linked=False)
    assert find_bindings({"SERVICE_BINDING_ROOT": str(root)}, root) == []
    found, again = find_bindings({"SERVICE_BINDING_ROOT": str(root)}, root, XSUAA)
    assert found.credentials == again.credentials
