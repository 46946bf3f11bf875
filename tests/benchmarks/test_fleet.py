"""What `make bench-fleet` measures and writes."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fleet import processes, service
from fleet.__main__ import parse, run
from fleet.goals import Goal, evaluate
from fleet.measure import Measurement, WrongOutcome, measure
from fleet.page import PAGE, PICTURE, RESULTS, Results, conditions, sections, times_table
from fleet.plot import COMMANDS, draw
from fleet.processes import CommandFailed, FinishedCommand, Usage
from fleet.rows import Case, Row, expected_seconds, median
from fleet.service import Service
from fleet.ways import EMPTY, OURS, PULUMI, SCRIPT, WAYS, Stage, Way
from support.page_sections import section


def row(  # noqa: PLR0917 - the columns of a table
    command: str, size: int, latency: int, seconds: float, requests: int = 0, mib: float = 64, way: str = OURS
) -> Row:
    """Return a row."""
    case = Case(way, command, size, latency)
    return Row(case, seconds, requests, requests, 0.1, plugin=Usage(mib, 1.0))


GOOD = [
    row("preview", 1, 0, 1.0, 3),
    row("preview", 100, 0, 5.0, 3),
    row("preview", 100, 100, 6.0, 3, mib=72),
    row("preview", 1000, 0, 41.0, 3, mib=120),
    row("up", 100, 0, 10.0, 6),
    row("up", 100, 100, 15.0, 6),
    row("refresh", 100, 0, 4.0, 3),
    row("refresh", 100, 100, 5.0, 3),
    row("up", 100, 100, 99.0, 14, way="naive"),
]


BUSY_PROGRAM = """\
import time
used = bytearray(80 << 20)
del used
while time.process_time() < 0.6:
    pass
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with two subaccounts, and short keys."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "KEY_SIZE", 1024)
        with service.run(tmp_path_factory.mktemp("fleet"), 2) as started:
            yield started


@pytest.mark.parametrize(
    ("worse", "missed"),
    [
        ([], []),
        ([row("preview", 100, 100, 6.5, 3)], ["`preview` of 100"]),
        ([row("up", 100, 100, 17.0, 6)], ["`up` of 100"]),
        ([row("preview", 1000, 0, 60.0, 3)], ["`preview` of the most"]),
        ([row("up", 1, 0, 2.0, 7)], ["Requests about a subaccount in `up`"]),
        ([row("preview", 1000, 0, 41.0, 3, mib=164)], ["Memory"]),
        ([msgspec.structs.replace(GOOD[1], service_busy=0.9)], ["Part of the time"]),
    ],
)
def test_goals_that_are_missed(worse: list[Row], missed: list[str]) -> None:
    """Each goal is missed by its own number alone; peers have no goals."""
    changed = {each.case: each for each in [*GOOD, *worse]}
    found = [goal.text for goal in evaluate(list(changed.values())) if goal.is_missed]
    assert len(found) == len(missed)
    assert all(text.startswith(words) for text, words in zip(found, missed, strict=True))


def test_unmeasured_goals_are_open() -> None:
    """A run of a few subaccounts decides about requests alone."""
    goals = evaluate([row("preview", 2, 0, 1.0, 3)])
    assert [goal.verdict for goal in goals if goal.measured is not None] == ["met"]
    assert Goal("time", 2, 3, " s").line == "missed: time: 3 s, at most 2 s"


@pytest.mark.parametrize(
    ("known", "size", "seconds"),
    [([], 100, 0.0), ([(10, 2.0)], 100, 20.0), ([(1, 1.9), (10, 2.0)], 100, 20.0), ([(1, 1.0), (10, 100.0)], 100, 1e4)],
)
def test_long_rows_are_foreseen(known: list[tuple[int, float]], size: int, seconds: float) -> None:
    """A larger number takes at least as long as in proportion, and longer if the smaller ones grew quicker."""
    rows = [row("up", number, 0, took) for number, took in known]
    assert expected_seconds(rows, size) == pytest.approx(seconds)


def test_median_of_rounds_counts() -> None:
    """Of several rounds, the one in the middle is the row: it has all numbers of one command."""
    assert median([row("up", 1, 0, seconds) for seconds in (9.0, 1.0, 2.0)]).seconds == 2.0
    assert median([row("up", 1, 0, seconds) for seconds in (3.0, 1.0)]).seconds == 1.0


def test_row_above_limit_ends_way(small: Service, tmp_path: Path) -> None:
    """A row that is expected to be too long is left out, and so are all larger ones of the same way."""
    lines: list[str] = []
    run_script = Measurement([1, 2], [0], [WAYS["script"]], limit_seconds=0.01, report=lines.append)
    assert {each.case for each in run_script.run(small, tmp_path)} == {Case("script", name, 1, 0) for name in SCRIPT}
    assert len(lines) == len(SCRIPT)
    following = Measurement([1, 2, 3], [0], [WAYS["script"]], rows=run_script.rows)
    assert not following._is_short(Case("script", "up", 3, 0))


