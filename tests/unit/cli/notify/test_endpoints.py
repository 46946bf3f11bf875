"""The channels of an environment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given

from btp_trust.errors import ConfigurationError
from btp_trust_cli.notify.endpoints import find_channels, require_channels
from support.secret_samples import contains_secret, secrets

KEY = {
    "url": "https://alerts.example/",
    "oauth_url": "https://tokens.example/oauth/token?grant_type=client_credentials",
    "client_id": "sb-one",
    "client_secret": "s3cr3t",
}


def test_each_variable_is_a_channel(tmp_path: Path) -> None:
    """In one order; a file may hold the value; the address is left out of texts."""
    file = tmp_path / "slack"
    file.write_text("https://hooks.example/services/T0/B0/secret\n")
    environ = {
        "BTP_TRUST_ALERT_NOTIFICATION_KEY": json.dumps({"credentials": KEY}),
        "BTP_TRUST_SLACK_URL": f"@{file}",
        "BTP_TRUST_WEBHOOK_URL": "https://flow.example/run?sig=secret",
        "BTP_TRUST_WEBHOOK_TOKEN": "abc.def=\n",
    }
    channels = require_channels(environ)
    assert [(channel.name, channel.host) for channel in channels] == [
        ("webhook", "flow.example"),
        ("slack", "hooks.example"),
        ("alert-notification", "alerts.example"),
    ]
    assert channels[0].url.endswith("?sig=secret")
    assert channels[2].url == "https://alerts.example/cf/producer/v1/resource-events"
    assert "secret" not in repr(channels)


def test_missing_channel_is_named() -> None:
    """All three variables, and what works without one."""
    with pytest.raises(ConfigurationError, match="--dry-run"):
        require_channels({})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BTP_TRUST_SLACK_URL", "http://hooks.example/x"),
        ("BTP_TRUST_SLACK_URL", "hooks.example/x"),
        ("BTP_TRUST_SLACK_URL", "https://me:s3cr3t@hooks.example/x"),
        ("BTP_TRUST_SLACK_URL", "https://hooks.example/x?a=\x01"),
        ("BTP_TRUST_SLACK_URL", "https://hooks.example/ä"),
        ("BTP_TRUST_SLACK_URL", f"https://hooks.example/x?{'a' * 2000}"),
        ("BTP_TRUST_SLACK_URL", "@/missing/file"),
        ("BTP_TRUST_WEBHOOK_URL", "ftp://hooks.example/x"),
        ("BTP_TRUST_ALERT_NOTIFICATION_KEY", "{"),
        *(("BTP_TRUST_ALERT_NOTIFICATION_KEY", json.dumps({**KEY, name: ""})) for name in KEY),
        ("BTP_TRUST_ALERT_NOTIFICATION_KEY", json.dumps({**KEY, "url": "http://alerts.example"})),
    ],
)
def test_unusable_value_is_refused(variable: str, value: str) -> None:
    """The error names the variable, and leaves the value out."""
    with pytest.raises(ConfigurationError, match=variable) as caught:
        find_channels({variable: value})
    assert "s3cr3t" not in str(caught.value)


def test_unusable_token_is_refused() -> None:
    """Other characters would begin another header."""
    environ = {"BTP_TRUST_WEBHOOK_URL": "https://a.example", "BTP_TRUST_WEBHOOK_TOKEN": "two words"}
    with pytest.raises(ConfigurationError, match="BTP_TRUST_WEBHOOK_TOKEN") as caught:
        find_channels(environ)
    assert "two words" not in str(caught.value)


@given(secret=secrets)
def test_secret_in_a_variable_stays_hidden(secret: str) -> None:
    """A key in each notation, in each variable by mistake."""
    value = secret.replace("\0", "")
    for variable in ("BTP_TRUST_WEBHOOK_URL", "BTP_TRUST_SLACK_URL", "BTP_TRUST_ALERT_NOTIFICATION_KEY"):
        try:
            shown = repr(find_channels({variable: value, "BTP_TRUST_WEBHOOK_TOKEN": value}))
        except ConfigurationError as error:
            shown = str(error)
        assert not contains_secret(shown, secret)
