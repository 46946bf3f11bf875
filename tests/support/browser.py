"""A page in a browser: what a person sees, what the page asks for, and what it complains about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from playwright.sync_api import Page

DESKTOP: Final = (1280, 900)
PHONE: Final = (390, 844)
"""Viewports, in CSS pixels."""


@dataclass
class Visit:
    """A page from its first request on."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    """Messages on the console, uncaught errors, and dialogs."""

    def __post_init__(self) -> None:
        """Listen from the beginning."""
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))

    @property
    def overflow(self) -> int:
        """Pixels by which the content is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))

    def texts(self, selector: str) -> list[str]:
        """Return the texts of all visible elements."""
        return [found.inner_text() for found in self.page.locator(selector).all() if found.is_visible()]


Visitor = Callable[..., Visit]
"""Opens an address in a window of its own: `visit(url, size, scripts=True)`."""
