"""Notations of a service key: all of them give the same key, and other documents have a hint."""

from __future__ import annotations

import base64
import codecs
import json
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from btp_trust.certificate import parse_pem
from btp_trust.errors import ConfigurationError
from btp_trust.service.credentials.service_key import DESTINATION, XSUAA, Service, ServiceKey, parse_service_key
from btp_trust_emulator import Emulator
from support.credential_places import key_places
from support.error_text import error_text

Fields = dict[str, Any]

FIELDS = {
    "clientid": "sb-clone1!b2|destination-xsappname!b3",
    "clientsecret": "S3CRET$-of=the{client",
    "url": "https://sub.authentication.eu12.hana.ondemand.com",
}
ADDRESS = {"uri": "https://destination-configuration.cfapps.eu12.hana.ondemand.com"}
API = {"apiurl": "https://api.authentication.eu12.hana.ondemand.com"}
MORE = {"verificationkey": "-----BEGIN PUBLIC KEY-----", "tenantid": "t", "xsappname": "c!b2|destination-xsappname!b3"}


def key_of(fields: Fields, service: Service = DESTINATION) -> ServiceKey:
    """Return the key of these fields."""
    return parse_service_key(json.dumps(fields), "the test", service)


DESTINATION_KEY = key_of({**FIELDS, **ADDRESS})
XSUAA_KEY = key_of({**FIELDS, **API}, XSUAA)


@pytest.fixture(scope="module")
def x509() -> Iterator[Fields]:
    """A service key with a certificate."""
    with Emulator(key_size=1024) as emulator:
        yield emulator.service_key(emulator.create_subaccount().guid, "x509")


def plain(fields: Fields, address: Fields) -> Fields:
    """Return a key as documented by SAP, with more fields."""
    return {**MORE, **fields, **address}


def below_uaa(fields: Fields, address: Fields) -> Fields:
    """Put the credentials below `uaa`, the address outside."""
    return {**address, "uaa": {**fields, **MORE}}


def all_below_uaa(fields: Fields, address: Fields) -> Fields:
    """Put the whole key below `uaa`."""
    return {"uaa": {**fields, **address}, "vendor": "SAP"}


def uaa_as_text(fields: Fields, address: Fields) -> Fields:
    """Turn objects into texts, as in a folder or in `secretRootKey`."""
    return {**address, "uaa": json.dumps(fields), "tags": '["a"]', "plan": "lite"}


def renamed(**names: str) -> Callable[[Fields, Fields], Fields]:
    """Rename fields to another tool's names."""

    def rename(fields: Fields, address: Fields) -> Fields:
        return {names.get(name, name): value for name, value in {**fields, **address}.items()}

    return rename


TERRAFORM = {"clientid": "client_id", "clientsecret": "client_secret", "url": "token_url", "apiurl": "api_url"}
SHAPES: dict[str, Callable[[Fields, Fields], Fields]] = {
    "plain": plain,
    "below uaa": below_uaa,
    "all below uaa": all_below_uaa,
    "uaa as text": uaa_as_text,
    "btp": renamed(url="tokenurl"),
    "terraform": renamed(**TERRAFORM),
    "crossplane": renamed(**{name: f"attribute.{other}" for name, other in TERRAFORM.items()}),
    "capitals": renamed(**{name: other.upper() for name, other in TERRAFORM.items()}),
    "camel": renamed(clientid="clientId", clientsecret="clientSecret", url="tokenUrl", apiurl="apiUrl"),
    "line ends": lambda fields, address: {name: f" {value}\r\n" for name, value in {**fields, **address}.items()},
    "token path": lambda fields, address: {**fields, **address, "url": f"{fields['url']}/oauth/token"},
}


