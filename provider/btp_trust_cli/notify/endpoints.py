"""The channels of an environment. Values stay in memory, and messages name variables only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from btp_trust.arguments import DEFAULT_CONNECTION
from btp_trust.errors import ConfigurationError
from btp_trust.service.credentials.environment import ConnectionVariables
from btp_trust.service.credentials.safe_url import is_safe_url
from btp_trust.service.credentials.service_key import ServiceKey
from btp_trust.service.transport.bearer import BEARER_TOKEN
from btp_trust.service.transport.decoding import DecodingError, find_json_object
from btp_trust_cli.notify.channels import (
    EVENTS_PATH,
    Channel,
    alert_message,
    bearer,
    client_credentials,
    no_credentials,
    slack_message,
    webhook_message,
)

WEBHOOK_URL: Final = "BTP_TRUST_WEBHOOK_URL"
WEBHOOK_TOKEN: Final = "BTP_TRUST_WEBHOOK_TOKEN"  # noqa: S105 - the name of a variable
SLACK_URL: Final = "BTP_TRUST_SLACK_URL"
ALERT_NOTIFICATION_KEY: Final = "BTP_TRUST_ALERT_NOTIFICATION_KEY"
_TOKEN_PATH: Final = "/oauth/token"  # noqa: S105 - a path
_MAX_URL_LENGTH: Final = 2000
_Read = Callable[[str], str | None]


def find_channels(environ: Mapping[str, str]) -> list[Channel]:
    """Return the channels whose variables are set; `@` and a path stand for the content of a file.

    Raises:
        ConfigurationError: A value is unusable.
    """
    variables = ConnectionVariables(environ)
    return list(_channels(lambda name: variables.get(name, DEFAULT_CONNECTION)))


def require_channels(environ: Mapping[str, str]) -> list[Channel]:
    """Return the channels, of which there is at least one. Raises as `find_channels`."""
    if channels := find_channels(environ):
        return channels
    raise ConfigurationError(
        "There is no channel for notifications.",
        f"{WEBHOOK_URL}, {SLACK_URL} and {ALERT_NOTIFICATION_KEY} are all unset.",
        "Set one of them, to a value or to @ and the path of a file; or add --dry-run to see what is due.",
    )


def _channels(read: _Read) -> Iterator[Channel]:
    if (url := _url(read, WEBHOOK_URL)) is not None:
        token = _token(read)
        yield Channel("webhook", url, webhook_message, bearer(token) if token else no_credentials)
    if (url := _url(read, SLACK_URL)) is not None:
        yield Channel("slack", url, slack_message, no_credentials)
    if (text := read(ALERT_NOTIFICATION_KEY)) is not None:
        key = _alert_key(text)
        yield Channel("alert-notification", f"{key.uri}{EVENTS_PATH}", alert_message, client_credentials(key))


def _url(read: _Read, variable: str) -> str | None:
    text = read(variable)
    if text is None:
        return None
    url = text.strip()
    # The query of a webhook may be its secret; a user's password in the address would be one in the wrong place.
    if not (is_safe_url(url.partition("?")[0]) and url.isascii() and url.isprintable() and len(url) <= _MAX_URL_LENGTH):
        raise ConfigurationError(
            f"The address in {variable} cannot be used.",
            "It must begin with https:// (http:// only for this machine itself) and name a host, without a user or a "
            f"fragment (#), in at most {_MAX_URL_LENGTH} printable ASCII characters.",
            f"Copy the address of the webhook whole into {variable}, or into the file that @ names there.",
        )
    return url


def _token(read: _Read) -> str | None:
    text = read(WEBHOOK_TOKEN)
    if text is None or BEARER_TOKEN.fullmatch(text.strip()):
        return text and text.strip()
    raise ConfigurationError(
        f"The token in {WEBHOOK_TOKEN} cannot be used.",
        "A bearer token has letters, digits and - . _ ~ + / only, and = at its end.",
        f"Copy the token alone into {WEBHOOK_TOKEN}, or into the file that @ names there.",
    )


def _alert_key(text: str) -> ServiceKey:
    try:
        document = find_json_object(text)
    except DecodingError:
        document = {}
    inner = document.get("credentials")
    fields: Mapping[str, Any] = inner if isinstance(inner, dict) else document
    url, oauth_url, client, secret = (
        str(fields.get(name) or "") for name in ("url", "oauth_url", "client_id", "client_secret")
    )
    token_base = oauth_url.partition("?")[0].rstrip("/").removesuffix(_TOKEN_PATH)
    if not (client and secret and is_safe_url(url) and is_safe_url(token_base)):
        raise ConfigurationError(
            f"The service key in {ALERT_NOTIFICATION_KEY} cannot be used.",
            "It needs `url`, `oauth_url`, `client_id` and `client_secret`; both addresses begin with https://.",
            "Create a service key of an instance of SAP Alert Notification service (plan standard), and use its JSON "
            "whole.",
        )
    return ServiceKey(uri=url.rstrip("/"), url=token_base, clientid=client, clientsecret=secret)
