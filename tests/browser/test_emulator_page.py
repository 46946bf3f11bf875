"""The page of the emulator's control plane in Chromium: live, silent, and at every width."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from btp_trust_emulator import Emulator, FaultKind
from support.browser import DESKTOP, PHONE, Visitor

HOSTILE = "/<img src=x onerror=alert(1)>"


@pytest.fixture
def served() -> Iterator[Emulator]:
    """An emulator over a socket, with a subaccount of both certificates, and a target."""
    with Emulator(socket=True, key_size=1024) as emulator:
        guid = emulator.create_subaccount(subdomain="acme-dev", generate=True).guid
        emulator.generate_passive(guid)
        emulator.create_target("s4")
        emulator.upload_certificate("s4", emulator.certificates(guid)[0] or "")
        yield emulator


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_page_is_live(visit: Visitor, served: Emulator, size: tuple[int, int]) -> None:
    """A swap, a fault and a request appear by themselves; it asks the emulator alone, and fits the window."""
    (subaccount,) = served.subaccounts()
    active, passive = served.slots(subaccount.guid).active, served.slots(subaccount.guid).passive
    seen = visit(f"{served.url}/_emulator/", size)
    signer = seen.page.locator("#subaccounts td:nth-child(2) code")
    signer.filter(has_text=str(active)[:8]).wait_for()
    served.rotate(subaccount.guid)
    served.fault(FaultKind.FAIL, status=503, subaccount=subaccount.guid)
    httpx.get(f"{served.url}{HOSTILE}", trust_env=False)
    signer.filter(has_text=str(passive)[:8]).wait_for()
    seen.page.locator("#faults", has_text="acme-dev").wait_for()
    seen.page.locator("#requests", has_text="onerror=alert").wait_for()
    assert seen.page.locator("#targets code").all_inner_texts() == [str(active)[:8]]
    assert seen.page.locator("img").count() == 0
    assert seen.texts("#live") == ["live"]
    assert seen.overflow <= 0
    assert seen.complaints == []
    assert {url.removeprefix(f"{served.url}/_emulator/") for url in seen.requests} == {"", "overview"}


def test_stopped_emulator_is_seen(visit: Visitor) -> None:
    """What the page shows then is of the past, and it says so."""
    with Emulator(socket=True, key_size=1024) as emulator:
        seen = visit(f"{emulator.url}/_emulator/")
        seen.page.locator("#live", has_text="live").wait_for()
    seen.page.locator("#live.stopped").wait_for()


def test_page_without_scripts_says_so(visit: Visitor, served: Emulator) -> None:
    """It leads to the same as JSON."""
    seen = visit(f"{served.url}/_emulator/", scripts=False)
    link = seen.page.locator("noscript a")
    assert link.get_attribute("href") == "overview"