def coded(fields: Fields) -> Fields:
    """Encode values as in Kubernetes."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    return {name: base64.b64encode(text.encode()).decode() for name, text in texts.items()}


WRAPPERS: dict[str, Callable[[Fields], Fields]] = {
    "none": lambda fields: fields,
    "credentials": lambda fields: {"credentials": fields, "syslog_drain_url": None, "volume_mounts": []},
    "credentials as text": lambda fields: {"credentials": json.dumps(fields, indent=2)},
    "two of them": lambda fields: {"credentials": {"credentials": fields}},
    "secretKey": lambda fields: {"my": json.dumps(fields), "instance_name": "one", "plan": "lite", "tags": '["a"]'},
    "terraform output": lambda fields: {"key": {"sensitive": True, "type": "string", "value": json.dumps(fields)}},
    "VCAP_SERVICES": lambda fields: {"a-service": [{"name": "one", "credentials": fields, "tags": []}]},
    "cf curl": lambda fields: {"pagination": {}, "resources": [{"credentials": fields}]},
    "kubectl": lambda fields: {"kind": "Secret", "data": coded(fields), "metadata": {"name": "one"}},
    "kubectl data": coded,
    "kubectl secretKey": lambda fields: {"kind": "Secret", "data": coded({"my": json.dumps(fields), "plan": "lite"})},
    "kubectl plain": lambda fields: {"kind": "Secret", "stringData": {"my": json.dumps(fields)}},
}
TEXTS: dict[str, Callable[[str], str]] = {
    "json": str,
    "after a sentence": lambda text: (
        f"Getting key pulumi for service instance trust-admin as ada@acme.example…\n\n{text}\n"
    ),
    "before a hint": lambda text: f"Schlüssel\n{text}\n\nTIP: a newer version of the cf CLI is available.\n",
    "within quotation marks": lambda text: f"'{text}'\n",
    "assigned": lambda text: f"export BTP_TRUST_SERVICE_KEY='{text}'",
    "in a list": lambda text: f"[{text}]",
    "text in json": json.dumps,
    "text in text in json": lambda text: json.dumps(json.dumps(text)),
    "escaped": lambda text: json.dumps(text)[1:-1],
    "escaped twice": lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 in lines": lambda text: "\r\n".join(textwrap.wrap(base64.b64encode(text.encode()).decode(), 76)) + "\r\n",
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 of UTF-16": lambda text: base64.b64encode(text.encode("utf-16")).decode(),
    "base64 twice": lambda text: base64.b64encode(base64.b64encode(text.encode())).decode(),
}
ENCODINGS: dict[str, Callable[[str], str | bytes]] = {
    "text": str,
    "text with a mark": lambda text: f"\ufeff{text}",
    "text with a foreign mark": lambda text: f"\u00ef\u00bb\u00bf{text}",
    "text that was UTF-16": lambda text: text.encode("utf-16-le").decode(),
    "text that was UTF-16 with a mark": lambda text: (
        b"\xff\xfe".decode("utf-8", "replace") + text.encode("utf-16-le").decode()
    ),
    "UTF-8": str.encode,
    "UTF-8 with a mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "UTF-16 LE with a mark": lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
    "UTF-16 BE with a mark": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "UTF-16 LE": lambda text: text.encode("utf-16-le"),
    "UTF-16 BE": lambda text: text.encode("utf-16-be"),
    "UTF-32": lambda text: text.encode("utf-32"),
    "Windows-1252": lambda text: text.encode("cp1252"),
}


@dataclass(frozen=True)
class Written:
    """A key in some notation."""

    document: str | bytes = field(repr=False)
    of: str


@st.composite
def written(draw: st.DrawFn, fields: Fields, address: Fields, *, shapes: tuple[str, ...] = tuple(SHAPES)) -> Written:
    """Draw any combination of a shape, a wrapper, a text around it, an encoding and line ends."""
    shape, wrapper = draw(st.sampled_from(shapes)), draw(st.sampled_from(tuple(WRAPPERS)))
    text, encoding = draw(st.sampled_from(tuple(TEXTS))), draw(st.sampled_from(tuple(ENCODINGS)))
    indent, line_end = draw(st.sampled_from([None, 2])), draw(st.sampled_from(["\n", "\r\n", "\r"]))
    document = WRAPPERS[wrapper](SHAPES[shape](fields, address))
    whole = TEXTS[text](json.dumps(document, indent=indent).replace("\n", line_end))
    if not whole.isascii() and encoding.startswith("text that was"):
        whole = whole.encode("ascii", "ignore").decode()
    return Written(ENCODINGS[encoding](whole), f"{shape}, {wrapper}, {text}, {encoding}, {indent}, {line_end!r}")


@given(key=written(FIELDS, ADDRESS))
def test_destination_key_in_every_notation(key: Written) -> None:
    """Each notation of a tool, a shell or a person gives the same key."""
    assert parse_service_key(key.document, "the test") == DESTINATION_KEY


@given(key=written(FIELDS, API))
def test_xsuaa_key_in_every_notation(key: Written) -> None:
    """Keys of an instance, of `btp create security/api-credential` and of Terraform are the same."""
    assert parse_service_key(key.document, "the test", XSUAA) == XSUAA_KEY


@settings(max_examples=40)
@given(data=st.data())
def test_x509_key_in_every_notation(x509: Fields, data: st.DataObject) -> None:
    """PEMs have line breaks of their own, which are escaped as often as the whole document."""
    fields = {name: x509[name] for name in ("clientid", "certificate", "key", "certurl")}
    shapes = ("plain", "below uaa", "all below uaa", "uaa as text", "terraform", "capitals")
    key = data.draw(written(fields, {"uri": x509["uri"]}, shapes=shapes))
    parsed = parse_service_key(key.document, "the test")
    assert (parsed.certurl, parsed.clientid) == (fields["certurl"], fields["clientid"])
    assert parse_pem(parsed.certificate) == parse_pem(fields["certificate"])
    parsed.tls(parse_pem(fields["certificate"]).not_before)


def test_terraform_names_of_x509_fields(x509: Fields) -> None:
    """The token URL of `btp_subaccount_api_credential` with a certificate is the one for mutual TLS."""
    key = key_of(
        {
            "api_url": x509["uri"],
            "client_id": x509["clientid"],
            "client_secret": None,
            "token_url": x509["certurl"],
            "certificate_received": x509["certificate"],
            "certificate_passed": "S3CRET",
            "key": x509["key"],
        },
        XSUAA,
    )
    assert key.is_x509
    assert key.token_url == f"{x509['certurl']}/oauth/token"
    assert key.uri == x509["uri"]


def test_outer_url_is_the_service_address() -> None:
    """The outer `url` is the service's address if `uaa` has a `url` of its own."""
    assert key_of({"url": ADDRESS["uri"], "uaa": FIELDS}) == DESTINATION_KEY
    assert key_of({**ADDRESS, "url": "https://other.example", "uaa": FIELDS}) == DESTINATION_KEY
    alone = {name: value for name, value in FIELDS.items() if name != "url"}
    assert key_of({**ADDRESS, "url": FIELDS["url"], "uaa": alone}) == DESTINATION_KEY


