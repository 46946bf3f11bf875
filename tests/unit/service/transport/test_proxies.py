"""Which proxy is asked: the page's table of forms, against the code and against curl."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from btp_trust.errors import ConfigurationError
from btp_trust.service.transport.proxies import Proxies, parse_proxies
from support.fake_engine import assert_three_part_message
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
    """The rows of the page."""
    table = PAGE.read_text(encoding="utf-8").partition("### Forms of NO_PROXY")[2].partition("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:3] == "| `"]
    entry = re.compile("`(.*)`")
    return [
        Row(found[1], re.findall("`([^`]+)`", direct), re.findall("`([^`]+)`", proxied), curl)
        for first, direct, proxied, curl in cells[1:]
        if (found := entry.fullmatch(first))
    ]


ROWS = rows()


def proxied(no_proxy: str, url: str) -> bool:
    """Whether a proxy is asked for this URL."""
    return parse_proxies({"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy}).proxy_for(httpx.URL(url)) is not None


def chosen(environ: dict[str, str], url: str = "https://service.example") -> str | None:
    """The proxy of this environment, in a form that shows all of it."""
    proxy = parse_proxies(environ).proxy_for(httpx.URL(url))
    return None if proxy is None else f"{proxy.scheme}://{':'.join(proxy.auth or ())}@{proxy.name}"


def test_the_page_has_the_table() -> None:
    """With rows of all sorts."""
    assert len(ROWS) > 25
    assert all(row.direct or row.proxied for row in ROWS)
    assert {row.curl for row in ROWS} == {"same", "no such form", "not compared", "same, without a note"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.entry)
def test_each_row_of_the_table_is_true(row: Row) -> None:
    """Whom it lets be called directly, whom not, and whether a note names it."""
    assert [url for url in row.direct if proxied(row.entry, url)] == []
    assert [url for url in row.proxied if not proxied(row.entry, url)] == []
    note = parse_proxies({"NO_PROXY": row.entry}).note
    assert (note is not None) == row.curl.endswith("without a note")
    if note is not None:
        assert row.entry.rpartition("@")[2] in note
        assert "secret" not in note
        assert "user" not in note


@dataclass
class Listener:
    """A proxy that lets nobody through, and what it was asked."""

    url: str = ""
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    """A proxy on this machine."""
    seen = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            seen.asked.append(self.path)
            self.send_error(403)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        seen.url = f"http://127.0.0.1:{server.server_port}"
        yield seen
        server.shutdown()
        thread.join()


def curl() -> str | None:
    """A curl that knows ranges of addresses, 7.86 and later."""
    command = shutil.which("curl")
    if command is None:
        return None
    version = subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    return command if tuple(map(int, version.split(".")[:2])) >= (7, 86) else None


def curl_asks(listener: Listener, environ: dict[str, str], url: str) -> bool:
    """Whether curl asks the proxy for this URL; what it calls directly is a port where nobody listens."""
    listener.asked.clear()
    command = [str(curl()), "--silent", "--max-time", "5", "--connect-to", "::127.0.0.1:9", url]
    subprocess.run(command, env=environ, capture_output=True, check=False)
    return bool(listener.asked)


@pytest.mark.skipif(curl() is None, reason="curl 7.86 or later, the judge, is not installed")
@pytest.mark.parametrize("row", [row for row in ROWS if row.curl != "not compared"], ids=lambda row: row.entry)
def test_curl_is_of_the_same_opinion(listener: Listener, row: Row) -> None:
    """Where the page says so; where curl has no such form, it asks the proxy."""
    environ = {"https_proxy": listener.url, "no_proxy": row.entry}
    asked = {url: curl_asks(listener, environ, url) for url in row.direct + row.proxied}
    direct = row.direct if row.curl == "same" else []
    assert {url for url, is_asked in asked.items() if not is_asked} == set(direct)


VARIABLES = [
    pytest.param({"https_proxy": "A", "HTTPS_PROXY": "B"}, "A", id="small letters win"),
    pytest.param({"https_proxy": "", "HTTPS_PROXY": "B"}, "B", id="an empty one is none"),
    pytest.param({"HTTPS_PROXY": "A", "all_proxy": "B"}, "A", id="the scheme's before all"),
    pytest.param({"all_proxy": "A", "ALL_PROXY": "B"}, "A", id="small letters of all"),
    pytest.param({"ALL_PROXY": "A"}, "A", id="all"),
    pytest.param({"http_proxy": "A", "HTTP_PROXY": "B"}, None, id="of another scheme"),
    pytest.param({"HTTPS_PROXY": "A", "no_proxy": "service.example"}, None, id="an exception"),
    pytest.param({"HTTPS_PROXY": "A", "no_proxy": "other", "NO_PROXY": "service.example"}, "A", id="small exceptions"),
    pytest.param({"HTTPS_PROXY": "A", "no_proxy": "", "NO_PROXY": "service.example"}, None, id="empty exceptions"),
]


@pytest.mark.parametrize(("environ", "expected"), VARIABLES)
def test_the_first_variable_that_says_something_counts(environ: dict[str, str], expected: str | None) -> None:
    """In curl's order."""
    named = {name: f"http://{value.lower()}:1" if value in ("A", "B") else value for name, value in environ.items()}
    assert chosen(named) == (f"http://@{expected.lower()}:1" if expected else None)


