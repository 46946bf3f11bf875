"""Strategies for bad input: odd JSON, broken certificates, strange responses, edited property bags."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from hypothesis import strategies as st
from pulumi.output import UNKNOWN

SECRET_MARK: Final = "S3CRET"
"""Marks everything that is or may be a secret."""
KEY_FIELDS: Final = ("uri", "url", "certurl", "clientid", "clientsecret", "certificate", "key")

marked_texts = st.text(max_size=8).map(lambda text: f"{SECRET_MARK}{text}")
leaves = st.none() | st.booleans() | st.integers() | st.floats() | marked_texts
json_documents = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)
"""JSON of all shapes."""

hosts = st.sampled_from(
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "service.example",
        "127.0.0.1.evil.example",
        "\u017fervice.example",
        "xn--a",
        "a" * 64,
    ]
) | st.text(max_size=8)
urls = st.builds(
    lambda scheme, user, host, rest: f"{scheme}{user}{host}{rest}",
    st.sampled_from(["https://", "http://", "HTTPS://", "ftp://", "//", "", "https:/"]),
    st.sampled_from(["", "", "", f"user:{SECRET_MARK}@", f"{SECRET_MARK}@", "@"]),
    hosts,
    st.sampled_from(
        [
            "",
            "",
            ":8443",
            ":0",
            ":99999",
            ":port",
            "/",
            "/path",
            f"?{SECRET_MARK}",
            f"#{SECRET_MARK}",
            "/../",
            "/\r\nX: y",
        ]
    ),
)
"""URLs, most of them bad. A secret stands only in parts that accepted URLs lack."""


@st.composite
def broken_pems(draw: st.DrawFn, good: str, other: str, private_key: str) -> str:
    """A certificate that was cut, flipped, wrapped, joined or encoded, once or several times; or is still valid."""
    text = good
    for _ in range(draw(st.integers(1, 3))):
        text = draw(st.sampled_from(_MUTATIONS))(draw, text, other, private_key)
    return text


def _cut(draw: st.DrawFn, text: str, _: str, __: str) -> str:
    begin = draw(st.integers(0, len(text)))
    return text[begin:] if draw(st.booleans()) else text[:begin]


def _flip(draw: st.DrawFn, text: str, _: str, __: str) -> str:
    """Change bits of the DER."""
    head, begin, rest = text.partition("-----BEGIN CERTIFICATE-----\n")
    body, end, tail = rest.partition("\n-----END CERTIFICATE-----")
    try:
        octets = bytearray(base64.b64decode(body))
    except ValueError:
        return text
    for _number in range(draw(st.integers(1, 4))):
        if octets:
            octets[draw(st.integers(0, len(octets) - 1))] ^= 1 << draw(st.integers(0, 7))
    return head + begin + base64.b64encode(bytes(octets)).decode() + end + tail


def _insert(draw: st.DrawFn, text: str, _: str, __: str) -> str:
    place = draw(st.integers(0, len(text)))
    return text[:place] + draw(st.text(max_size=5)) + text[place:]


def _escape(draw: st.DrawFn, text: str, _: str, __: str) -> str:
    return text.replace("\n", draw(st.sampled_from(["\\n", "\r\n", "\\r\\n", " ", "", "\x00", "\u2028"])))


def _append_other(draw: st.DrawFn, text: str, other: str, private_key: str) -> str:
    extra = draw(st.sampled_from([other, private_key, "-----BEGIN CERTIFICATE-----\n", f"{SECRET_MARK}\n"]))
    return extra + text if draw(st.booleans()) else text + extra


def _swap_headers(draw: st.DrawFn, text: str, _: str, __: str) -> str:
    kind = draw(st.sampled_from(["TRUSTED CERTIFICATE", "X509 CERTIFICATE", "PKCS7", "PRIVATE KEY", "certificate"]))
    return text.replace("CERTIFICATE", kind)


def _encode(draw: st.DrawFn, text: str, _: str, __: str) -> str:
    encoding = draw(st.sampled_from(["utf-16", "utf-32", "utf-8-sig", "utf-7"]))
    return text.encode(encoding, "surrogatepass").decode("latin-1")


def _replace_by_private(_: st.DrawFn, __: str, ___: str, private_key: str) -> str:
    return private_key


_MUTATIONS: Final = (_cut, _flip, _insert, _escape, _append_other, _swap_headers, _encode, _replace_by_private)


@st.composite
def service_keys(draw: st.DrawFn, good: list[dict[str, str]], pems: st.SearchStrategy[str]) -> str:
    """The JSON of a service key with missing, odd or broken fields; whole, wrapped, cut or something else."""
    key: Any = dict(draw(st.sampled_from(good)))
    for name in draw(st.sets(st.sampled_from(KEY_FIELDS), max_size=3)):
        odd = {"uri": urls, "url": urls, "certurl": urls, "certificate": pems, "key": pems}.get(name, st.text())
        key[name] = draw(odd | json_documents | st.just("") | st.just(SECRET_MARK * 20_000))
        if draw(st.integers(0, 3)) == 0:
            del key[name]
    for _ in range(draw(st.integers(0, 2))):
        key = {"credentials": key}
    text = json.dumps(draw(st.one_of(st.just(key), st.just(key), json_documents)))
    return text[: draw(st.integers(0, len(text)))] if draw(st.integers(0, 9)) == 0 else text


@dataclass(frozen=True)
class OddResponse:
    """A response as raw bytes and headers."""

    status: int
    headers: list[tuple[bytes, bytes]]
    content: bytes = field(repr=False)

    def response(self, request: httpx.Request) -> httpx.Response:
        """Return the response as a transport does."""
        stream = httpx.ByteStream(self.content)
        return httpx.Response(self.status, headers=self.headers, stream=stream, request=request)


@st.composite
def odd_responses(draw: st.DrawFn, good: list[Any], pems: st.SearchStrategy[str]) -> OddResponse:
    """A response with another status, other headers, or a foreign body."""
    headers = draw(st.dictionaries(st.sampled_from(_HEADERS), _header_values, max_size=4))
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]  # in any encoding
    content = draw(st.binary(max_size=30) | json_documents.map(_json) | _bodies(good, pems))
    return OddResponse(draw(st.sampled_from(_STATUSES)), raw, content)


_STATUSES: Final = [200] * 8 + [404] * 3 + [201, 204, 302, 308, 400, 401, 403, 409, 429, 500, 503, 599, 600, 999]
_HEADERS: Final = ("Date", "Retry-After", "Content-Type", "Content-Encoding", "Location", "Set-Cookie", "X-Any")
_header_values = st.sampled_from(
    [
        "application/json",
        "text/html; charset=ü",
        f"text/html; {SECRET_MARK}",
        "identity",
        "gzip",
        "Fri, 24 Nov 2028 08:34:27 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "0",
        "-1",
        "7",
        "9" * 400,
        "https://evil.example/",
        "https://[half",
        f"token={SECRET_MARK}",
        "",
    ]
) | st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=10)


def _json(document: Any) -> bytes:
    return json.dumps(document).encode()


@st.composite
def _bodies(draw: st.DrawFn, good: list[Any], pems: st.SearchStrategy[str]) -> bytes:
    """A body with a missing, odd or broken field, alone or in a list; whole, cut or far too long."""
    chosen = draw(st.sampled_from(good))
    body = dict((chosen or [{}])[0] if isinstance(chosen, list) else chosen)
    for name in draw(st.sets(st.sampled_from(sorted(body) or ["any"]), max_size=2)):
        old = body.get(name)
        longer = st.text(max_size=3).map(f"{old}{{}}".format) if isinstance(old, str) else json_documents
        body[name] = draw(pems | json_documents | longer | st.just(""))
    content = _json([body] if isinstance(chosen, list) else body)
    return draw(st.sampled_from([content, content, content, content[:-1], content * 2, content.ljust(1_000_001)]))


@st.composite
def edited_bags(draw: st.DrawFn, bag: dict[str, Any], *, unknown: bool = False) -> dict[str, Any]:
    """A property bag with a missing, odd or new entry, at any depth."""
    odd: st.SearchStrategy[Any] = (
        json_documents | st.just(1.0) | st.just(1e308) | st.text() | st.just("9999-12-31T23:59:59Z")
    )
    if unknown:
        odd |= st.just(UNKNOWN) | st.just([UNKNOWN]) | st.just({"generation": UNKNOWN})
    changed = dict(bag)
    for name in draw(st.sets(st.sampled_from([*sorted(bag), "of_another_version"]), max_size=3)):
        inner = changed.get(name)
        if isinstance(inner, dict) and inner and draw(st.booleans()):
            changed[name] = draw(edited_bags(inner, unknown=unknown))
        elif draw(st.integers(0, 3)) == 0:
            changed.pop(name, None)
        else:
            changed[name] = draw(odd)
    return changed
