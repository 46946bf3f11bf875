"""Communication users: found under a connection, distinguished from service keys, refused without showing a secret."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from btp_trust.errors import ConfigurationError, CredentialsMissing, CredentialsRejected
from btp_trust.service.credentials.communication_user import (
    CommunicationUsers,
    ResolvedCommunicationUser,
    is_communication_user,
)
from support import certificates
from support.credential_places import configured, key_places
from support.error_text import error_text
from support.s4_tenant import MOMENT, USER

SECRET = USER["password"]
KEY = {"uri": "https://a", "clientid": "c", "clientsecret": SECRET, "url": "https://b"}
PAIR = {"url": USER["url"], "certificate": certificates.certificate(), "key": f"-----BEGIN PRIVATE KEY-----{SECRET}"}


def find(
    name: str, config: dict[str, Any] | None = None, environ: dict[str, str] | None = None
) -> ResolvedCommunicationUser:
    """Look up a user in the connections of a configuration, and in an environment."""
    connections = {} if config is None else {"btp-trust:connections": json.dumps(config)}
    return CommunicationUsers(configured(connections), environ or {}).find(name)


def test_first_place_wins(tmp_path: Path) -> None:
    """The configuration goes before the variable of the connection, whose value may be a file."""
    file = tmp_path / "user.json"
    file.write_text(json.dumps({**USER, "user": "FILE"}))
    environ = {"BTP_TRUST_COMMUNICATION_USER_S4": f"@{file}", "BTP_TRUST_COMMUNICATION_USER": json.dumps(USER)}
    both = find("s4", {"s4": USER}, environ)
    assert (both.user.user, both.where) == ("BTP_TRUST", "config btp-trust:connections, 's4'")
    assert (both.user.host, both.user.password) == ("my1-api.s4hana.cloud.sap", SECRET)
    variable = find("s4", {"other": KEY}, environ)
    assert (variable.user.user, variable.where) == ("FILE", "BTP_TRUST_COMMUNICATION_USER_S4")
    assert find("default", None, environ).where == "BTP_TRUST_COMMUNICATION_USER"
    assert SECRET not in repr(both)


def test_user_is_recognized_among_connections() -> None:
    """A reader of subaccounts leaves communication users out; a service key is another kind."""
    assert [is_communication_user(json.dumps(each)) for each in (USER, PAIR, KEY)] == [True, True, False]


def test_missing_user_names_places() -> None:
    """The error lists the places in their order, and a command to paste."""
    with pytest.raises(CredentialsMissing) as caught:
        find("s4", {"other": USER})
    assert caught.value.why == (
        "Searched, in this order: config btp-trust:connections with 's4'; environment variable "
        "BTP_TRUST_COMMUNICATION_USER_S4."
    )
    command = caught.value.remedy.partition("btp-trust:connections '")[2].removesuffix("'")
    assert set(json.loads(command)["s4"]) == {"url", "user", "password"}


@pytest.mark.parametrize(
    ("user", "why"),
    [
        (KEY, "It is a service key"),
        ({**USER, "clientid": "c"}, "It is a service key"),
        ({**USER, "password": ""}, "It is a JSON object with `url`, `user` and `password`"),
        ({**USER, **PAIR}, "It is a JSON object with"),
        ({"url": USER["url"]}, "It is a JSON object with"),
        ({**USER, "url": "http://my1-api.s4hana.cloud.sap"}, "Its URLs must begin with https://"),
        ({**USER, "url": f"https://x:{SECRET}@host"}, "Its URLs must begin with https://"),
        ({**USER, "user": "a:b"}, "Its `user` has a colon"),
        ({**PAIR, "certificate": "-----BEGIN CERTIFICATE-----"}, "Its `certificate` is no PEM certificate"),
    ],
)
def test_unusable_user_is_refused(user: dict[str, str], why: str) -> None:
    """The message says what is wrong, names fields, and hides all values."""
    with pytest.raises(ConfigurationError) as caught:
        find("s4", {"s4": user})
    assert caught.value.why.startswith(why)
    assert SECRET not in error_text(caught.value)


@pytest.mark.parametrize("text", [SECRET, f"{{{SECRET}"])
def test_text_without_json_is_refused(text: str) -> None:
    """A variable without JSON is refused, and its text hidden."""
    with pytest.raises(ConfigurationError) as caught:
        find("s4", None, {"BTP_TRUST_COMMUNICATION_USER_S4": text})
    assert caught.value.what == "The communication user in BTP_TRUST_COMMUNICATION_USER_S4 cannot be used."
    assert SECRET not in error_text(caught.value)


def test_user_is_no_service_key() -> None:
    """Where a service key is wanted, a communication user is named as what it is."""
    with pytest.raises(ConfigurationError, match="It is a communication user") as caught:
        key_places({"btp-trust:connections": json.dumps({"s4": USER})}).find("s4")
    assert SECRET not in error_text(caught.value)


def test_client_certificate_is_checked() -> None:
    """An expired certificate is named with its end; a pair that OpenSSL refuses, without the key."""
    user = find("s4", {"s4": PAIR}).user
    with pytest.raises(CredentialsRejected, match="2028-11-29"):
        user.tls(certificates.NOT_AFTER)
    with pytest.raises(ConfigurationError, match="cannot be used together") as caught:
        user.tls(MOMENT + timedelta(days=1))
    assert SECRET not in error_text(caught.value)


def test_loopback_needs_no_authorities() -> None:
    """Plain HTTP is for this machine, and a password needs no client certificate."""
    user = find("s4", {"s4": {**USER, "url": "http://127.0.0.1:1/s4/t"}}).user
    assert user.tls(MOMENT).cert_store_stats()["x509"] == 0
    assert find("s4", {"s4": USER}).user.tls(MOMENT).cert_store_stats()["x509"] > 0
