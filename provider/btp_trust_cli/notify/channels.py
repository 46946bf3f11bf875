"""The channels: where messages go, and in which form. Addresses and credentials are never shown.

Forms of the receivers:

- Slack: `{"text": …}` of an incoming webhook, which Mattermost, Rocket.Chat and Google Chat take as well; `&`, `<` and
  `>` are escaped (api.slack.com, "Formatting text for app surfaces");
- SAP Alert Notification service: a custom event (`ResourceEvent` of SAP's alert-notification-node-client), posted to
  `/cf/producer/v1/resource-events`, and a service key with `url`, `oauth_url`, `client_id`, `client_secret`
  (`pkg/ans` of SAP/jenkins-library).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from btp_trust.errors import ConfigurationError, CredentialsRejected
from btp_trust.service.credentials.service_key import ServiceKey
from btp_trust.service.credentials.token_endpoint import parse_token, request_grant
from btp_trust.service.transport.bearer import BEARER_TOKEN
from btp_trust.service.transport.retry import RetryPolicy
from btp_trust_cli.exit_codes import Severity
from btp_trust_cli.notify.notifications import Kind, Notification

EVENTS_PATH: Final = "/cf/producer/v1/resource-events"
_SEVERITIES: Final = {Severity.WARNING: "WARNING", Severity.CRITICAL: "ERROR", Severity.UNKNOWN: "ERROR"}
Authorize = Callable[[httpx.Client, RetryPolicy], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Channel:
    """Where messages go."""

    name: str
    url: str = field(repr=False)
    """It may hold a secret, as those of Slack do: only its host is shown."""
    message: Callable[[Notification, str], dict[str, Any]]
    """Makes the JSON of a message with this identity."""
    authorize: Authorize = field(repr=False)
    """Returns the headers of a request."""

    @property
    def host(self) -> str:
        """The host, which may be shown."""
        return httpx.URL(self.url).host


def webhook_message(notification: Notification, identity: str) -> dict[str, Any]:
    """Return all fields, for other programs."""
    return notification.document(identity)


def slack_message(notification: Notification, _identity: str) -> dict[str, Any]:
    """Return a text: the subject in bold, then what to do."""
    return {"text": f"*{notification.severity.name}: {_escape(notification.subject)}*\n{_escape(notification.text)}"}


def alert_message(notification: Notification, identity: str) -> dict[str, Any]:
    """Return a custom event of SAP Alert Notification service."""
    status = notification.status
    return {
        "eventType": f"btp-trust-{notification.kind}",
        "severity": "FATAL" if notification.kind is Kind.EXPIRED else _SEVERITIES[notification.severity],
        "category": "EXCEPTION" if notification.kind is Kind.ERROR else "ALERT",
        "subject": notification.subject,
        "body": notification.text,
        "resource": {
            "resourceName": status.label if status else "btp-trust",
            "resourceType": "trust-certificate",
            "resourceInstance": (status and status.subaccount_id) or notification.place,
        },
        "tags": {"ans:sourceEventId": identity, "ans:correlationId": notification.key},
    }


def no_credentials(_http: httpx.Client, _retry_policy: RetryPolicy) -> Mapping[str, str]:
    """Add no header: the address is the secret."""
    return {}


def bearer(token: str) -> Authorize:
    """Put one token on all requests."""
    return lambda _http, _retry: {"Authorization": f"Bearer {token}"}


def client_credentials(key: ServiceKey) -> Authorize:
    """Get a token for each message: there are few.

    Raises (when it is called):
        CredentialsRejected: The token service refuses the key.
    """

    def authorize(http: httpx.Client, retry_policy: RetryPolicy) -> Mapping[str, str]:
        response = request_grant(key, http, retry_policy, {"grant_type": "client_credentials"})
        token = parse_token(response).access_token
        if not BEARER_TOKEN.fullmatch(token):
            raise CredentialsRejected(
                f"The token service {key.token_url} gave no token.",
                f"It answered {response.status_code}: the service key of SAP Alert Notification is not accepted.",
                "Create a new service key, and put its JSON into BTP_TRUST_ALERT_NOTIFICATION_KEY.",
            )
        return {"Authorization": f"Bearer {token}"}

    return authorize


def refusal(channel: Channel, status: int) -> ConfigurationError:
    """Return the error for a receiver that refuses messages."""
    return ConfigurationError(
        f"{channel.name} at {channel.host} refuses the notification.",
        f"It answered {status}: the address or its credentials are wrong or were withdrawn.",
        "Set the variable of the channel again. The next run sends what this one could not.",
    )


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
