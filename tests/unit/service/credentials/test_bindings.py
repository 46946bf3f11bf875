"""Bindings of an environment: three conventions, as their platforms write them."""

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
    """Make a mounted secret: a file per key."""
    path.mkdir(parents=True)
    for name, content in files.items():
        (path / name).write_text(content)
    return path


def credentials(binding: Binding) -> object:
    """Return the service key in a binding."""
    return json.loads(binding.credentials)


def test_empty_environment_has_no_bindings(tmp_path: Path) -> None:
    """Unset variables and missing folders give an empty list."""
    assert find_bindings({}, tmp_path / "missing") == []
    assert find_bindings({"VCAP_SERVICES": "", "SERVICE_BINDING_ROOT": ""}, tmp_path) == []
    assert find_bindings({"SERVICE_BINDING_ROOT": str(tmp_path / "missing")}, tmp_path) == []


def test_secrets_root_is_saps() -> None:
    """The root is the mount path of SAP's service operator."""
    assert SECRETS_ROOT.as_posix() == "/etc/secrets/sapbtp"


def test_cloud_foundry_gives_destination_instances(tmp_path: Path) -> None:
    """Of all bound services those under `destination` count, by any of their names."""
    (binding,) = find_bindings({"VCAP_SERVICES": json.dumps(VCAP)}, tmp_path)
    assert credentials(binding) == KEY
    assert binding.names == {"dest", "dest-instance"}
    assert binding.where == "VCAP_SERVICES, instance dest-instance"


def test_instance_without_name_uses_binding_name(tmp_path: Path) -> None:
    """`name` and `binding_name` are the names of an instance without its own."""
    vcap = {"destination": [{"name": "dest", "binding_name": "bound", "credentials": KEY}]}
    (binding,) = find_bindings({"VCAP_SERVICES": json.dumps(vcap)}, tmp_path)
    assert binding.names == {"dest", "bound"}
    assert binding.where == "VCAP_SERVICES, instance dest"


def test_other_services_are_skipped(tmp_path: Path) -> None:
    """VCAP_SERVICES without `destination` is valid."""
    assert find_bindings({"VCAP_SERVICES": json.dumps({"xsuaa": VCAP["xsuaa"]})}, tmp_path) == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("S3CRET", id="a word"),
        pytest.param('["S3CRET"]', id="a list"),
        pytest.param('{"destination": "S3CRET"}', id="a word for a list"),
        pytest.param('{"destination": [{"name": "S3CRET"}]}', id="missing credentials"),
        pytest.param('{"destination": [{"credentials": null, "name": "S3CRET"}]}', id="empty credentials"),
        pytest.param('{"destination": "S3CRET\udcff"}', id="bytes beyond UTF-8, as in an environment"),
        pytest.param('{"destination": ' + "[" * 100_000, id="endless brackets"),
    ],
)
def test_malformed_vcap_services_is_refused(text: str, tmp_path: Path) -> None:
    """The error names the variable and hides its content."""
    assert_broken(text, tmp_path)


@given(text=st.text().map(lambda text: f"S3CRET{text}"))
def test_any_other_vcap_services_is_refused(text: str) -> None:
    """Every text that is not in Cloud Foundry's format is refused and hidden."""
    assert_broken(text, Path("missing"))
    assert_broken(json.dumps({"destination": text}), Path("missing"))


