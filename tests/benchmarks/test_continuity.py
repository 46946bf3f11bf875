"""What `make bench-continuity` measures is so: the numbers, the scenarios without Pulumi, the page."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import accumulate

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust_emulator import Emulator
from continuity.measure import (
    PROVIDER_SCENARIO,
    Measurement,
    ScenarioResult,
    UserCall,
    find_longest_gap,
    find_problems,
    measure,
    to_json,
)
from continuity.page import MARK, PAGE, PICTURE, RESULTS, TITLES, table
from continuity.picture import draw, summary
from continuity.scenarios import ScenarioContext, renew_in_place, rotation, swap_without_publishing
from continuity.subaccount import BenchmarkSubaccount
from continuity.targets import SystemOwner
from continuity.users import Clock, calling
from support.page_sections import section

outcomes = st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(1, 8), st.sampled_from([None, None, "no"]))
"""Whom a call is for, the quarters of a second since the one before, why it was refused."""


@st.composite
def calls(draw: st.DrawFn) -> list[UserCall]:
    """Calls in the order of their answers."""
    drawn = draw(st.lists(outcomes, max_size=30))
    moments = accumulate(quarters / 4 for _, quarters, _ in drawn)
    return [UserCall(target, at, rejection) for (target, _, rejection), at in zip(drawn, moments, strict=True)]


def gap_around(refused: UserCall, every: list[UserCall]) -> float:
    """From the last success before a refusal to the first one after it, by looking at all calls."""
    accepted = [call.at for call in every if call.rejection is None]
    before = max((at for at in accepted if at < refused.at), default=0.0)
    return min((at for at in accepted if at > refused.at), default=every[-1].at) - before


@given(calls())
def test_the_longest_gap_is_the_widest_around_a_refusal(every: list[UserCall]) -> None:
    """Of any target, for itself: others do not fill its gap. Where nothing is refused, there is none."""
    by_target = [[call for call in every if call.target == target] for target in "abc"]
    gaps = [gap_around(call, own) for own in by_target for call in own if call.rejection is not None]

    assert max(map(find_longest_gap, by_target)) == max(gaps, default=0.0)
    assert measure(every) == Measurement(len(every), len(gaps), max(gaps, default=0.0))
    assert (measure(every).longest_gap_seconds > 0) is bool(gaps)


@given(st.fixed_dictionaries({name: st.builds(ScenarioResult, calls(), st.just(()), st.booleans()) for name in TITLES}))
def test_a_run_is_good_only_if_it_has_measured_what_it_is_for(found: dict[str, ScenarioResult]) -> None:
    """Nothing refused in ours, something in each other, all exchanged what signs and came to their end."""
    ends_well = all(
        result.signer_changed
        and all(rejection is None for rejection in {c.target: c.rejection for c in result.calls}.values())
        for result in found.values()
    )
    refused = {name: measure(result.calls).refused for name, result in found.items()}
    others = [number for name, number in refused.items() if name != PROVIDER_SCENARIO]

    assert (find_problems(found) == []) is (ends_well and refused[PROVIDER_SCENARIO] == 0 and all(others))


class Cockpit:
    """The deployments of a rotation, as a colleague makes them by hand."""

    def __init__(self, subaccount: BenchmarkSubaccount) -> None:
        self._emulator, self._guid = subaccount.emulator, subaccount.guid

    def prepare(self) -> str:
        """Generate."""
        self._emulator.generate_passive(self._guid)
        return str(self._emulator.certificates(self._guid)[1])

    def rotate(self) -> None:
        """Swap."""
        self._emulator.rotate(self._guid)

    def retire(self) -> None:
        """Delete."""
        self._emulator.delete_passive(self._guid)


@pytest.fixture
def subaccount() -> Iterator[BenchmarkSubaccount]:
    """Three targets that trust what signs, in process."""
    with Emulator(key_size=1024) as emulator, httpx.Client(transport=emulator.transport) as http:
        yield BenchmarkSubaccount(emulator, http)


def play(scenario: Callable[[ScenarioContext], None], subaccount: BenchmarkSubaccount) -> ScenarioResult:
    """Play a scenario in which a pause is one call to each target, and a second passes with each call."""
    before, made = subaccount.signer(), list[UserCall]()

    def pause() -> None:
        made.extend(
            UserCall(target, len(made) + number, subaccount.rejection(target))
            for number, target in enumerate(subaccount.owners, 1)
        )

    scenario(ScenarioContext(subaccount, pause, lambda _: None))
    return ScenarioResult(tuple(made), (), subaccount.signer() != before)


@pytest.mark.parametrize("scenario", [swap_without_publishing, renew_in_place])
def test_a_target_refuses_until_it_follows(
    scenario: Callable[[ScenarioContext], None], subaccount: BenchmarkSubaccount
) -> None:
    """In the order in which they follow: one, two and three of a target's calls; the last one waits longest."""
    result = play(scenario, subaccount)

    refused = [call.target for call in result.calls if call.rejection is not None]
    assert refused == [*subaccount.owners, *list(subaccount.owners)[1:], *list(subaccount.owners)[2:]]
    errors = {
        name: "invalid_grant" if isinstance(owner, SystemOwner) else "unauthorized"
        for name, owner in subaccount.owners.items()
    }
    assert all(errors[call.target] in call.rejection for call in result.calls if call.rejection is not None)
    assert measure(result.calls) == Measurement(15, 6, 12.0)
    assert find_problems({scenario.__name__: result}) == []


