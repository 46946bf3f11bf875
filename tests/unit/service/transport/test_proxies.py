"""Proxy of a URL: the page's table of notations, against the code and against curl."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from btp_trust.errors import ConfigurationError
from btp_trust.service.transport.proxies import Proxies, parse_proxies
from support.fake_engine import assert_three_part_message
from support.loopback import RefusingProxy, run_refusing_proxy
from support.paths import ROOT

PAGE = ROOT / "docs" / "reference" / "connections.md"
PROXY = "http://proxy.example:8080"


@dataclass(frozen=True)
class Row:
    """A row of the table."""

    entry: str
    direct: list[str]
    proxied: list[str]
    curl: str


def rows() -> list[Row]:
    """Read the rows of the page."""
    table = PAGE.read_text(encoding="utf-8").partition("### Forms of NO_PROXY")[2].partition("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:3] == "| `"]
    entry = re.compile("`(.*)`")
    return [
        Row(name[1], re.findall("`([^`]+)`", direct), re.findall("`([^`]+)`", proxied), curl)
        for first, direct, proxied, curl in cells[1:]
        if (name := entry.fullmatch(first))
    ]


ROWS = rows()


def proxied(no_proxy: str, url: str) -> bool:
    """Return True if this URL has a proxy."""
    return parse_proxies({"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy}).proxy_for(httpx.URL(url)) is not None


def chosen(environ: dict[str, str], url: str = "https://service.example") -> str | None:
    """Return the proxy of this environment, in a notation with all fields."""
    proxy = parse_proxies(environ).proxy_for(httpx.URL(url))
    return None if proxy is None else f"{proxy.scheme}://{':'.join(proxy.auth or ())}@{proxy.name}"


def test_page_has_the_table() -> None:
    """The table has rows of all sorts."""
    assert len(ROWS) > 25
    assert all(row.direct or row.proxied for row in ROWS)
    assert {row.curl for row in ROWS} == {"same", "no such form", "not compared", "same, without a note"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.entry)
def test_each_row_is_true(row: Row) -> None:
    """Direct URLs, proxied URLs and the note are as in the row."""
    assert [url for url in row.direct if proxied(row.entry, url)] == []
    assert [url for url in row.proxied if not proxied(row.entry, url)] == []
    note = parse_proxies({"NO_PROXY": row.entry}).note
    assert (note is not None) == row.curl.endswith("without a note")
    if note is not None:
        assert row.entry.rpartition("@")[2] in note
        assert "secret" not in note
        assert "user" not in note


@pytest.fixture(scope="module")
def refusing_proxy() -> Iterator[RefusingProxy]:
    """A proxy on this machine."""
    with run_refusing_proxy() as proxy:
        yield proxy


def curl() -> str | None:
    """A curl that knows ranges of addresses, 7.86 and later."""
    command = shutil.which("curl")
    if command is None:
        return None
    version = subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    return command if tuple(map(int, version.split(".")[:2])) >= (7, 86) else None


def curl_uses(refusing_proxy: RefusingProxy, environ: dict[str, str], url: str) -> bool:
    """Return True if curl uses the proxy for this URL; a direct call goes to a closed port."""
    refusing_proxy.requests.clear()
    command = [str(curl()), "--silent", "--max-time", "5", "--connect-to", "::127.0.0.1:9", url]
    subprocess.run(command, env=environ, capture_output=True, check=False)
    return bool(refusing_proxy.requests)


@pytest.mark.skipif(curl() is None, reason="curl 7.86 or later, the reference, is not installed")
@pytest.mark.parametrize("row", [row for row in ROWS if row.curl != "not compared"], ids=lambda row: row.entry)
def test_curl_agrees_with_the_table(refusing_proxy: RefusingProxy, row: Row) -> None:
    """For a notation that curl lacks, it uses the proxy; all others it treats as the row says."""
    environ = {"https_proxy": refusing_proxy.url, "no_proxy": row.entry}
    asked = {url: curl_uses(refusing_proxy, environ, url) for url in row.direct + row.proxied}
    direct = row.direct if row.curl == "same" else []
    assert {url for url, is_asked in asked.items() if not is_asked} == set(direct)


VARIABLES = [
    pytest.param({"https_proxy": "A", "HTTPS_PROXY": "B"}, "A", id="lower case wins"),
    pytest.param({"https_proxy": "", "HTTPS_PROXY": "B"}, "B", id="an empty variable is ignored"),
    pytest.param({"HTTPS_PROXY": "A", "all_proxy": "B"}, "A", id="the scheme's before all_proxy"),
    pytest.param({"all_proxy": "A", "ALL_PROXY": "B"}, "A", id="lower case of all_proxy"),
    pytest.param({"ALL_PROXY": "A"}, "A", id="all"),
    pytest.param({"http_proxy": "A", "HTTP_PROXY": "B"}, None, id="of another scheme"),
    pytest.param({"HTTPS_PROXY": "A", "no_proxy": "service.example"}, None, id="an exception"),
    pytest.param(
        {"HTTPS_PROXY": "A", "no_proxy": "other", "NO_PROXY": "service.example"}, "A", id="lower-case exceptions win"
    ),
    pytest.param({"HTTPS_PROXY": "A", "no_proxy": "", "NO_PROXY": "service.example"}, None, id="empty exceptions"),
]


@pytest.mark.parametrize(("environ", "expected"), VARIABLES)
def test_first_variable_with_a_value_counts(environ: dict[str, str], expected: str | None) -> None:
    """The order of variables is curl's."""
    named = {name: f"http://{value.lower()}:1" if value in ("A", "B") else value for name, value in environ.items()}
    assert chosen(named) == (f"http://@{expected.lower()}:1" if expected else None)