def assert_broken(text: str, secrets_root: Path) -> None:
    """Require that VCAP_SERVICES is refused and hidden."""
    with pytest.raises(ConfigurationError, match="VCAP_SERVICES") as caught:
        find_bindings({"VCAP_SERVICES": text}, secrets_root)
    assert "S3CRET" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_service_binding_root_filters_by_type(tmp_path: Path) -> None:
    """Each folder of the type is a binding with a file per field; the mount's own entries are skipped."""
    root = tmp_path / "bindings"
    mounted = folder(root / "b-one", type="destination\n", instance_name="one\n", **KEY)
    (mounted / ".metadata").write_text("{}")
    (mounted / "..data").mkdir()
    folder(root / "b-two", type="xsuaa", clientid="other")
    folder(root / "b-three", clientid="untyped")
    (root / "file").write_text("a file")
    (binding,) = find_bindings({"SERVICE_BINDING_ROOT": str(root)}, tmp_path / "missing")
    assert credentials(binding) == {**KEY, "type": "destination\n", "instance_name": "one\n"}
    assert binding.names == {"b-one", "one"}
    assert binding.where == "$SERVICE_BINDING_ROOT/b-one"


@pytest.mark.parametrize("name", ["credentials.json", "binding.json"])
def test_folder_with_one_document(tmp_path: Path, name: str) -> None:
    """The document is the key, and the other files describe it."""
    folder(tmp_path / "destination" / "one", **{name: json.dumps(KEY), "label": "destination"})
    (binding,) = find_bindings({}, tmp_path)
    assert credentials(binding) == KEY


def test_folder_convention_lists_instances(tmp_path: Path) -> None:
    """<root>/destination/<instance>/ is listed in the order of the names, without empty folders."""
    folder(tmp_path / "destination" / "two", **KEY)
    folder(tmp_path / "destination" / "one", **KEY)
    folder(tmp_path / "destination" / "empty")
    folder(tmp_path / "xsuaa" / "auth", clientid="other")
    one, two = find_bindings({}, tmp_path)
    assert [set(binding.names) for binding in (one, two)] == [{"one"}, {"two"}]
    assert one.where == f"{tmp_path / 'destination'}/one"


def test_foreign_key_store_is_skipped(tmp_path: Path) -> None:
    """A key store of another service in the same root is skipped."""
    other = folder(tmp_path / "bindings" / "another", type="kafka")
    (other / "keystore.jks").write_bytes(b"\xfe\xed\xfe\xed")
    folder(tmp_path / "bindings" / "ours", type="destination", **KEY)
    (binding,) = find_bindings({"SERVICE_BINDING_ROOT": str(tmp_path / "bindings")}, tmp_path / "missing")
    assert "ours" in binding.names


def test_own_key_store_is_no_crash(tmp_path: Path) -> None:
    """A key store beside the fields is skipped, or refused with a remedy."""
    ours = folder(tmp_path / "destination" / "ours", **KEY)
    (ours / "keystore.jks").write_bytes(b"\xfe\xed\xfe\xed")
    try:
        (binding,) = find_bindings({}, tmp_path)
    except ConfigurationError:
        return
    assert json.loads(binding.credentials)["clientsecret"] == "S3CRET"


def test_all_places_are_listed(tmp_path: Path) -> None:
    """Cloud Foundry comes first, then the two mounts."""
    folder(tmp_path / "bindings" / "mounted", type="destination", **KEY)
    folder(tmp_path / "secrets" / "destination" / "foldered", **KEY)
    environ = {"VCAP_SERVICES": json.dumps(VCAP), "SERVICE_BINDING_ROOT": str(tmp_path / "bindings")}
    bindings = find_bindings(environ, tmp_path / "secrets")
    assert [min(binding.names) for binding in bindings] == ["dest", "mounted", "foldered"]


def test_repr_shows_place_only(tmp_path: Path) -> None:
    """The repr, which may end up in a log, has the place alone."""
    (binding,) = find_bindings({"VCAP_SERVICES": json.dumps(VCAP)}, tmp_path)
    assert repr(binding) == "Binding(VCAP_SERVICES, instance dest-instance)"


