"""Chromium of the system, in the background."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from support.browser import DESKTOP, Visit, Visitor


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser that `make system-packages` installs."""
    command = shutil.which("chromium")
    if command is None:
        pytest.skip("PATH lacks chromium: `make system-packages` installs it")
    with sync_playwright() as driver:
        # In a container root is its own sandbox.
        browser = driver.chromium.launch(executable_path=command, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visitor]:
    """A function that opens an address in a window of its own."""
    contexts: list[BrowserContext] = []

    def open_page(url: str, size: tuple[int, int] = DESKTOP, *, scripts: bool = True) -> Visit:
        width, height = size
        contexts.append(chromium.new_context(viewport={"width": width, "height": height}, java_script_enabled=scripts))
        found = Visit(contexts[-1].new_page())
        found.page.goto(url)
        return found

    yield open_page
    for context in contexts:
        context.close()
