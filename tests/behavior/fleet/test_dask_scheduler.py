"""Stacks on a Dask cluster of two processes: each task runs at most once, and has one outcome."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import Client, Future, LocalCluster
from distributed.security import Security

from btp_trust.errors import ConfigurationError
from btp_trust_fleet.schedulers.dask_cluster import DaskScheduler
from btp_trust_fleet.schedulers.dask_worker import WORKER_TTL_SECONDS
from btp_trust_fleet.stack_run.task import StackOutcome, StackState
from support.fake_pulumi_runs import FakePulumiRuns
from support.fleet_previews import printed
from support.stack_runs import stack_task
from support.tls import Authority

SLEEPS = 'mkdir "began-$$"; trap "exit 1" INT; sleep 60 & wait'


@contextlib.contextmanager
def _cluster(**settings: Any) -> Iterator[LocalCluster]:
    given = {"threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50, **settings}
    with warnings.catch_warnings(action="ignore"), LocalCluster(**given) as started:
        yield started


@pytest.fixture
def cluster(pulumi: FakePulumiRuns) -> Iterator[LocalCluster]:
    """A scheduler, and two workers with one thread each, whose PATH has the fake."""
    pulumi.answer("preview", printed())
    with _cluster(n_workers=2) as started:
        yield started


@pytest.fixture
def empty_cluster() -> Iterator[LocalCluster]:
    """A scheduler without workers."""
    with _cluster(n_workers=0) as started:
        yield started


@pytest.fixture
def tls_files(tmp_path: Path) -> dict[str, str]:
    """Files of an authority, and of certificates of both sides."""
    authority = Authority()
    client, scheduler = authority.issue(is_client=True), authority.issue("127.0.0.1")
    texts = {"ca": authority.pem, "client": client.certificate + client.key, "scheduler": scheduler.certificate}
    texts["scheduler"] += scheduler.key
    for name, text in texts.items():
        (tmp_path / f"{name}.pem").write_text(text)
    return {name: str(tmp_path / f"{name}.pem") for name in texts}


def _certificates(files: dict[str, str]) -> Any:
    """Return Dask's settings with these files, as the environment of a driver has them."""
    tls = "distributed.comm.tls"
    return dask.config.set({f"{tls}.ca-file": files["ca"], f"{tls}.client.cert": files["client"]})


def _wait_until(happens: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not happens():
        assert time.monotonic() < ends
        time.sleep(0.05)


def _outcomes(scheduler: DaskScheduler, number: int) -> list[StackOutcome]:
    outcomes = [scheduler.next_outcome(60) for _ in range(number)]
    return [outcome for outcome in outcomes if outcome is not None]


def test_each_task_has_one_outcome(pulumi: FakePulumiRuns, cluster: LocalCluster) -> None:
    """Results come once, and nothing of them stays in the cluster."""
    scheduler = DaskScheduler(cluster.scheduler_address)
    names = [f"stack-{number}" for number in range(5)]
    for name in names:
        scheduler.submit(stack_task(pulumi.folder, stack=name))
    outcomes = _outcomes(scheduler, len(names))
    assert sorted(outcome.stack for outcome in outcomes) == names
    assert {outcome.state for outcome in outcomes} == {StackState.UNCHANGED}
    assert scheduler.next_outcome(0) is None
    inside: Any = cluster.scheduler
    _wait_until(lambda: inside.tasks == {})
    assert (inside.allowed_failures, inside.worker_ttl) == (0, WORKER_TTL_SECONDS)
    scheduler.close()


def test_task_of_dead_worker_is_lost(pulumi: FakePulumiRuns, cluster: LocalCluster) -> None:
    """`kill -9` of a worker: its stack is LOST, and runs nowhere again; the others end, as INTERRUPTED if asked."""
    (pulumi.folder / "answers").joinpath("preview.11").unlink()
    pulumi.answer("preview", lines=SLEEPS)
    scheduler = DaskScheduler(cluster.scheduler_address)
    for number in range(6):
        scheduler.submit(stack_task(pulumi.folder, stack=str(number)))
    _wait_until(lambda: len(list(pulumi.folder.glob("began-*"))) == 2)
    os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
    (lost,) = _outcomes(scheduler, 1)
    assert (lost.state, "KilledWorker" in lost.lines[0]) == (StackState.LOST, True)
    scheduler.interrupt()
    states = {outcome.stack: outcome.state for outcome in _outcomes(scheduler, 5)}
    assert {lost.stack, *states} == set(map(str, range(6)))
    assert set(states.values()) <= {StackState.INTERRUPTED, StackState.LOST}
    assert StackState.INTERRUPTED in states.values()
    assert scheduler.next_outcome(0) is None
    scheduler.close()


def test_waiting_task_is_dropped(pulumi: FakePulumiRuns, empty_cluster: LocalCluster) -> None:
    """A task that no worker has taken ends with the interruption."""
    scheduler = DaskScheduler(empty_cluster.scheduler_address)
    scheduler.submit(stack_task(pulumi.folder))
    assert scheduler.next_outcome(0.2) is None
    scheduler.interrupt()
    (outcome,) = _outcomes(scheduler, 1)
    assert (outcome.state, outcome.lines) == (StackState.INTERRUPTED, ("Interrupted before a worker took it.",))
    scheduler.close()


def test_cancelled_task_is_lost(pulumi: FakePulumiRuns, empty_cluster: LocalCluster) -> None:
    """A task that somebody else cancels, or whose scheduler goes, has an unknown outcome."""
    scheduler = DaskScheduler(empty_cluster.scheduler_address)
    scheduler.submit(stack_task(pulumi.folder))
    with Client(empty_cluster.scheduler_address, set_as_default=False) as other:
        (future,) = scheduler._futures.values()
        _wait_until(lambda: str(future.key) in other.run_on_scheduler(_known_tasks))
        other.cancel([Future(future.key, other)], force=True)
    (outcome,) = _outcomes(scheduler, 1)
    assert outcome.state is StackState.LOST
    assert "run again, the stack becomes what its program says" in outcome.lines[1]
    scheduler.close()


def test_missing_scheduler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port at which nobody listens gets the command that starts a scheduler."""
    monkeypatch.setattr("btp_trust_fleet.schedulers.dask_cluster._CONNECT_SECONDS", 0.5)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(ConfigurationError, match="Start it there: dask scheduler"):
            DaskScheduler(address)


def test_tls_shows_certificates(pulumi: FakePulumiRuns, tls_files: dict[str, str]) -> None:
    """Over tls://, both sides show certificates of one authority."""
    certificates = {f"tls_{role}_cert": tls_files[role] for role in ("client", "scheduler")}
    security = Security(require_encryption=True, tls_ca_file=tls_files["ca"], **certificates)
    pulumi.answer("preview", printed())
    with _cluster(security=security, protocol="tls://", n_workers=0) as started, _certificates(tls_files):
        scheduler = DaskScheduler(started.scheduler_address)
        scheduler.submit(stack_task(pulumi.folder))
        assert scheduler.next_outcome(0.1) is None
        scheduler.interrupt()
        assert [outcome.state for outcome in _outcomes(scheduler, 1)] == [StackState.INTERRUPTED]
        scheduler.close()


def _known_tasks(dask_scheduler: Any) -> list[str]:
    return list(dask_scheduler.tasks)
