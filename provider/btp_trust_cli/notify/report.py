"""What `btp-trust notify` prints. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from btp_trust.errors import TrustError
from btp_trust_cli.landscape import SubaccountStatus
from btp_trust_cli.notify.ledger import Delivery
from btp_trust_cli.notify.notifications import Notification
from btp_trust_cli.rendering import indented, printable
from btp_trust_cli.status import summary_line

_WORDS: Final = {Delivery.SENT: "sent", Delivery.UNKNOWN: "UNKNOWN", None: "FAILED"}
_WIDTH: Final = len("alert-notification")


@dataclass(frozen=True, slots=True)
class Line:
    """What became of a message."""

    channel: str
    notification: Notification
    delivery: Delivery | None
    error: TrustError | None = None


def result_text(statuses: Sequence[SubaccountStatus], due: int, lines: Sequence[Line], width: int) -> str:
    """Return the line of `btp-trust status`, and one for each message; below a failed one what to do.

    Args:
        statuses: What was read.
        due: How many matters there are.
        lines: What was sent now.
        width: Columns of a line.
    """
    text = [_first_line(statuses), *(part for line in lines for part in _parts(line, width))]
    if not lines:
        text.append("everything due was sent before" if due else "nothing is due")
    return _joined(text)


def dry_run_text(
    statuses: Sequence[SubaccountStatus], to_send: Mapping[str, Sequence[Notification]], width: int
) -> str:
    """Return the same for messages that stay here, each with its whole text."""
    text = [_first_line(statuses)]
    for channel, notifications in to_send.items():
        for notification in notifications:
            text += [_line("to send", channel, notification), indented(notification.text, width)]
    return _joined(text)


def _joined(parts: Iterable[str]) -> str:
    return printable("".join(f"{part}\n" for part in parts))


def _first_line(statuses: Sequence[SubaccountStatus]) -> str:
    return summary_line(statuses) if statuses else "UNKNOWN: nothing could be read"


def _parts(line: Line, width: int) -> Iterator[str]:
    yield _line(_WORDS[line.delivery], line.channel, line.notification)
    if line.error is not None:
        yield indented(" ".join(str(line.error).splitlines()), width)


def _line(word: str, channel: str, notification: Notification) -> str:
    return f"{word:<7}  {channel:<{_WIDTH}}  {notification.subject}"