def test_canonical_name_wins_over_alias() -> None:
    """The canonical name wins in any order of the fields."""
    both = {"client_id": "other", **FIELDS, **ADDRESS, "client-id": "other"}
    assert key_of(both) == DESTINATION_KEY


breaks = st.sampled_from(
    ["", "\n", "\r\n", "\r", " ", "\\n", "\\r\\n", "\\\\n", "\\\\\\\\r\\\\\\\\n", "\t\n", "\u200b", "\\u000a"]
)


def laid_out(pem: str, line_break: str, width: int) -> str:
    """Return a PEM text with other line breaks and lines of another length, between its blocks too."""
    out = ""
    for block in pem.replace("\n", "").replace("-----BEGIN", "\n-----BEGIN").split("\n")[1:]:
        label = block.removeprefix("-----BEGIN ").partition("-----")[0]
        body = block.removeprefix(f"-----BEGIN {label}-----").removesuffix(f"-----END {label}-----")
        lines = line_break.join(textwrap.wrap(body, width))
        out += f"-----BEGIN {label}-----{line_break}{lines}{line_break}-----END {label}-----{line_break}"
    return out


@settings(max_examples=40)
@given(of_chain=breaks, of_key=breaks, width=st.integers(16, 2000))
def test_line_breaks_of_pems(x509: Fields, of_chain: str, of_key: str, width: int) -> None:
    """PEMs are read in one line, with escaped line breaks and those of any system; a chain stays complete."""
    chain = laid_out(x509["certificate"] * 2, of_chain, width)
    key = key_of({**x509, "certificate": chain, "key": laid_out(x509["key"], of_key, width)})
    moment = parse_pem(x509["certificate"]).not_before
    assert parse_pem(key.certificate) == parse_pem(x509["certificate"])
    key.tls(moment)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(lambda pem: base64.b64encode(pem.encode()).decode(), id="base64"),
        pytest.param(lambda pem: base64.encodebytes(pem.encode()).decode(), id="base64 in lines"),
        pytest.param(lambda pem: pem.splitlines(), id="a list of lines"),
        pytest.param(lambda pem: [pem], id="a list of one text"),
    ],
)
def test_pem_in_other_encodings(x509: Fields, given: Callable[[str], object]) -> None:
    """PEM is read from base64, and from a list."""
    key = key_of({**x509, "certificate": given(x509["certificate"]), "key": given(x509["key"])})
    key.tls(parse_pem(x509["certificate"]).not_before)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"Getting key one of space {{dev}} as me…\n{json.dumps({**FIELDS, **ADDRESS})}", id="before"),
        pytest.param(f"{json.dumps({**FIELDS, **ADDRESS})}\nTIP: cf update {{to}} upgrade {{}}", id="after"),
        pytest.param(json.dumps({**FIELDS, **ADDRESS}, indent=2).replace(" ", "\u00a0"), id="blanks of a web page"),
        pytest.param(json.dumps({**FIELDS, **ADDRESS}, indent=2).replace("\n", "\\n"), id="written line breaks"),
        pytest.param(json.dumps({**FIELDS, **ADDRESS}, indent=2).replace("\n", "\\r\\n"), id="those of Windows"),
    ],
)
def test_text_around_the_object(text: str) -> None:
    """Braces in sentences, other kinds of blanks and written line breaks are ignored."""
    assert parse_service_key(text, "the test") == DESTINATION_KEY


