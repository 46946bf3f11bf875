"""Policies about time: what they refuse, until when, and who passes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from btp_trust.errors import Refused
from btp_trust.formatting import PREVIEW_WIDTH, format_rfc3339
from btp_trust.rotation.decision import Action, Reason
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.policies import decide
from btp_trust.rotation.schema import OnDrift
from btp_trust.rotation.time_limits import NEVER, Freeze
from btp_trust.rotation.time_policies import first_moment, passed_limits, refuse_untimely
from btp_trust.rotation.window import Window, open_from
from btp_trust.snapshot import Snapshot
from support.fake_engine import assert_three_part_message, make_certificate, make_snapshot

A, B = make_certificate("a"), make_certificate("b", created_on_day=30)
KNOWN = {"one": A.fingerprint, "two": B.fingerprint}
BASE = datetime(2026, 1, 1, tzinfo=UTC)
CLOSING = Freeze(start="2026-02-10", to="2026-02-20", why="closing")
MONDAYS = Window(cron="0 20 * * MON", duration="4h")
GLASS: dict[str, Any] = {"break_glass": {"two": "INC-1"}}


def declare(generation: str = "two", deployed: str = "one", **more: Any) -> Declaration:
    """Declare a rotation to the younger certificate, with limits."""
    return Declaration(generation=generation, deployed_generation=deployed, recorded_generations=KNOWN, **more)


def at(day: float, active: Any = A, passive: Any = B) -> Snapshot:
    """Read the slots so many days after the start of 2026."""
    return replace(make_snapshot(active, passive), now=BASE + timedelta(days=day))


@pytest.mark.parametrize(
    ("limits", "day", "reason", "moment"),
    [
        pytest.param({"soak": "14d"}, 43.99, Reason.SOAKING, "2026-02-14T00:00:00Z", id="soaking"),
        pytest.param({"soak": 14}, 30, Reason.SOAKING, "2026-02-14T00:00:00Z", id="a number of days"),
        pytest.param({"freeze": [CLOSING]}, 40, Reason.FROZEN, "2026-02-21T00:00:00Z", id="frozen"),
        pytest.param({"freeze": [CLOSING]}, 50.99, Reason.FROZEN, "2026-02-21T00:00:00Z", id="the last day"),
        pytest.param(
            {"freeze": [CLOSING], "soak": "14d"}, 31, Reason.SOAKING, "2026-02-21T00:00:00Z", id="soaked in a freeze"
        ),
        pytest.param(
            {"window": MONDAYS, "freeze": [CLOSING]}, 41, Reason.FROZEN, "2026-02-23T20:00:00Z", id="a window later"
        ),
        pytest.param({"window": MONDAYS}, 41, Reason.OUTSIDE_WINDOW, "2026-02-16T20:00:00Z", id="outside"),
        pytest.param(
            {"freeze": [CLOSING], "soak": "30d"}, 41, Reason.FROZEN, "2026-03-02T00:00:00Z", id="frozen while soaking"
        ),
    ],
)
def test_refusal_names_the_moment(limits: dict[str, Any], day: float, reason: Reason, moment: str) -> None:
    """The message has the reason's code and the moment at which all limits pass; then, and not before, they do."""
    decision = decide(declare(**limits), at(day))
    assert (decision.action, decision.reason) == (Action.REFUSE, reason)
    assert_three_part_message(str(decision.refusal), f"{reason}: generation 'two' (bbbbbbbb) may sign from {moment} on")
    days = (datetime.fromisoformat(moment) - BASE) / timedelta(days=1)
    assert decide(declare(**limits), at(days)).action is Action.SWAP
    assert decide(declare(**limits), at(days - 1e-4)).action is Action.REFUSE


def test_never_is_said_in_words() -> None:
    """A certificate that soaks for longer than it is valid, or than time goes on, has no moment to wait for."""
    late = replace(B, not_before=datetime(9998, 1, 1, tzinfo=UTC), not_after=NEVER)
    for certificate in (B, late):
        reading = replace(make_snapshot(A, certificate), now=certificate.not_before)
        decision = decide(declare(soak="1000d"), reading)
        assert_three_part_message(str(decision.refusal), "may sign at no time", "Change `soak`")


