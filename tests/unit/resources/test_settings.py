"""Keys of Pulumi's configuration: unknown ones are named, secrets in plain text are refused."""

from __future__ import annotations

import json
import re

import pytest

from btp_trust.resources.settings import KEYS, NAMESPACE, Privilege, Setting, invalid_settings
from support.paths import ROOT
from support.secret_samples import CERTIFICATE, PEMS, SERVICE_KEY

KEY = json.dumps(SERVICE_KEY)


def message_for(
    key: str, value: str = "one", *, secret: bool = False, project: str = "trust", is_provider: bool = False
) -> str:
    """Return the message about a setting, empty for a valid one."""
    messages = list(invalid_settings([Setting(key, value, secret)], project, is_provider=is_provider))
    return "\n".join(messages[0]) if messages else ""


@pytest.mark.parametrize("name", KEYS)
def test_known_key_is_accepted(name: str) -> None:
    """Each known key is accepted as a secret, and in plain text if it gives no privilege."""
    assert message_for(f"{NAMESPACE}:{name}", KEY, secret=True) == ""
    assert ("is in plain text." in message_for(f"{NAMESPACE}:{name}")) is (KEYS[name] is not Privilege.NONE)


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("btp-trust:stict", "strict"),
        ("btp-trust:Strict", "strict"),
        ("btp-trust:off-line", "offline"),
        ("btp-trust:ca_bundle", "caBundle"),
        ("btp-trust:timeoutRead", "readTimeout"),
        ("btp_trust:strict", "strict"),
        ("btptrust:strict", "strict"),
        ("BTP-TRUST:strict", "strict"),
        ("btp.trust:strict", "strict"),
        ("btp-trsut:strict", "strict"),
        ("bpt-trust:Offline", "offline"),
        ("btp-trusts:readtimeout", "readTimeout"),
    ],
)
def test_misspelt_key_is_named(key: str, meant: str) -> None:
    """A misspelt key, secret or not, is named with the closest known key."""
    message = message_for(key)
    assert message.startswith(f"The config {key} is no setting of btp-trust: did you mean {meant}?\n")
    assert f"pulumi config rm {key}" in message
    assert message_for(key, secret=True) == message


def test_unknown_key_lists_known_keys() -> None:
    """A key without a close match is named with all known keys."""
    message = message_for("btp-trust:xyz")
    assert message.startswith("The config btp-trust:xyz is no setting of btp-trust.\n")
    assert all(name in message for name in KEYS)


@pytest.mark.parametrize(
    "key",
    ["btp-trust:servicekey", "btp-trust:xyz", "btp-trust:service_key_prod", "btp_trust:key", "btp-trst:serviceKey"],
)
def test_service_key_under_misspelt_key(key: str) -> None:
    """A service key in plain text is refused as such under a misspelt key, and hidden."""
    message = message_for(key, KEY)
    assert "is in plain text, and is no setting of btp-trust" in message
    assert "pulumi config set --secret btp-trust:serviceKey" in message
    assert f"pulumi config rm {key}" in message
    assert SERVICE_KEY["clientsecret"] not in message
    assert "plain text" not in message_for(key, KEY, secret=True)


@pytest.mark.parametrize(
    ("key", "value"), [("caBundle", CERTIFICATE + PEMS["PKCS#8"]), ("strict", KEY)], ids=["bundle", "switch"]
)
def test_secret_in_harmless_setting_is_refused(key: str, value: str) -> None:
    """A secret in plain text is refused in any setting."""
    assert message_for(f"btp-trust:{key}", value).startswith(f"The config btp-trust:{key} is in plain text.\n")
    assert message_for("btp-trust:caBundle", CERTIFICATE) == ""


def test_secret_as_key_is_masked() -> None:
    """A secret in the place of the key is masked."""
    message = message_for(f"btp-trust:{SERVICE_KEY['clientsecret']}")
    assert "The config btp-trust:***" in message
    assert SERVICE_KEY["clientsecret"] not in message


def test_foreign_settings_are_skipped() -> None:
    """Other namespaces are skipped, and the project's own keys, even if it shares our name."""
    assert message_for("aws:region") == ""
    assert message_for("trust:stict") == ""
    assert message_for("btp:serviceKey") == ""
    assert message_for("btp-trust-emulator:strict") == ""
    assert message_for("btp-trusts:region") == ""
    assert message_for("btp-trusts:stict", project="btp-trusts") == ""
    assert message_for("btp_trust:stict", project="btp_trust") == ""
    assert message_for("btp-trust:landscape", project="btp-trust") == ""
    assert "did you mean strict?" in message_for("btp-trust:stict", project="btp-trust")
    assert "plain text" in message_for("btp-trust:serviceKey", project="btp-trust")


def test_property_of_explicit_provider_is_named() -> None:
    """For an explicit provider the message names its property, and a remedy in the program."""
    message = message_for("btp-trust:serviceKey", KEY, is_provider=True)
    assert message.startswith("The property btp-trust:serviceKey is in plain text.\n")
    assert '{"btp-trust:serviceKey": pulumi.Output.secret(…)}' in message
    assert "Remove it. " in message_for("btp-trust:stict", is_provider=True)


def test_known_keys_are_those_read() -> None:
    """KEYS lists exactly the keys that the modules read."""
    sources = [file.read_text() for file in (ROOT / "provider/btp_trust").rglob("*.py") if file.stem != "settings"]
    read = set(re.findall(r"[\"`]btp-trust:(\w+)[\"`]", "".join(sources)))
    assert read == set(KEYS)