def test_encrypted_traditional_key_is_refused(x509: Fields) -> None:
    """A traditional encrypted key, with headers before its base64, is a ConfigurationError."""
    loaded = load_pem_private_key(x509["key"].encode(), None)
    encryption = BestAvailableEncryption(b"word")
    encrypted = loaded.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, encryption).decode()
    with pytest.raises(ConfigurationError, match="cannot be used together"):
        key_of({**x509, "key": encrypted}).tls(parse_pem(x509["certificate"]).not_before)


SECRETS = {"clientid": "S3CRET-id", "clientsecret": "S3CRET", "url": "https://S3CRET.accounts.ondemand.example"}
CERTIFIED = {"clientid": "S3CRET", "certurl": "https://S3CRET.example", "certificate": "S3CRET"}


@pytest.mark.parametrize(
    ("document", "resembles"),
    [
        pytest.param({**SECRETS, "app_tid": "S3CRET", "authorization_endpoint": "S3CRET"}, "(IAS)", id="IAS"),
        pytest.param({"credentials": {**SECRETS, "prooftoken_url": "S3CRET"}}, "(IAS)", id="IAS in a wrapper"),
        pytest.param({**CERTIFIED, **ADDRESS, "credential-type": "X509_ATTESTED"}, "x509_attested", id="attested"),
        pytest.param({**ADDRESS, "clientid": "S3CRET", "credential-type": "x509_attested"}, "x509_attested", id="bare"),
        pytest.param({**CERTIFIED, **ADDRESS}, "without its private key", id="an X.509 key without its key"),
        pytest.param({**SECRETS, **API}, "key of XSUAA", id="XSUAA"),
        pytest.param({**SECRETS, "sm_url": "S3CRET"}, "Service Manager", id="Service Manager"),
        pytest.param({**SECRETS, "onpremise_proxy_host": "S3CRET"}, "Connectivity", id="Connectivity"),
        pytest.param(
            {"endpoints": {}, "uaa": SECRETS, "sap.cloud.service": "com.sap.core.commercial.service.central"},
            "(CIS)",
            id="CIS",
        ),
        pytest.param({"oauth": {**SECRETS, "xsappname": "a!b1|it-rt-S3CRET!b2"}}, "Integration Runtime", id="CPI"),
        pytest.param(
            {"url": "https://S3CRET.example", "uaa": SECRETS, "catalogs": {}, "systemid": "S3CRET"}, "ABAP", id="ABAP"
        ),
        pytest.param({**SECRETS, **ADDRESS, "sap.cloud.service": "S3CRET"}, "another service", id="a whole key"),
        pytest.param({**ADDRESS, "uaa": SECRETS, "sap.cloud.service": "html5-apps-repo-rt"}, "HTML5", id="HTML5"),
        pytest.param(
            {**SECRETS, **ADDRESS, "xsappname": "clone-S3CRET!b1|connectivity!b2"}, "Connectivity", id="by application"
        ),
        pytest.param({**SECRETS}, "uri is missing", id="nothing known"),
        pytest.param({}, "clientid", id="an empty object"),
        pytest.param({"a": {"b": [{"c": {"d": {"e": SECRETS}}}]}}, "clientid", id="a key too far within"),
        pytest.param({"prod": {**FIELDS, **ADDRESS}, "dev": {**FIELDS, **ADDRESS}}, "is missing", id="two keys"),
    ],
)
def test_wrong_object_has_a_hint(document: Fields, resembles: str) -> None:
    """The message names the resemblance of an object and hides its values, also if it comes as text."""
    for text in (json.dumps(document), json.dumps(json.dumps(document)), json.dumps({"credentials": document})):
        message = refusal(text)
        assert resembles in message
        assert "Object missing" not in message


