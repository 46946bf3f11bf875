"""Rotations that wait for their time: when they do, what is said, and what stays declared meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from btp_trust.rotation.decision import Action, Reason
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.policies import decide
from btp_trust.rotation.postponement import keep_deployed, waiting_notices
from btp_trust.rotation.time_args import When
from btp_trust.rotation.time_limits import Freeze
from btp_trust.rotation.window import Window
from btp_trust.snapshot import Snapshot
from btp_trust.trusted_by.statements import DeferredUpload, Observation
from support.fake_engine import make_certificate, make_snapshot

A, B = make_certificate("a"), make_certificate("b", created_on_day=30)
KNOWN = {"one": A.fingerprint, "two": B.fingerprint}
BASE = datetime(2026, 1, 1, tzinfo=UTC)
CLOSING = Freeze(start="2026-02-10", to="2026-02-20", why="closing")
MONDAYS = Window(cron="0 20 * * MON", duration="4h")


def declare(**more: Any) -> Declaration:
    """Declare a rotation to the younger certificate, with limits, that waits for its time."""
    declared = {"generation": "two", "deployed_generation": "one", "recorded_generations": KNOWN}
    return Declaration(**{**declared, "when": When.NEXT_WINDOW, **more})


def at(day: float, passive: Any = B) -> Snapshot:
    """Read the slots so many days after the start of 2026."""
    return replace(make_snapshot(A, passive), now=BASE + timedelta(days=day))


@pytest.mark.parametrize(
    ("limits", "reason", "moment"),
    [
        pytest.param({"soak": "14d"}, Reason.SOAKING, "2026-02-14T00:00:00Z", id="soaking"),
        pytest.param({"freeze": [CLOSING]}, Reason.FROZEN, "2026-02-21T00:00:00Z", id="frozen"),
        pytest.param({"window": MONDAYS}, Reason.OUTSIDE_WINDOW, "2026-02-16T20:00:00Z", id="outside"),
        pytest.param({"window": MONDAYS, "soak": 20}, Reason.SOAKING, "2026-02-23T20:00:00Z", id="all of them"),
    ],
)
def test_untimely_rotation_waits(limits: dict[str, Any], reason: Reason, moment: str) -> None:
    """Each limit is waited for, until the moment at which all of them pass, and the whole step is said."""
    waiting = decide(declare(**limits), at(41))
    assert (waiting.action, waiting.reason) == (Action.WAIT, reason)
    (notice,) = waiting_notices(waiting)
    step = "rotate: passive bbbbbbbb (two) becomes active, active aaaaaaaa (one) becomes passive; no target was asked"
    assert notice.line.startswith(f"waits until {moment} ({reason}): {step}\n")
    assert "The service's clock says 2026-02-11T00:00:00Z. The first `pulumi up` from then on" in notice.line
    assert decide(declare(**limits), replace(at(41), now=datetime.fromisoformat(moment))).action is Action.SWAP


def test_targets_are_listed_below_the_step() -> None:
    """What a reviewer decides by is in the line of the waiting step as well."""
    trusted = {"s4": Observation.of(B.fingerprint), "hr": DeferredUpload(owner="HR IT")}
    (notice,) = waiting_notices(decide(declare(soak="14d", trusted_by=trusted), at(41)))
    assert "\n  hr: gap expected until HR IT uploads\n  s4: yes, observed\n" in notice.line


@pytest.mark.parametrize(
    ("declaration", "reading", "action"),
    [
        pytest.param(declare(soak="14d", when=When.NOW), at(41), Action.REFUSE, id="not asked to wait"),
        pytest.param(declare(soak="1d"), at(41), Action.SWAP, id="in time"),
        pytest.param(declare(soak="14d", break_glass={"two": "INC-1"}), at(41), Action.SWAP, id="broken glass"),
        pytest.param(declare(soak="14d", trusted_by={"s4": "unknown"}), at(41), Action.REFUSE, id="a target first"),
        pytest.param(declare(soak="14d", revoked={"two": "leaked"}), at(41), Action.REFUSE, id="revoked"),
        pytest.param(declare(soak="14d", generation="one"), at(41), Action.RECORD, id="nothing to do"),
        pytest.param(declare(soak="14d"), at(41, passive=None), Action.REFUSE, id="no certificate"),
    ],
)
def test_other_decisions_stay(declaration: Declaration, reading: Snapshot, action: Action) -> None:
    """Only time is waited for: what people or the program have to resolve is refused as before."""
    decision = decide(declaration, reading)
    assert decision.action is action
    assert waiting_notices(decision) == []


def test_moment_that_never_comes_is_refused() -> None:
    """Nothing would ever perform such a step, so that waiting would hide it: its certificate has expired by then."""
    decision = decide(declare(soak="1000d"), at(41))
    assert (decision.action, decision.reason) == (Action.REFUSE, Reason.SOAKING)


def test_deployed_generation_stays_declared() -> None:
    """Meanwhile the program counts as if it declared what is deployed, with all else as it says."""
    kept = keep_deployed(declare(soak="14d"))
    assert (kept.generation, kept.soak) == ("one", "14d")
    assert decide(kept, at(41)).action is Action.RECORD
    assert waiting_notices(None) == []