@pytest.mark.skipif(curl() is None, reason="curl 7.86 or later, the reference, is not installed")
@pytest.mark.parametrize(("environ", "expected"), VARIABLES)
def test_curl_takes_the_same_variable(
    refusing_proxy: RefusingProxy, environ: dict[str, str], expected: str | None
) -> None:
    """Only the expected variable leads to the proxy; the others lead to a closed port."""
    urls = {expected: refusing_proxy.url, "A": "http://127.0.0.1:9", "B": "http://127.0.0.1:9"} | {
        expected: refusing_proxy.url
    }
    asked = curl_uses(
        refusing_proxy, {name: urls.get(value, value) for name, value in environ.items()}, "https://service.example"
    )
    assert asked == (expected is not None)


def test_http_proxy_in_capitals_is_ignored() -> None:
    """A web server sets HTTP_PROXY from a request's header; in small letters it counts."""
    assert chosen({"HTTP_PROXY": "http://evil:1"}, "http://service.example") is None
    assert chosen({"http_proxy": "http://a:1"}, "http://service.example") == "http://@a:1"
    assert chosen({"http_proxy": "http://a:1"}, "http://localhost:8080") is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("proxy:8080", "http://@proxy:8080"),
        ("http://proxy:8080/", "http://@proxy:8080"),
        (" HTTP://Proxy.Example.:8080 ", "http://@proxy.example:8080"),
        ("proxy", "http://@proxy:1080"),
        ("http://proxy", "http://@proxy:1080"),
        ("http://proxy:80", "http://@proxy:80"),
        ("https://proxy", "https://@proxy:443"),
        ("http://[::1]:8080", "http://@[::1]:8080"),
        ("http://10.0.0.1:8080/path?query#fragment", "http://@10.0.0.1:8080"),
        ("joe:p%40ss%3A@proxy:8080", "http://joe:p@ss:@proxy:8080"),
        ("http://joe:p@ss@proxy:8080", "http://joe:p@ss@proxy:8080"),
        ("http://joe@proxy:8080", "http://joe:@proxy:8080"),
        ("http://DOMAIN%5Cjoe:x@proxy:8080", "http://DOMAIN\\joe:x@proxy:8080"),
        ("http://bücher.example:8080", "http://@xn--bcher-kva.example:8080"),
    ],
)
def test_notations_of_a_proxy(value: str, expected: str) -> None:
    """Scheme, user and port are optional."""
    assert chosen({"HTTPS_PROXY": value}) == expected
    assert "joe" not in repr(parse_proxies({"HTTPS_PROXY": value}).proxy_for(httpx.URL("https://service.example")))