def test_destination_key_for_xsuaa_is_refused() -> None:
    """The message names the Destination service."""
    assert "resembles a key of the Destination service" in refusal(json.dumps({**SECRETS, **ADDRESS}), XSUAA)


def wrapped(times: int) -> str:
    """Encode a key in base64, again and again."""
    octets = json.dumps({**FIELDS, **ADDRESS}).encode()
    for _ in range(times):
        octets = base64.b64encode(octets)
    return octets.decode()


HEADER, CLAIMS = "eyJhbGciOiJSUzI1NiJ9", "eyJzdWIiOiJTM0NSRVQifQ"
JWT = f"{HEADER}.{CLAIMS}.S3CRET"


@pytest.mark.parametrize(
    ("text", "resembles"),
    [
        pytest.param("", "is empty", id="nothing"),
        pytest.param(" \ufeff\r\n", "is empty", id="blanks"),
        pytest.param(JWT, "access token", id="a token"),
        pytest.param(f"Bearer {JWT}\n", "access token", id="a token with its type"),
        pytest.param("-----BEGIN CERTIFICATE-----\nS3CRET\n-----END CERTIFICATE-----", "PEM", id="a certificate"),
        pytest.param("-----BEGIN RSA PRIVATE KEY-----\nS3CRET", "PEM", id="a private key"),
        pytest.param("/srv/S3CRET/key.json", "path of a file", id="a path"),
        pytest.param("@key-S3CRET.json", "path of a file", id="a path with its sign"),
        pytest.param("C:\\keys\\S3CRET", "path of a file", id="a path of Windows"),
        pytest.param("~/S3CRET", "path of a file", id="a path from home"),
        pytest.param("{clientid:S3CRET,uri:https://a.example}", "quotation marks", id="quotation marks lost"),
        pytest.param("clientid: S3CRET\nuri: https://a.example\n", "YAML", id="YAML"),
        pytest.param("apiVersion: v1\nkind: Secret\ndata:\n  clientid: S3CRET\n", "YAML", id="a Secret in YAML"),
        pytest.param("Name: my\nClient Secret: S3CRET\nClient ID: sb-x\n", "btp --format json", id="btp's table"),
        pytest.param(
            "Getting key S3CRET for service instance a as b…\nFAILED\n", "cf service-key", id="a failure of cf"
        ),
        pytest.param("<html>S3CRET</html>", "web page", id="a page"),
        pytest.param('{"clientsecret": "S3CRET', "cut off", id="cut off"),
        pytest.param(json.dumps('{"clientsecret": "S3CRET')[:-3], "cut off", id="text that is cut off"),
        pytest.param('{"a": "S3CRET"}\n{"b": 1}', "several JSON objects", id="two objects"),
        pytest.param("S3CRET", "not JSON", id="a word"),
        pytest.param('["S3CRET"]', "not JSON", id="a list"),
        pytest.param("S3CRETS3CRETS3CRETa", "not JSON", id="a word like base64"),
        pytest.param(wrapped(9), "not JSON", id="base64 in too many levels"),
        pytest.param(base64.b64encode(b"S3CRET\xff\x01").decode(), "not JSON", id="base64 of something else"),
    ],
)
def test_wrong_text_has_a_hint(text: str, resembles: str) -> None:
    """The message names the resemblance of a text, in any encoding."""
    for document in (text, text.encode(), text.encode("utf-16")):
        assert resembles in refusal(document)


