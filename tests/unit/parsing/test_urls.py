"""URLs in texts, without what may be a secret in them."""

from __future__ import annotations

import time

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
        ("Mail mailto:jane@host: 10:30, git@host:a/b.git", "Mail mailto:jane@host: 10:30, git@host:a/b.git"),
        ("//jane:secret@host/a", "//***@host/a"),
        (r"{'uri': 'https:\/\/jane:secret@host'}", r"{'uri': 'https:\/\/***@host'}"),
        ("_https://jane:secret@host or é://jane:secret@host", "_https://***@host or é://***@host"),
        ("(jane:secret@host:8786)", "(***@host:8786)"),
        ("Give https://ja ne:secret@host.", "Give https://ja ***@host."),
        ("Give 'tls://jane:se cr'et@host' here.", "Give 'tls://***' here."),
        ("https%3A%2F%2Fjane%3Asecret%40host&a", "https%3A%2F%2F***"),
        ('Give https://jane:"secret"@host/a', "Give https://***@host/a"),
        ("Give https://jane:'a secret'@host/a", "Give https://***@host/a"),
        ('Give https://jane:se"cr/et"@host/a', "Give https://***"),
        ('{"uri":"https://host:443","mail":"jane@host"}', '{"uri":"https://host:443","mail":"jane@host"}'),
        ("https://host/a;jsessionid=secret?b=c, then", "https://host/a;***, then"),
        (r"C:\Users\jane and https://host/a//b", r"C:\Users\jane and https://host/a//b"),
    ],
)
def test_credentials_are_hidden(text: str, shown: str) -> None:
    """All else of a text stays; where a password may end in two places, only the scheme stays."""
    assert hide_credentials(text) == shown


@pytest.mark.parametrize(
    "part", ["a-", "a:", '//a:"', '//a:b"', '@//a:b"', "https://", "a@", "(", "://***", "%3A%2F%2F", "\\"]
)
def test_long_texts_are_quick(part: str) -> None:
    """The time grows with the length of a text: with its square, 100,000 characters would take minutes."""
    began = time.process_time()
    hide_credentials(f":/{part * (100_000 // len(part))}")
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("rest", "shown"),
    [("jane:pw@host/a?b", "host/a"), ("a:b/c@host", "***"), ("host/a;b=c", "host/a"), ("host", "host")],
)
def test_public_part_stays(rest: str, shown: str) -> None:
    """Host and path, for texts of others."""
    assert host_and_path(rest) == shown