def test_failure_of_other_way_is_result(small: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pulumi's library fails to pickle many providers of a program itself; a failure of this provider is an error."""

    def fail(*_: object) -> Stage:
        raise CommandFailed("RecursionError")

    monkeypatch.setattr(Way, "stage", fail)
    run_naive, run_ours = (Measurement([1, 2], [0], [WAYS[way]], report=lambda _: None) for way in ("naive", OURS))
    for way in ("naive", OURS):
        (tmp_path / way).mkdir()
    assert run_naive.run(small, tmp_path / "naive") == []
    assert run_naive.failures == {"naive": 1}
    with pytest.raises(CommandFailed):
        run_ours.run(small, tmp_path / OURS)
    results = Results(2, 60.0, {"tokens_per_second": 300, "slots_per_second": 400}, GOOD, run_naive.failures)
    assert "60 s; *naive provider* failed to deploy 1 subaccounts. The emulator serves" in conditions(results)


def test_peak_memory_and_processor_time() -> None:
    """A process shows what it has needed at most, also after it has given that back, and the time that it computed."""
    finished = processes.run([sys.executable, "-c", BUSY_PROGRAM], Path.cwd(), {})
    assert finished.usage["others"].peak_mib > 80
    assert 0.2 < finished.usage["others"].cpu_seconds <= finished.seconds
    with pytest.raises(CommandFailed, match="ended with 3"):
        processes.run([sys.executable, "-c", "exit(3)"], Path.cwd(), {})


def test_wrong_number_of_swaps(small: Service) -> None:
    """A command that leaves a signer as it was, or changes one unasked, fails the run."""

    class Idle:
        deployment = None

        def run(self, command: str) -> FinishedCommand:
            return FinishedCommand(1.0, f"ran {command}", {})

        def restore(self) -> None:
            """Keep everything."""

    assert measure(small, WAYS[OURS], Idle(), Case(OURS, "preview", 2, 0)).most_requests == 0
    with pytest.raises(WrongOutcome, match="0 swaps instead of 2"):
        measure(small, WAYS[OURS], Idle(), Case(OURS, "up", 2, 0))


def test_service_is_restored(small: Service) -> None:
    """A swap is undone and its requests are forgotten; both certificates of each subaccount are different."""
    first = small.subaccounts[0]
    small.emulator.rotate(first.guid)
    assert small.swaps() == 1
    small.restore()
    assert (small.swaps(), small.requests()) == (0, {})
    assert len({each for account in small.subaccounts for each in (account.active, account.passive)}) == 4


@pytest.mark.parametrize("name", [name for name, way in WAYS.items() if way.uses_pulumi])
def test_programs_swap_all(small: Service, tmp_path: Path, name: str) -> None:
    """Each program swaps in both subaccounts; this provider needs 3 requests to look at each, and 6 to swap."""
    way = WAYS[name]
    commands = list(PULUMI) if name == OURS else ["up"]
    stage = way.stage(small, 2, tmp_path)
    measured = {each: measure(small, way, stage, Case(name, each, 2, 0)) for each in commands}
    assert (measured["up"].most_requests > 0) is (name != EMPTY)
    assert all(usage.peak_mib > 10 for usage in (measured["up"].plugin, measured["up"].program, measured["up"].engine))
    if name == OURS:
        requests = [(each.least_requests, each.most_requests) for each in measured.values()]
        assert requests == [(3, 3), (6, 6), (3, 3)]
        stage.restore()
        small.restore()
        small.emulator.rotate(small.subaccounts[0].guid)
        for unchanging in ("preview", "refresh"):
            with pytest.raises(CommandFailed, match="no changes were expected"):
                stage.run(unchanging)


def test_way_begins_with_restored_service(small: Service, tmp_path: Path) -> None:
    """What an earlier way has swapped is undone before another is prepared: it would be deployed as a drift."""
    small.emulator.rotate(small.subaccounts[0].guid)
    WAYS["script"].stage(small, 2, tmp_path)
    assert small.swaps() == 0


def test_run_has_all_rows(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A run measures each size, latency and command, and says each row at once."""
    monkeypatch.setattr(service, "KEY_SIZE", 1024)
    monkeypatch.setattr(service, "REQUESTS_OF_A_LOAD", 32)
    results = run(parse(["--sizes", "2,1", "--latencies", "1", "--ways", "script", "--limit", "600"]))
    cases = [Case("script", command, size, 1) for size in (1, 2) for command in SCRIPT]
    assert [each.case for each in results.rows] == cases
    assert results.capacity.keys() == {"tokens_per_second", "slots_per_second"}
    printed = capsys.readouterr().out
    assert all(each.line in printed for each in results.rows)


def test_unknown_way_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt way is refused with the list of all."""
    with pytest.raises(SystemExit):
        parse(["--ways", "ours"])
    assert "the ways are btp-trust, " in capsys.readouterr().err


def test_table_has_gaps() -> None:
    """A cell has one number for each latency; what the run left out is marked."""
    text = times_table(Results(2, 60.0, {}, GOOD))
    assert "| `preview` | 100 | 5.0 / 6.0 | … / … |" in text
    assert "| `up` | 100 | 10.0 / 15.0 | … / 99.0 |" in text


def test_picture_has_every_row() -> None:
    """The picture has a mark for each row of the longest latency, inside its panels, and all numbers in words."""
    picture = draw(GOOD)
    marks = [float(x) for x in re.findall(r'<circle class="mark[^"]*" cx="([\d.]+)"', picture)]
    assert len(marks) == len([each for each in GOOD if each.case.latency_ms == 100 and each.case.command in COMMANDS])
    assert all(0 < x < 880 for x in marks)
    assert "naive provider 99.0 s for 100" in picture
    assert all(words in picture for words in ("<title ", "prefers-color-scheme: dark", "</svg>"))


def test_page_has_the_results() -> None:
    """Tables and picture are those of the last run."""
    results = msgspec.convert(json.loads(RESULTS.read_text()), Results)
    page = PAGE.read_text()
    assert {mark: section(page, mark) for mark in sections(results)} == sections(results)
    assert PICTURE.read_text() == draw(results.rows)