@pytest.mark.parametrize(
    ("declaration", "reading"),
    [
        pytest.param(declare("one", "two", freeze=[CLOSING], rollback_to=A.fingerprint), at(45, B, A), id="rollback"),
        pytest.param(declare("two", "two", on_drift=OnDrift.RESTORE, freeze=[CLOSING]), at(45), id="restoration"),
        pytest.param(declare(freeze=[CLOSING], soak="90d", **GLASS), at(45), id="break glass"),
    ],
)
def test_emergencies_pass(declaration: Declaration, reading: Snapshot) -> None:
    """A rollback, a restoration and a broken glass pass at any time."""
    assert decide(declaration, reading).action is Action.SWAP


@pytest.mark.parametrize("signed_before", [None, "c" * 64], ids=["none", "another"])
def test_age_alone_passes_no_limit(signed_before: str | None) -> None:
    """A certificate that never signed waits for its time, also one that is older than the signer."""
    limits: list[dict[str, Any]] = [{"freeze": [CLOSING]}, {"soak": "90d"}, {"window": MONDAYS}]
    decisions = [decide(declare("one", "two", rollback_to=signed_before, **limit), at(45, B, A)) for limit in limits]
    assert [decision.reason for decision in decisions] == [Reason.FROZEN, Reason.SOAKING, Reason.OUTSIDE_WINDOW]


def test_broken_glass_passes_nothing_else() -> None:
    """The glass is that of one generation, and of time alone."""
    assert decide(declare(soak="90d", break_glass={"three": "INC-1"}), at(45)).reason is Reason.SOAKING
    assert decide(declare(revoked={"two": "leaked"}, **GLASS), at(45)).reason is Reason.REVOKED
    assert decide(declare(trusted_by={"s4": "unknown"}, **GLASS), at(45)).reason is Reason.TARGET_PENDING


def test_preview_names_the_broken_glass() -> None:
    """The line has what is passed and the reason, where something is passed, and fits into a preview."""
    longest: dict[str, Any] = {"break_glass": {"two": "x" * 100}}
    line = passed_limits(declare(freeze=[CLOSING], soak="90d", **longest), at(45))
    assert line == f"passes Frozen and Soaking: {'x' * 100}"
    assert len(line) <= PREVIEW_WIDTH
    assert passed_limits(declare(freeze=[CLOSING], **GLASS), at(60)) is None
    assert passed_limits(declare(freeze=[CLOSING]), at(45)) is None


def test_limits_are_compared_again() -> None:
    """Between plan and swap a freeze may begin."""
    refuse_untimely(declare(freeze=[CLOSING]), at(39.9))
    with pytest.raises(Refused, match="Frozen: "):
        refuse_untimely(declare(freeze=[CLOSING]), at(40))


days = st.integers(0, 400)
limits = st.fixed_dictionaries(
    {},
    optional={
        "soak": st.integers(1, 100),
        "freeze": st.lists(
            st.tuples(days, days).map(
                lambda pair: Freeze(
                    start=format_rfc3339(BASE + timedelta(days=min(pair))),
                    to=format_rfc3339(BASE + timedelta(days=max(pair) + 1)),
                    why="x",
                )
            ),
            max_size=3,
        ),
        "window": st.sampled_from(
            [MONDAYS, Window(cron="0 0 29 2 *", duration="1d"), Window(cron="0 23 * * *", duration="2h")]
        ),
        "break_glass": st.dictionaries(st.sampled_from(["one", "two"]), st.just("INC-1")),
    },
)


@given(limits, st.integers(30, 400))
def test_swap_is_due_in_its_time(given_limits: dict[str, Any], day: int) -> None:
    """A rotation is planned exactly if no limit holds or its glass is broken, and at the moment that is named."""
    declaration, reading = declare(**given_limits), at(day)
    decision = decide(declaration, reading)
    is_limited = BASE + timedelta(days=30 + given_limits.get("soak", 0)) > reading.now or any(
        freeze.begins <= reading.now < freeze.ends for freeze in given_limits.get("freeze", [])
    )
    if "window" in given_limits:
        is_limited |= open_from(given_limits["window"], reading.now) != reading.now
    is_broken = "two" in given_limits.get("break_glass", {})
    assert (decision.action is Action.SWAP) == (is_broken or not is_limited)
    unbroken = replace(declaration, break_glass={})
    moment = first_moment(unbroken, B, reading.now)
    if moment == NEVER:  # the leap day comes after the last day of the certificate
        assert given_limits["window"].cron == "0 0 29 2 *"
    else:
        assert decide(unbroken, replace(reading, now=moment)).action is Action.SWAP
