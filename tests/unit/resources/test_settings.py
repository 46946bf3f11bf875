"""Keys of Pulumi's configuration: those that nothing reads are named, secrets for all to read are refused."""

from __future__ import annotations

import json
import re

import pytest

from btp_trust.resources.settings import KEYS, NAMESPACE, Privilege, Setting, invalid_settings
from support.paths import ROOT
from support.secret_samples import CERTIFICATE, PEMS, SERVICE_KEY

KEY = json.dumps(SERVICE_KEY)


def told(
    key: str, value: str = "one", *, secret: bool = False, project: str = "trust", is_provider: bool = False
) -> str:
    """What is said of a setting."""
    found = list(invalid_settings([Setting(key, value, secret)], project, is_provider=is_provider))
    return "\n".join(found[0]) if found else ""


@pytest.mark.parametrize("name", KEYS)
def test_a_key_that_is_read_is_no_mistake(name: str) -> None:
    """As a secret each of them may be set; in plain text those that are good for nothing."""
    assert told(f"{NAMESPACE}:{name}", KEY, secret=True) == ""
    assert ("is in plain text." in told(f"{NAMESPACE}:{name}")) is (KEYS[name] is not Privilege.NONE)


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
def test_a_key_that_nothing_reads_is_named_with_the_nearest_one(key: str, meant: str) -> None:
    """A misspelt `strict` would turn nothing on, and nobody would notice."""
    said = told(key)
    assert said.startswith(f"The config {key} is no setting of btp-trust: did you mean {meant}?\n")
    assert f"pulumi config rm {key}" in said
    assert told(key, secret=True) == said


def test_a_key_that_resembles_none_is_named_with_all() -> None:
    """There is no nearest one."""
    said = told("btp-trust:xyz")
    assert said.startswith("The config btp-trust:xyz is no setting of btp-trust.\n")
    assert all(name in said for name in KEYS)


@pytest.mark.parametrize(
    "key",
    ["btp-trust:servicekey", "btp-trust:xyz", "btp-trust:service_key_prod", "btp_trust:key", "btp-trst:serviceKey"],
)
def test_a_service_key_under_a_wrong_name_is_a_plain_one(key: str) -> None:
    """The mistake in its name must not hide that it can be read; nothing of it is shown."""
    said = told(key, KEY)
    assert "is in plain text, and is no setting of btp-trust" in said
    assert "pulumi config set --secret btp-trust:serviceKey" in said
    assert f"pulumi config rm {key}" in said
    assert SERVICE_KEY["clientsecret"] not in said
    assert "plain text" not in told(key, KEY, secret=True)


@pytest.mark.parametrize(
    ("key", "value"), [("caBundle", CERTIFICATE + PEMS["PKCS#8"]), ("strict", KEY)], ids=["bundle", "switch"]
)
def test_a_secret_in_the_wrong_setting_is_a_plain_one(key: str, value: str) -> None:
    """It is for all to read, whatever the setting is for."""
    assert told(f"btp-trust:{key}", value).startswith(f"The config btp-trust:{key} is in plain text.\n")
    assert told("btp-trust:caBundle", CERTIFICATE) == ""


def test_a_key_that_is_a_secret_is_not_shown() -> None:
    """Key and value were exchanged."""
    said = told(f"btp-trust:{SERVICE_KEY['clientsecret']}")
    assert "The config btp-trust:***" in said
    assert SERVICE_KEY["clientsecret"] not in said


def test_what_belongs_to_somebody_else_is_passed_over() -> None:
    """Other namespaces, and the project's own, also where the project has our name."""
    assert told("aws:region") == ""
    assert told("trust:stict") == ""
    assert told("btp:serviceKey") == ""
    assert told("btp-trust-emulator:strict") == ""
    assert told("btp-trusts:region") == ""
    assert told("btp-trusts:stict", project="btp-trusts") == ""
    assert told("btp_trust:stict", project="btp_trust") == ""
    assert told("btp-trust:landscape", project="btp-trust") == ""
    assert "did you mean strict?" in told("btp-trust:stict", project="btp-trust")
    assert "plain text" in told("btp-trust:serviceKey", project="btp-trust")


def test_of_an_explicit_provider_its_property_is_named() -> None:
    """The remedy is one of the program."""
    said = told("btp-trust:serviceKey", KEY, is_provider=True)
    assert said.startswith("The property btp-trust:serviceKey is in plain text.\n")
    assert '{"btp-trust:serviceKey": pulumi.Output.secret(…)}' in said
    assert "Remove it. " in told("btp-trust:stict", is_provider=True)


def test_the_list_is_that_of_the_code() -> None:
    """Whatever a module reads is in it, and nothing else is."""
    sources = [file.read_text() for file in (ROOT / "provider/btp_trust").rglob("*.py") if file.stem != "settings"]
    read = set(re.findall(r"[\"`]btp-trust:(\w+)[\"`]", "".join(sources)))
    assert read == set(KEYS)
