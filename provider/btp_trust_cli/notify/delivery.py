"""One message to one receiver: again after what certainly failed, and only then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import httpx

from btp_trust.errors import ServiceUnavailable, TrustError, UnexpectedResponse
from btp_trust.service.transport.request import send
from btp_trust.service.transport.retry import RetryPolicy
from btp_trust_cli.notify.channels import Channel, refusal
from btp_trust_cli.notify.ledger import Delivery, Entry
from btp_trust_cli.notify.notifications import Notification

_AGAIN: Final = "The next run sends it again."
_LOOK: Final = "Look whether it has arrived. If it is missing, send it once more: btp-trust notify --resend"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a message."""

    delivery: Delivery | None
    """None if the receiver certainly lacks it: the next run sends it again."""
    error: TrustError | None = None


def deliver(
    channel: Channel, notification: Notification, identity: str, http: httpx.Client, retry_policy: RetryPolicy
) -> Result:
    """Send a message, with its identity for receivers that recognize a second copy."""
    try:
        with retry_policy.deadline():
            headers = {**channel.authorize(http, retry_policy), "Idempotency-Key": identity}
    except TrustError as error:
        return Result(None, error)
    message = channel.message(notification, identity)

    def post() -> httpx.Response:
        return send(http, http.build_request("POST", channel.url, json=message, headers=headers), retry_policy)

    try:
        with retry_policy.deadline():
            response = retry_policy.run_with_retries(post, _is_certainly_missing)
    except (ServiceUnavailable, UnexpectedResponse) as error:
        return _failed(channel, error)
    except TrustError as error:  # a malformed proxy: the message stayed here
        return Result(None, error)
    return Result(Delivery.SENT) if response.is_success else Result(None, refusal(channel, response.status_code))


def unknown_since(channel: Channel, entry: Entry) -> TrustError:
    """Return the error of a message whose delivery an earlier run left unknown."""
    return ServiceUnavailable(
        f"{channel.name} at {channel.host} may have the notification.",
        f"The run of {entry.at} was ended, or lost the answer. A second copy would be worse than a question.",
        _LOOK,
    )


def _is_certainly_missing(error: BaseException) -> bool:
    """Return True if the receiver certainly lacks it: it was out of reach, or it refused for now."""
    refused_for_now = httpx.codes.SERVICE_UNAVAILABLE
    return isinstance(error, ServiceUnavailable) and (error.not_sent or error.status == refused_for_now)


def _failed(channel: Channel, error: ServiceUnavailable | UnexpectedResponse) -> Result:
    """Return the result of a failure; its error names the host, as the address may hold a secret."""
    is_known = _is_certainly_missing(error)
    status = error.status if isinstance(error, ServiceUnavailable) else None
    if not is_known:
        what, remedy = "may have taken the notification: its answer leaves that open", _LOOK
    elif status is None:
        what, remedy = "is out of reach", f"{_AGAIN} Check that this machine reaches that host."
    else:
        what, remedy = "takes no notification just now", _AGAIN
    shown = ServiceUnavailable(f"{channel.name} at {channel.host} {what}.", _why(error, status), remedy)
    return Result(None if is_known else Delivery.UNKNOWN, shown)


def _why(error: TrustError, status: int | None) -> str:
    if isinstance(error, UnexpectedResponse):  # its words are about the services of SAP BTP
        return "It sent a compressed or very long answer, which was left unread."
    return error.why if status is None else f"It answered {status}. {error.why}"