@pytest.mark.parametrize(
    "value",
    [
        *(f"{scheme}://joe:S3CRET@proxy:1080" for scheme in ("socks4", "socks4a", "socks5", "SOCKS5h", "socks")),
        "ftp://joe:S3CRET@proxy:1",
        "http://",
        "http://joe:S3CRET@",
        "http://joe:S3CRET@proxy:0",
        "http://joe:S3CRET@proxy:65536",
        "http://joe:S3CRET@proxy:port",
        "http://joe:S3/CRET@proxy:8080",
        "http://joe:S3CRET@two words:8080",
        "http://joe:S3CRET@\x00:8080",
        "http://joe:S3CRET@1.2.3.4.5:8080",
        f"http://joe:S3CRET@{'a' * 64}:8080",
        "http://joe:S3CRET@a\u3000b\u00df\ufffd:8080",
        '{"clientsecret": "S3CRET"}',
    ],
)
def test_malformed_proxy_is_refused_when_needed(value: str) -> None:
    """The error names the variable and hides its value; a host without need for the proxy is called directly."""
    environ = {"all_proxy": value, "NO_PROXY": "direct.example"}
    with pytest.raises(ConfigurationError) as caught:
        chosen(environ)
    assert_three_part_message(str(caught.value), "all_proxy", "NO_PROXY")
    assert ("SOCKS" in caught.value.why) == value.lower().startswith("socks")
    for private in ("joe", "S3", "CRET", "two words"):
        assert private not in str(caught.value)
    assert chosen(environ, "https://direct.example") is None
    assert "CRET" not in repr(parse_proxies(environ))


ENTRIES = st.text(min_size=1, max_size=40) | st.sampled_from(
    [
        "[",
        "]",
        "[]",
        ":",
        "::",
        "[::",
        ".",
        "..",
        "*.",
        "**",
        "*foo",
        "a..b",
        "foo:",
        ":1",
        "foo:0",
        "foo:65536",
        "%",
        "@",
    ]
)


@given(before=st.lists(ENTRIES, max_size=3), separator=st.sampled_from([",", " ", "\t", "\n", "\r\n", " , ", ",,"]))
@example(before=["http://[::1"], separator=",")
@example(before=["https://exa mple"], separator=",")
def test_malformed_entry_leaves_others_valid(before: list[str], separator: str) -> None:
    """The entries beside a malformed one count."""
    text = separator.join([*before, "service.example"])
    proxies = parse_proxies({"HTTPS_PROXY": PROXY, "NO_PROXY": text})
    assert proxies.proxy_for(httpx.URL("https://api.service.example")) is None
    assert isinstance(proxies, Proxies)


@given(
    password=st.text(st.characters(codec="ascii", exclude_characters="@"), min_size=1),
    host=st.sampled_from(["a b", "c"]),
)
@example(password="pa,ss wo:rd", host="c")
def test_note_hides_passwords(password: str, host: str) -> None:
    """Only the text after the last @ is shown, also of a password that is spread over entries."""
    note = parse_proxies({"NO_PROXY": f"*x,http://joe:SE,{password}@{host}/#"}).note
    assert note is not None
    shown = re.findall(r"'([^']*)'|\"([^\"]*)\"", note)
    assert {entry for pair in shown for entry in pair if entry} <= {"***", f"***@{host[0]}", "***@c/#", "***@a"}


def test_one_note_names_all_skipped_entries() -> None:
    """Each entry is named once, and abbreviated."""
    note = parse_proxies({"no_proxy": f"good.example,*bad,*bad {'x' * 200}* fine"}).note
    assert note is not None
    assert note.startswith("note: no_proxy: the entries '*bad', 'xxx")
    assert note.count("*bad") == 1
    assert "x" * 81 not in note
    assert parse_proxies({"NO_PROXY": "good.example, ,"}).note is None
    assert parse_proxies({}).note is None
