"""`make bench-continuity`: the measurements, the scenarios in process, the page."""

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
from continuity import one_certificate
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
from continuity.page import MARK, ONE_MARK, ONE_PICTURE, ONE_RESULTS, PAGE, PICTURE, RESULTS, TITLES, table
from continuity.picture import draw, summary
from continuity.scenarios import ScenarioContext, renew_in_place, rotation, swap_without_publishing
from continuity.subaccount import BenchmarkSubaccount
from continuity.targets import SystemOwner
from continuity.users import Clock, calling
from support.page_sections import section

outcomes = st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(1, 8), st.sampled_from([None, None, "no"]))
"""(target, quarters of a second since the call before, reason of a rejection)"""


@st.composite
def calls(draw: st.DrawFn) -> list[UserCall]:
    """Draw calls in the order of their answers."""
    drawn = draw(st.lists(outcomes, max_size=30))
    moments = accumulate(quarters / 4 for _, quarters, _ in drawn)
    return [UserCall(target, at, rejection) for (target, _, rejection), at in zip(drawn, moments, strict=True)]


def gap_around(rejected: UserCall, every: list[UserCall]) -> float:
    """Return the time from the last success before a rejection to the first one after it, by all calls."""
    accepted = [call.at for call in every if call.rejection is None]
    before = max((at for at in accepted if at < rejected.at), default=0.0)
    return min((at for at in accepted if at > rejected.at), default=every[-1].at) - before


@given(calls())
def test_the_longest_gap(every: list[UserCall]) -> None:
    """The longest gap is around a rejection of one target, independently of the others; 0 if all calls are accepted."""
    by_target = [[call for call in every if call.target == target] for target in "abc"]
    gaps = [gap_around(call, own) for own in by_target for call in own if call.rejection is not None]

    assert max(map(find_longest_gap, by_target)) == max(gaps, default=0.0)
    assert measure(every) == Measurement(len(every), len(gaps), max(gaps, default=0.0))
    assert (measure(every).longest_gap_seconds > 0) is bool(gaps)


@given(st.fixed_dictionaries({name: st.builds(ScenarioResult, calls(), st.just(()), st.booleans()) for name in TITLES}))
def test_problems_of_a_run(found: dict[str, ScenarioResult]) -> None:
    """A good run has rejections in the scenarios of others only, replaced signers, and accepted last calls."""
    ends_well = all(
        result.signer_changed
        and all(rejection is None for rejection in {c.target: c.rejection for c in result.calls}.values())
        for result in found.values()
    )
    rejected = {name: measure(result.calls).rejected for name, result in found.items()}
    others = [number for name, number in rejected.items() if name != PROVIDER_SCENARIO]

    assert (find_problems(found) == []) is (ends_well and rejected[PROVIDER_SCENARIO] == 0 and all(others))


class Cockpit:
    """The deployments of a rotation, by hand in the cockpit."""

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
    """Three targets that trust the active certificate, in process."""
    with Emulator(key_size=1024) as emulator, httpx.Client(transport=emulator.transport) as http:
        yield BenchmarkSubaccount(emulator, http)


def run_scenario(scenario: Callable[[ScenarioContext], None], subaccount: BenchmarkSubaccount) -> ScenarioResult:
    """Run a scenario in which a pause is one call to each target, one second apart."""
    before, completed = subaccount.signer(), list[UserCall]()

    def pause() -> None:
        completed.extend(
            UserCall(target, len(completed) + number, subaccount.rejection(target))
            for number, target in enumerate(subaccount.owners, 1)
        )

    scenario(ScenarioContext(subaccount, pause, lambda _: None))
    return ScenarioResult(tuple(completed), (), subaccount.signer() != before)


@pytest.mark.parametrize("scenario", [swap_without_publishing, renew_in_place])
def test_a_target_rejects_until_it_follows(
    scenario: Callable[[ScenarioContext], None], subaccount: BenchmarkSubaccount
) -> None:
    """Targets reject one, two and three calls, in the order of their updates; the last one waits longest."""
    result = run_scenario(scenario, subaccount)

    rejected = [call.target for call in result.calls if call.rejection is not None]
    assert rejected == [*subaccount.owners, *list(subaccount.owners)[1:], *list(subaccount.owners)[2:]]
    errors = {
        name: "invalid_grant" if isinstance(owner, SystemOwner) else "unauthorized"
        for name, owner in subaccount.owners.items()
    }
    assert all(errors[call.target] in call.rejection for call in result.calls if call.rejection is not None)
    assert measure(result.calls) == Measurement(15, 6, 12.0)
    assert find_problems({scenario.__name__: result}) == []


def test_publishing_first_avoids_rejections(subaccount: BenchmarkSubaccount) -> None:
    """With the same targets and calls, updating the targets before the swap avoids all rejections."""
    result = run_scenario(partial(rotation, deployments=Cockpit(subaccount)), subaccount)

    assert measure(result.calls) == Measurement(30, 0, 0.0)
    assert find_problems({PROVIDER_SCENARIO: result}) == []
    assert {name: len(trusted) for name, trusted in subaccount.trusted().items()} == dict.fromkeys(subaccount.owners, 1)


