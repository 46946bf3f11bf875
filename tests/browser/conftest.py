"""Chromium for the tests of this folder."""

from __future__ import annotations

from support.browser_fixtures import chromium, visit

__all__ = ["chromium", "visit"]