@pytest.mark.skipif(curl() is None, reason="curl 7.86 or later, the judge, is not installed")
@pytest.mark.parametrize(("environ", "expected"), VARIABLES)
def test_curl_takes_the_same_variable(listener: Listener, environ: dict[str, str], expected: str | None) -> None:
    """The other one is where nobody listens."""
    urls = {expected: listener.url, "A": "http://127.0.0.1:9", "B": "http://127.0.0.1:9"} | {expected: listener.url}
    asked = curl_asks(
        listener, {name: urls.get(value, value) for name, value in environ.items()}, "https://service.example"
    )
    assert asked == (expected is not None)


def test_a_request_header_names_no_proxy() -> None:
    """HTTP_PROXY in capitals is what a web server makes of a request's header; in small letters it counts."""
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
def test_a_proxy_may_be_written_in_many_ways(value: str, expected: str) -> None:
    """Its scheme, user and port may be missing."""
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
def test_a_proxy_that_cannot_be_asked_is_refused_where_it_would_be(value: str) -> None:
    """With the variable's name, and without its value; a host that needs no proxy is not bothered."""
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
def test_no_entry_is_an_error_and_none_spoils_another(before: list[str], separator: str) -> None:
    """Whatever it is: what stands beside it counts."""
    text = separator.join([*before, "service.example"])
    proxies = parse_proxies({"HTTPS_PROXY": PROXY, "NO_PROXY": text})
    assert proxies.proxy_for(httpx.URL("https://api.service.example")) is None
    assert isinstance(proxies, Proxies)


@given(
    password=st.text(st.characters(codec="ascii", exclude_characters="@"), min_size=1),
    host=st.sampled_from(["a b", "c"]),
)
@example(password="pa,ss wo:rd", host="c")
def test_a_note_shows_no_password(password: str, host: str) -> None:
    """However it is spread over entries: only what follows the last @ is shown."""
    note = parse_proxies({"NO_PROXY": f"*x,http://joe:SE,{password}@{host}/#"}).note
    assert note is not None
    shown = re.findall(r"'([^']*)'|\"([^\"]*)\"", note)
    assert {entry for pair in shown for entry in pair if entry} <= {"***", f"***@{host[0]}", "***@c/#", "***@a"}


def test_one_note_names_all_that_is_skipped() -> None:
    """Once each, and no more of one than is fit to be read."""
    note = parse_proxies({"no_proxy": f"good.example,*bad,*bad {'x' * 200}* fine"}).note
    assert note is not None
    assert note.startswith("note: no_proxy: the entries '*bad', 'xxx")
    assert note.count("*bad") == 1
    assert "x" * 81 not in note
    assert parse_proxies({"NO_PROXY": "good.example, ,"}).note is None
    assert parse_proxies({}).note is None