def refusal(document: str | bytes, service: Service = DESTINATION) -> str:
    """Return the message that refuses a key, and require that it hides all parts of the key."""
    with pytest.raises(ConfigurationError) as caught:
        parse_service_key(document, "the test", service)
    shown = error_text(caught.value)
    assert "S3CRET" not in shown
    assert base64.b64encode(b"S3CRET").decode()[:6] not in shown
    return str(caught.value)


def test_binary_file_is_refused() -> None:
    """A key store is refused as binary."""
    assert "It is binary" in refusal(b"\xfe\xed\xfe\xed\0\0\x01S3CRET")


names = st.sampled_from(
    [*FIELDS, *ADDRESS, *API, "uaa", "credentials", "certificate", "key", "token_url", "kind", "data"]
)
values = st.recursive(
    st.none() | st.integers() | st.text(max_size=9).map(lambda text: f"S3CRET{text}"),
    lambda inner: st.dictionaries(names, inner, max_size=5) | inner.map(json.dumps) | st.lists(inner, max_size=2),
    max_leaves=12,
)


@given(fields=st.dictionaries(names, values), service=st.sampled_from([DESTINATION, XSUAA]))
def test_any_object_is_key_or_refusal(fields: Fields, service: Service) -> None:
    """Nested, wrapped, and of other types: values stay hidden."""
    for document in (fields, {**FIELDS, **ADDRESS, **API, **fields}):
        shown = ""
        try:
            parse_service_key(json.dumps(document), "the test", service)
        except ConfigurationError as error:
            shown = error_text(error)
        assert "S3CRET" not in shown


@given(key=written(FIELDS, ADDRESS))
def test_file_in_every_notation(tmp_path_factory: pytest.TempPathFactory, key: Written) -> None:
    """A file may come from `cf service-key … > key.json` in PowerShell, for BTP_TRUST_SERVICE_KEY=@key.json."""
    if isinstance(key.document, str):
        return
    file = tmp_path_factory.mktemp("key") / "key.json"
    file.write_bytes(key.document)
    config: dict[str, str] = {}
    connections = key_places(config, {"BTP_TRUST_SERVICE_KEY": f"@{file}"}, file.parent)
    assert connections.find("default").key == DESTINATION_KEY


@given(text=st.sampled_from(tuple(TEXTS)), wrapper=st.sampled_from(tuple(WRAPPERS)))
def test_map_in_every_notation(text: str, wrapper: str) -> None:
    """The map of connections may be in any text, and its keys in any notation of an object."""
    keys = {"prod": WRAPPERS[wrapper]({**FIELDS, **ADDRESS}), "other": {}}
    config = {"btp-trust:connections": TEXTS[text](json.dumps(keys))}
    assert key_places(config).find("prod").key == DESTINATION_KEY
