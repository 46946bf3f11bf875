"""Parts b and c of `make bench-fleet`: many stacks in waves, and the same under faults and kills."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest

from btp_trust_emulator import FaultKind
from btp_trust_fleet.ledger.records import StackEnded
from btp_trust_fleet.stack_run.task import StackState, Verb
from fleet import chaos, service, stacks
from fleet.__main__ import parse
from fleet.books import wrong_ends, wrong_rows
from fleet.chaos import ChaosResults
from fleet.faults import plan_faults
from fleet.many_page import (
    CHAOS_MARK,
    CHAOS_RESULTS,
    WAVES_MARK,
    WAVES_RESULTS,
    WavesResults,
    chaos_sections,
    waves_sections,
)
from fleet.page import PAGE
from fleet.split import split_state
from fleet.stacks import SUCCESSOR, Stacks, wrong_signers
from fleet.waves import DRIVERS, WavesRow, WrongSwaps, measure
from support.page_sections import section
from support.pulumi_project import AS_INSTALLED

NOW = datetime(2026, 11, 30, tzinfo=UTC)
SIGNERS = {"s0000": ["a" * 64, "b" * 64]}


@pytest.fixture(scope="module")
def created(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    """Three prepared stacks, one in each wave."""
    folder = tmp_path_factory.mktemp("many")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "KEY_SIZE", 1024)
        with service.run(folder, 3) as started:
            created = stacks.create(started, folder / "stacks")
            for name in AS_INSTALLED:  # the figures of a test are of no use, so its commands may be quick
                del created.project.variables[name]
            yield created


def end(state: StackState, signer: str | None) -> StackEnded:
    """Return the end of a stack."""
    return StackEnded(
        at=NOW,
        run="r",
        wave="canary",
        stack="s0000",
        verb=Verb.ROTATE,
        generation=SUCCESSOR,
        state=state,
        started_at=NOW,
        signer_after=signer,
    )


@pytest.mark.parametrize("name", ["local-4", "dask-1"])
def test_driver_rotates_each_once(created: Stacks, name: str) -> None:
    """Stacks that were taken apart rotate in three waves, by both schedulers, and are restored in between."""
    measured = measure(created, DRIVERS[name])
    assert (measured.stacks, created.service.swaps()) == (3, 3)
    assert measured.cpu_seconds > 3
    assert measured.line.startswith("3 stacks, ")


def test_missing_swap_ends_measurement(created: Stacks) -> None:
    """A run without rotations is no measurement of rotations."""
    created.declare(stacks.SIGNER)
    try:
        with pytest.raises(WrongSwaps, match="s0000: 0 swaps"):
            measure(created, DRIVERS["local-4"])
    finally:
        created.declare(SUCCESSOR)


def test_chaos_leaves_equal_books(created: Stacks, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost answer, a stale reading, a rival and a killed driver: the fleet gets done, and all books agree."""
    monkeypatch.setattr(chaos, "WORKERS", 2)
    monkeypatch.setattr(chaos, "KILLS", {0.3: "worker", 0.6: "driver"})
    lines: list[str] = []
    kinds = [FaultKind.STALE_AFTER_WRITE, FaultKind.RIVAL_BEFORE]
    results = chaos.run(created, kinds, 1, lines.append)
    assert results.problems == []
    assert (results.workers_killed, results.drivers_killed) == (1, 1)
    assert results.met == {"do_then_close": 1, "rival_before": 1, "stale_after_write": 1}
    assert results.runs == len([line for line in lines if line.startswith("run ")]) > 1


def test_state_is_taken_apart() -> None:
    """Each stack gets its own resources, by their own names, and what all stacks have."""
    urn = "urn:pulumi:dev::project::"
    passive = f"{urn}pulumi-python:dynamic/btp-trust:PassiveTrustCertificate::"
    resources = [
        {"urn": f"{urn}pulumi:pulumi:Stack::project-dev", "type": "pulumi:pulumi:Stack", "outputs": {"a": 1, "b": 2}},
        {"urn": f"{urn}pulumi:providers:pulumi-python::default", "type": "provider"},
        {"urn": f"{passive}a-next", "type": "passive", "outputs": {"resource_urn": f"{passive}a-next"}},
        {"urn": f"{passive}b-next", "type": "passive", "outputs": {}},
    ]
    state = {"checkpoint": {"stack": "organization/project/dev", "latest": {"resources": resources}}}
    split = {name: json.loads(text) for name, text in split_state(json.dumps(state), ["a", "b"]).items()}
    assert split["a"]["checkpoint"]["stack"] == "organization/project/a"
    stack, _, own = split["a"]["checkpoint"]["latest"]["resources"]
    assert (stack["urn"].rpartition("::")[2], stack["outputs"]) == ("project-a", {"fingerprint": 1})
    renamed = "urn:pulumi:a::project::pulumi-python:dynamic/btp-trust:PassiveTrustCertificate::next"
    assert own == {"urn": renamed, "type": "passive", "outputs": {"resource_urn": renamed}}