def test_inaccessible_folder_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without read permission has no bindings."""
    theirs = folder(tmp_path / "destination" / "theirs", **KEY)

    def listed(path: Path) -> Iterator[Path]:
        if path == theirs:
            raise PermissionError(path)
        yield from (Path(entry) for entry in os.scandir(path))

    monkeypatch.setattr(Path, "iterdir", listed)
    assert find_bindings({"SERVICE_BINDING_ROOT": str(tmp_path)}, tmp_path) == []


def user_provided(credentials: object, **more: object) -> dict[str, object]:
    """Return an entry of Cloud Foundry for `cf create-user-provided-service`."""
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
def test_user_provided_service_is_recognized(entry: dict[str, object], *, fits: bool) -> None:
    """Credentials or tags decide whether it fits; others remain selectable by name."""
    vcap = {**VCAP, "user-provided": [entry]}
    managed, mine = find_bindings({"VCAP_SERVICES": json.dumps(vcap)}, Path("missing"))
    assert not managed.is_user_provided
    assert (mine.is_user_provided, mine.is_for_service) == (True, fits)
    assert mine.names == {"mine"}


@pytest.mark.parametrize(
    "listed",
    [
        pytest.param([user_provided({"url": "https://log.example"})], id="other credentials"),
        pytest.param([{"name": "mine", "credentials": None}], id="null"),
        pytest.param(["S3CRET"], id="a list of words"),
        pytest.param("S3CRET", id="a word"),
    ],
)
def test_foreign_user_provided_services_are_skipped(listed: object) -> None:
    """User-provided services of any other shape are skipped."""
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
def test_vcap_services_as_tools_print_it(text: str) -> None:
    """The output of tools is accepted, as people copy it to other machines."""
    (binding,) = find_bindings({"VCAP_SERVICES": text}, Path("missing"))
    assert credentials(binding) == KEY


def test_credentials_as_text() -> None:
    """The credentials of an entry may be a text with JSON."""
    vcap = {"destination": [{"name": "one", "credentials": json.dumps(KEY)}]}
    (binding,) = find_bindings({"VCAP_SERVICES": json.dumps(vcap)}, Path("missing"))
    assert key_in(binding) == key_in(Binding(frozenset(), json.dumps(KEY), ""))


def key_in(binding: Binding) -> ServiceKey:
    """Return the key that a connection reads from a binding."""
    return parse_service_key(binding.credentials, binding.where)


DESCRIBING = {"type": "destination", "label": "destination", "plan": "lite", "tags": '["a"]', "instance_name": "one"}
NESTED = {"uri": KEY["uri"], "uaa": json.dumps(KEY)}


def properties(*credentials: str | dict[str, object]) -> str:
    """Return a file `.metadata` of SAP's service operator."""
    listed = [field if isinstance(field, dict) else {"name": field, "format": "text"} for field in credentials]
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
"""Folders of SAP/sap-btp-service-operator and of hand-made secrets."""


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
def test_service_operator_mounts(
    tmp_path_factory: pytest.TempPathFactory,
    place: str,
    form: str,
    encoding: str,
    *,
    linked: bool,
    with_key_store: bool,
) -> None:
    """Each format of the operator is a binding, in each place where SAP's libraries look."""
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
        (binding,) = find_bindings({}, root)
    else:
        (binding,) = find_bindings({"SERVICE_BINDING_ROOT": str(root)}, root / "missing")
    assert key_in(binding) == key_in(Binding(frozenset(), json.dumps(KEY), ""))
    assert binding.names == {"bound", "one"}


@given(form=st.sampled_from(tuple(OPERATOR)))
def test_mount_of_another_service_is_skipped(tmp_path_factory: pytest.TempPathFactory, form: str) -> None:
    """The type of a mount selects it, in any of the places for the type."""
    root = tmp_path_factory.mktemp("mount")
    files = {name: text.replace("destination", "xsuaa") for name, text in OPERATOR[form].items()}
    mount(root / "bound", {".metadata": "", **files}, str.encode, linked=False)
    assert find_bindings({"SERVICE_BINDING_ROOT": str(root)}, root) == []
    binding, again = find_bindings({"SERVICE_BINDING_ROOT": str(root)}, root, XSUAA)
    assert binding.credentials == again.credentials
