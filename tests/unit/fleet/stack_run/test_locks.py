"""The lock of a stack: whose it is, and whether its holder is gone. The texts are those of Pulumi 3.276."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from btp_trust_fleet.stack_run.locks import (
    Holder,
    Lock,
    parse_lock,
    process_is_alive,
    sees_all_processes,
    waiting_times,
)

COUNTED = (
    "error: the stack is currently locked by {} lock(s). Either wait for the other process(es) to end or delete the "
    "lock file with `pulumi cancel`.\n"
)
ONE = "  file:///b/.pulumi/locks/organization/project/dev/4.json?no_tmp_dir=true: created by {} (pid 30491) at {}\n"
SINCE = datetime(2026, 11, 30, 13, 14, 27, tzinfo=UTC)
ROOT = ONE.format("root@vm", "2026-11-30T13:14:27Z")
CLOUD = "error: [409] Conflict: Another update is currently in progress.\nTo learn more about possible reasons …\n"
HOLDER = Holder("root", "vm", 30491, SINCE)


@pytest.mark.parametrize(
    ("stderr", "lock"),
    [
        ("error: no stack named 'nope' found\n", None),
        (COUNTED.format(1) + ROOT, Lock((HOLDER,), is_complete=True)),
        (COUNTED.format(2) + ROOT, Lock((HOLDER,))),
        (COUNTED.format(2) + ROOT + ROOT, Lock((HOLDER, HOLDER), is_complete=True)),
        (
            COUNTED.format(1) + ONE.format("a@b@vm", "2026-11-30T14:14:27+01:00"),
            Lock((Holder("a@b", "vm", 30491, SINCE),), is_complete=True),
        ),
        (COUNTED.format(1) + ONE.format("root@vm", "yesterday"), Lock()),
        (COUNTED.format(1) + ONE.format("root@vm", "2026-11-30T13:14:27"), Lock()),
        (CLOUD, Lock()),
    ],
)
def test_holders_are_read(stderr: str, lock: Lock | None) -> None:
    """Each lock of a backend of files has user, host, process and time; a lock without them is incomplete."""
    assert parse_lock(stderr) == lock


def test_lock_is_named() -> None:
    """A person finds the process by it."""
    assert str(Lock((HOLDER, HOLDER))).startswith("root@vm (pid 30491) since 2026-11-30T13:14:27Z; root@vm")
    assert "Pulumi Cloud" in str(Lock())


@pytest.mark.parametrize(
    ("lock", "alive", "dead"),
    [
        (Lock((HOLDER,), is_complete=True), False, True),
        (Lock((HOLDER,), is_complete=True), True, False),
        (Lock((HOLDER,)), False, False),
        (Lock((HOLDER, Holder("root", "other", 1, SINCE)), is_complete=True), False, False),
        (Lock(), False, False),
    ],
)
def test_only_known_dead_is_dead(lock: Lock, alive: bool, dead: bool) -> None:  # noqa: FBT001 - a column of the table
    """Dead is a lock all of whose holders are of this host, and gone."""
    assert lock.is_dead("vm", lambda _: alive) is dead


def test_process_is_known_by_start() -> None:
    """A process that started after the lock was made has the number of one that is gone."""
    now = datetime.now(UTC)
    assert process_is_alive(Holder("me", "vm", os.getpid(), now))
    assert not process_is_alive(Holder("me", "vm", os.getpid(), now - timedelta(days=9)))
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert not process_is_alive(Holder("me", "vm", process.pid, now))


def test_pulumi_counts_as_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process called Pulumi may be the holder, although a clock that was set lets it seem younger than its lock."""
    monkeypatch.setattr(psutil.Process, "name", lambda _: "pulumi")
    assert process_is_alive(Holder("me", "vm", os.getpid(), datetime.now(UTC) - timedelta(days=9)))


def test_unknown_process_counts_as_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that refuses to tell leaves the lock alone."""

    def refuse(pid: int) -> psutil.Process:
        raise psutil.AccessDenied(pid)

    monkeypatch.setattr(psutil, "Process", refuse)
    assert process_is_alive(HOLDER)


def test_container_sees_some_processes(tmp_path: Path) -> None:
    """Only the first namespace of processes has all of the host; other systems have no namespaces."""
    for number, sees in ((4026531836, True), (4026532999, False)):
        namespace = tmp_path / str(number)
        namespace.symlink_to(f"pid:[{number}]")
        assert sees_all_processes(namespace) is sees
    assert sees_all_processes(tmp_path / "missing/pid")


@pytest.mark.parametrize("limit", [0, 1, 2, 7, 100, 600])
def test_pauses_fill_limit(limit: float) -> None:
    """Pauses grow up to half a minute, and their sum is the limit."""
    pauses = waiting_times(limit)
    assert sum(pauses) == limit
    assert all(pause <= 30 for pause in pauses)
    assert pauses[:-1] == sorted(pauses[:-1])