@pytest.mark.parametrize(("number", "each"), [(22, 1), (1000, 20)])
def test_faults_have_every_kind(number: int, each: int) -> None:
    """Each kind disturbs 2 % of the subaccounts, none has two, and a seed repeats them."""
    guids = [f"{index}" for index in range(number)]
    planned = plan_faults(guids, FaultKind, 7)
    lost = {FaultKind.DO_THEN_CLOSE: 2 * each}  # a swap is read again only if its answer was lost
    assert Counter(fault.kind for fault in planned) == dict.fromkeys(FaultKind, each) | lost
    assert len({fault.subaccount for fault in planned}) == each * len(FaultKind)
    assert plan_faults(guids, FaultKind, 7) == planned != plan_faults(guids, FaultKind, 8)


def test_few_subaccounts_share_faults() -> None:
    """More kinds than subaccounts: some get several faults, and no kind is left out."""
    planned = plan_faults(["x", "y"], FaultKind, 1)
    assert {fault.kind for fault in planned} == set(FaultKind)


@pytest.mark.parametrize(
    ("signers", "words"),
    [([], []), (["a"], ["s: 0 swaps"]), (["a", "b"], []), (["a", "b", "a"], ["s: 2 swaps"])],
)
def test_second_swap_is_found(signers: list[str | None], words: list[str]) -> None:
    """A subaccount without a swap, or with one too many, is a difference."""
    assert list(wrong_signers({"s": signers} if signers else {})) == words


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([], "lost"),
        ([end(StackState.CHANGED, "b" * 64), end(StackState.FAILED, "b" * 64)], "has failed"),
        ([end(StackState.CHANGED, "a" * 64)], "signer aaaaaaaa for bbbbbbbb"),
        ([end(StackState.LOST, None), end(StackState.UNCHANGED, "b" * 64)], ""),
    ],
)
def test_ledger_differs_from_journal(records: list[StackEnded], words: str) -> None:
    """A lost stack, one that failed last, and another signer are differences."""
    found = list(wrong_ends(SIGNERS, records))
    assert len(found) == bool(words)
    assert words in "".join(found)


@pytest.mark.parametrize(
    ("rows", "differences"),
    [
        ([], 1),
        ([("OK", SUCCESSOR, "bbbbbbbb (2028-11)")], 0),
        ([("CRITICAL", SUCCESSOR, "bbbbbbbb (2028-11)")], 1),
        ([("OK", SUCCESSOR, "aaaaaaaa (2028-11)")], 1),
    ],
)
def test_report_differs_from_journal(rows: list[tuple[str, str, str]], differences: int) -> None:
    """A missing row, another state and another signer are differences."""
    shown = [{"name": "s0000", "state": state, "generation": name, "signer": signer} for state, name, signer in rows]
    assert len(list(wrong_rows(SIGNERS, shown))) == differences


def test_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Parts, drivers and kinds that do not exist are refused with the list of all."""
    for option, words in (("--parts", "a, b, c"), ("--drivers", "local-4, dask-1"), ("--kinds", "fail, html")):
        with pytest.raises(SystemExit):
            parse([option, "x"])
        assert words in capsys.readouterr().err
    assert parse(["--parts", "c,a"]).parts == ["a", "c"]


def test_table_has_rates() -> None:
    """A row of the table has its rate, what each stack took, and what others took."""
    row = WavesRow(DRIVERS["dask-2"], 24, 60.0, 72.0, 0.014, 0.5)
    text = waves_sections(WavesResults(2, {"tokens_per_second": 300, "slots_per_second": 400}, [row]))[WAVES_MARK]
    assert "| on workers of Dask | 2 | 60 | 24.0 | 3.0 | 0.5 |" in text
    assert "300 tokens or 400 slots a second; it was busy for at most 1% of the time" in text


def test_page_tells_problems() -> None:
    """Differences between the books stand in place of the good result; a kind without a request counts as 0."""
    results = ChaosResults(
        2, 40, 7, 300.0, 12, 1, 2, {"fail": 1, "html": 2}, {"html": 2}, {"lost": 3}, ["s0000: 2 swaps"]
    )
    text = chaos_sections(results)[CHAOS_MARK]
    assert "- Result: s0000: 2 swaps." in text
    assert "3 faults of 2 kinds (seed 7), of which 2 disturbed a request" in text
    assert "and the driver 2 times" in text
    assert "| 1 | 0 |" in text


def test_page_has_the_results() -> None:
    """The parts of the page are those of the last runs, and these have kept every promise."""
    page = PAGE.read_text()
    waves_results = msgspec.convert(json.loads(WAVES_RESULTS.read_text()), WavesResults)
    chaos_results = msgspec.convert(json.loads(CHAOS_RESULTS.read_text()), ChaosResults)
    assert chaos_results.problems == []
    for mark, text in (waves_sections(waves_results) | chaos_sections(chaos_results)).items():
        assert section(page, mark) == text
