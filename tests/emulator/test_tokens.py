"""A token is valid only with the emulator's own signature."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust_emulator.backend.account import Account
from btp_trust_emulator.pki import keys
from btp_trust_emulator.services.xsuaa import tokens

ACCOUNT = Account("00000000-1111-4222-8333-000000005cdd", "sub", "00000000-1111-4222-8333-00000000aaaa", "secret")
NOW = datetime(2026, 11, 24, 8, 34, 27, 900000, UTC)
KEY = keys.new_key()
TOKEN = tokens.issue(KEY, ACCOUNT, ACCOUNT.client, "http://127.0.0.1/uaa/sub/oauth/token", NOW).access_token


def test_token_has_owner_and_expiry() -> None:
    """A token has subaccount, instance, and an end 43199 whole seconds after it was issued."""
    claims = tokens.parse_token(KEY, TOKEN)
    assert claims is not None
    assert (claims.subaccount, claims.instance_id) == (ACCOUNT.guid, ACCOUNT.instance_id)
    assert claims.expires == NOW.replace(microsecond=0) + timedelta(seconds=43199)


@given(st.text(alphabet="abcXYZ019._~+/-=", max_size=40) | st.text(max_size=20))
def test_other_text_is_no_token(text: str) -> None:
    """Any other text is refused as a token."""
    assert tokens.parse_token(KEY, text) is None


@pytest.mark.parametrize("part", [pytest.param(0, id="the header"), pytest.param(1, id="the claims")])
def test_changed_token_is_refused(part: int) -> None:
    """The signature covers header and claims."""
    parts = TOKEN.split(".")
    parts[part] = parts[part][:-4] + ("AAAA" if parts[part][-4:] != "AAAA" else "BBBB")
    assert tokens.parse_token(KEY, ".".join(parts)) is None


def test_tokens_are_unique() -> None:
    """Two tokens of the same second have different identifiers."""
    first, second = (tokens.issue(KEY, ACCOUNT, ACCOUNT.client, "http://127.0.0.1", NOW) for _ in range(2))
    assert first.jti != second.jti
    assert first.access_token != second.access_token