def test_a_missing_token_is_a_rejection(subaccount: BenchmarkSubaccount) -> None:
    """A missing destination and a failed connection count as rejections."""
    assert subaccount.rejection("finance") is None
    assert "404" in str(subaccount.rejection("nowhere"))
    with subaccount.emulator.refuse_connections():
        assert "Error" in str(subaccount.rejection("finance"))


def test_users_call_in_turn() -> None:
    """Each target is called equally often, until the end of the block."""
    with calling(["a", "b"], lambda target: "no" if target == "b" else None, Clock()) as made:
        while len(made) < 4:
            time.sleep(0.01)
    number, alive = len(made), [thread.name for thread in threading.enumerate()]

    assert [(call.target, call.rejection) for call in made[:4]] == [("a", None), ("b", "no")] * 2
    assert [call.at for call in made] == sorted(call.at for call in made)
    assert len(made) == number
    assert "users" not in alive


def test_the_page_has_the_results() -> None:
    """Table and picture have the numbers of the results file, with 0 rejections in our scenario."""
    numbers = json.loads(RESULTS.read_text())
    picture = PICTURE.read_text()

    assert section(PAGE.read_text(), MARK) == table(numbers)
    assert list(numbers) == list(TITLES)
    assert (numbers[PROVIDER_SCENARIO]["rejected"], numbers[PROVIDER_SCENARIO]["longest_gap_seconds"]) == (0, 0.0)
    assert all(number["rejected"] > 0 for name, number in numbers.items() if name != PROVIDER_SCENARIO)
    for number in numbers.values():
        assert f"{number['rejected']} of {number['calls']} calls rejected" in picture


@given(st.fixed_dictionaries({name: calls() for name in TITLES}))
def test_every_call_is_a_stroke(found: dict[str, list[UserCall]]) -> None:
    """The picture has a stroke for each call, red if it was rejected, and the numbers in words."""
    result = {
        name: ScenarioResult((UserCall("a", 1.0), *every), ((0.5, "renew"),), signer_changed=True)
        for name, every in found.items()
    }

    picture = draw(result)

    bands = picture.partition("a call that is rejected")[2]
    for kind, rejected in (("accepted", False), ("rejected", True)):
        paths = re.findall(rf'class="{kind}" d="([^"]+)"', bands)
        made = [
            call for scenario in result.values() for call in scenario.calls if (call.rejection is not None) is rejected
        ]
        assert sum(path.count("M") for path in paths) == len(made)
    assert all(summary(scenario) in picture.partition("</desc>")[0] for scenario in result.values())
    assert all(words in picture for words in ("<title ", "prefers-color-scheme: dark", "</svg>"))
    assert to_json(result).keys() == TITLES.keys()


@pytest.mark.parametrize("way", one_certificate.WAYS_OF_PEOPLE)
def test_one_certificate_waits_for_people(way: str) -> None:
    """A system that holds one certificate rejects every call from the change of the signer to the upload."""
    with Emulator(key_size=1024) as emulator, httpx.Client(transport=emulator.transport) as http:
        subaccount = BenchmarkSubaccount(emulator, http, one_certificate.one_system)
        with one_certificate.delayed(subaccount, 0.001):
            result = run_scenario(one_certificate.WAYS_OF_PEOPLE[way], subaccount)

    assert [call.rejection is None for call in result.calls] == [True, False, True]
    assert one_certificate.find_problems({(way, 0.0): result}) == []


@pytest.mark.parametrize(
    ("rejections", "changed", "problem"),
    [
        ([None, "no", None], True, "a gap of 2.00 s"),
        ([None, None], False, "the same as before"),
        ([None, "no"], True, "still rejects in the end: no"),
    ],
)
def test_problems_of_a_switchover(rejections: list[str | None], changed: bool, problem: str) -> None:  # noqa: FBT001
    """A switchover has to be short, to change the signer, and to end with accepted calls; a person has to be slow."""
    calls = tuple(UserCall("s4", float(second), why) for second, why in enumerate(rejections))
    said = one_certificate.find_problems({(one_certificate.SWITCHES, 0.1): ScenarioResult(calls, (), changed)})

    assert any(problem in line for line in said)
    accepted = ScenarioResult((UserCall("s4", 0.0),), (), signer_changed=True)
    assert "lacks sensitivity" in one_certificate.find_problems({("person", 0.0): accepted})[0]
    assert one_certificate.find_problems({(one_certificate.SWITCHES, 0.0): accepted}) == []


def test_the_page_has_one_certificate() -> None:
    """Table and picture have the numbers of the results file; each switchover is as short as its goal."""
    gaps = one_certificate.from_text(ONE_RESULTS.read_text())
    picture = ONE_PICTURE.read_text()

    assert section(PAGE.read_text(), ONE_MARK) == one_certificate.table(gaps)
    assert one_certificate.to_text(gaps) == ONE_RESULTS.read_text()
    runs = [(way, seconds) for seconds in one_certificate.ROUND_TRIPS for way in one_certificate.TITLES]
    assert [(gap.way, gap.round_trip_seconds) for gap in gaps] == runs
    assert all(gap.longest_gap_seconds <= gap.limit for gap in gaps if gap.way == one_certificate.SWITCHES)
    for gap in gaps[3:]:
        assert f"{gap.rejected} of {gap.calls} calls rejected" in picture