def test_nothing_is_refused_where_targets_are_told_before_the_swap(subaccount: BenchmarkSubaccount) -> None:
    """With the same targets and the same calls, the order alone makes the difference."""
    result = play(partial(rotation, deployments=Cockpit(subaccount)), subaccount)

    assert measure(result.calls) == Measurement(30, 0, 0.0)
    assert find_problems({PROVIDER_SCENARIO: result}) == []
    assert {name: len(trusted) for name, trusted in subaccount.trusted().items()} == dict.fromkeys(subaccount.owners, 1)


def test_what_is_no_token_is_a_refusal(subaccount: BenchmarkSubaccount) -> None:
    """A destination that is not there, and a service that nobody can connect to: nothing is taken for granted."""
    assert subaccount.rejection("finance") is None
    assert "404" in str(subaccount.rejection("nowhere"))
    with subaccount.emulator.refuse_connections():
        assert "Error" in str(subaccount.rejection("finance"))


def test_users_call_in_turn_until_it_is_over() -> None:
    """Each target as often as the others, and never again once the block is left."""
    with calling(["a", "b"], lambda target: "no" if target == "b" else None, Clock()) as made:
        while len(made) < 4:
            time.sleep(0.01)
    number, alive = len(made), [thread.name for thread in threading.enumerate()]

    assert [(call.target, call.rejection) for call in made[:4]] == [("a", None), ("b", "no")] * 2
    assert [call.at for call in made] == sorted(call.at for call in made)
    assert len(made) == number
    assert "users" not in alive


def test_the_page_has_the_numbers_that_are_kept() -> None:
    """Table and picture say what the results say; nothing of ours is refused in them."""
    numbers = json.loads(RESULTS.read_text())
    picture = PICTURE.read_text()

    assert section(PAGE.read_text(), MARK) == table(numbers)
    assert list(numbers) == list(TITLES)
    assert (numbers[PROVIDER_SCENARIO]["refused"], numbers[PROVIDER_SCENARIO]["longest_gap_seconds"]) == (0, 0.0)
    assert all(number["refused"] > 0 for name, number in numbers.items() if name != PROVIDER_SCENARIO)
    for number in numbers.values():
        assert f"{number['refused']} of {number['made']} calls refused" in picture


@given(st.fixed_dictionaries({name: calls() for name in TITLES}))
def test_every_call_is_a_stroke(found: dict[str, list[UserCall]]) -> None:
    """The picture has one for each call, red ones for those refused, and says the numbers in words."""
    result = {
        name: ScenarioResult((UserCall("a", 1.0), *every), ((0.5, "renew"),), signer_changed=True)
        for name, every in found.items()
    }

    picture = draw(result)

    bands = picture.partition("a call that is refused")[2]
    for kind, refused in (("accepted", False), ("refused", True)):
        paths = re.findall(rf'class="{kind}" d="([^"]+)"', bands)
        made = [call for each in result.values() for call in each.calls if (call.rejection is not None) is refused]
        assert sum(path.count("M") for path in paths) == len(made)
    assert all(summary(each) in picture.partition("</desc>")[0] for each in result.values())
    assert all(words in picture for words in ("<title ", "prefers-color-scheme: dark", "</svg>"))
    assert to_json(result).keys() == TITLES.keys()
