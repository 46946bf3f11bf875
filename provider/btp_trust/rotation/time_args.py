"""The arguments of RotationTrigger about time: when a certificate may begin to sign, and what happens until then."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from msgspec.structs import replace

from btp_trust.arguments import check_reasons
from btp_trust.errors import Refused
from btp_trust.property_bag import ResourceArgs
from btp_trust.rotation.time_limits import Freeze, check_freezes, duration_argument
from btp_trust.rotation.window import Window, check_window


class When(StrEnum):
    """What becomes of a rotation whose time is still to come."""

    NOW = "now"
    """It is refused, with the moment from which it passes."""
    NEXT_WINDOW = "next_window"
    """It is left alone, and said with that moment: a later command performs it."""


class TimeArgs(ResourceArgs, frozen=True, omit_defaults=True, kw_only=True):
    """The arguments about time. RotationArgs inherits them."""

    soak: str | int | None = None
    """How long a certificate exists before it may sign; a number of days becomes a text."""
    freeze: list[Freeze] = []
    window: Window | None = None
    when: When = When.NOW
    break_glass: dict[str, str] = {}
    """{generation: why it may sign at any time}."""

    @property
    def limits_time(self) -> bool:
        """Return True if a rotation may have to wait."""
        return bool(self.freeze) or self.soak is not None or self.window is not None

    def normalized(self) -> Self:
        """Write a number of days as a text, and refuse times that are none."""
        check_reasons(self.break_glass, "break_glass")
        check_freezes(self.freeze)
        if self.window is not None:
            check_window(self.window)
        if self.when is When.NEXT_WINDOW and not self.limits_time:
            raise _nothing_to_wait_for()
        soak = None if self.soak is None else duration_argument(self.soak, "soak")
        return replace(super().normalized(), soak=soak)


def _nothing_to_wait_for() -> Refused:
    return Refused(
        '`when` is "next_window", and nothing says when that is.',
        "A rotation would pass at once: the program has none of `window`, `soak` and `freeze`.",
        'Add window={"cron": "0 2 * * SUN", "duration": "4h", "time_zone": "Europe/Berlin"}, or remove `when`.',
        prop="when",
    )
