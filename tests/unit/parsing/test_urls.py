"""URLs in texts, without what may be a secret in them."""

from __future__ import annotations

import pytest

from btp_trust.parsing.urls import hide_credentials, host_and_path


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tls://jane:secret@host:8786", "tls://***@host:8786"),
        ("Look at https://host/path?sig=secret, then go on.", "Look at https://host/path?***, then go on."),
        ("https://host/#access_token=secret", "https://host/#***"),
        ("https:/jane:secret@host", "https:/***@host"),
        ("postgres://jane:se/cret@host/db", "postgres://***"),
        ("(tls://jane:secret", "(tls://***"),
        ("tls://jane:se?cret@host).", "tls://***)."),
        ("Give tls://HOST:PORT or https://[::1]:80/a.", "Give tls://HOST:PORT or https://[::1]:80/a."),
        ("The lock is that of jane@host.", "The lock is that of jane@host."),
    ],
)
def test_credentials_are_hidden(text: str, shown: str) -> None:
    """All else of a text stays; where a password may end in two places, only the scheme stays."""
    assert hide_credentials(text) == shown


@pytest.mark.parametrize(("rest", "shown"), [("jane:pw@host/a?b", "host/a"), ("a:b/c@host", "***"), ("host", "host")])
def test_public_part_stays(rest: str, shown: str) -> None:
    """Host and path, for texts of others."""
    assert host_and_path(rest) == shown
