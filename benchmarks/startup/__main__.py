"""Time commands that find everything unchanged in pairs, write numbers and table: `make bench-startup`."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from btp_trust_emulator import Emulator
from startup.page import PAGE, RESULTS, table, write_table
from startup.pairs import LIMIT, Pair, ratio, to_json
from support.pulumi_project import AS_INSTALLED, PulumiProject, rotation_program

PREPARED = rotation_program("2028-11", "2026-11")
EMPTY = """\
import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider


class EmptyProvider(ResourceProvider):
    def create(self, props):
        return CreateResult("id", {})


class Empty(Resource, name="Empty"):
    pass


for name in ("next", "rotation", "signing"):
    Empty(EmptyProvider(), name, {})
pulumi.export("fingerprint", "")
"""
COMMANDS: dict[str, tuple[str, ...]] = {"preview": ("preview",), "up": ("up", "--yes", "--skip-preview")}


def seconds_of(project: PulumiProject, words: Sequence[str]) -> float:
    """Run a command on an unchanged program, and return how long it took."""
    began = time.perf_counter()
    output = project.pulumi(*words)
    took = time.perf_counter() - began
    if "unchanged" not in output:
        raise RuntimeError(output.text)
    return took


def measure(ours: PulumiProject, empty: PulumiProject, pairs: int) -> dict[str, list[Pair]]:
    """Time each command in pairs; the two programs take turns in being first.

    The first pair of each command is left out: the machine reads files that it has in memory for the others.
    """
    measured: dict[str, list[Pair]] = {name: [] for name in COMMANDS}
    for number in range(pairs + 1):
        for name, words in COMMANDS.items():
            order = (ours, empty) if number % 2 else (empty, ours)
            seconds = {id(project): seconds_of(project, words) for project in order}
            measured[name].append(Pair(seconds[id(ours)], seconds[id(empty)]))
    return {name: each[1:] for name, each in measured.items()}


def deploy(folder: Path, emulator: Emulator, text: str) -> PulumiProject:
    """Deploy a program once, so that all later commands find it unchanged."""
    guid = emulator.create_subaccount(generate=True).guid
    project = PulumiProject(folder, emulator, guid, variables=dict(AS_INSTALLED), secrets_provider="passphrase")
    project.create_stack(text).set_service_key_in_environment().up()
    return project


def main(words: Sequence[str]) -> int:
    """Run, write, tell. Returns the exit status: 0 if all ratios are within the limit."""
    parser = argparse.ArgumentParser("startup", description=__doc__)
    parser.add_argument(
        "--pairs", type=int, default=20, help="how often each command is timed, from 2 on (%(default)s)"
    )
    pairs = parser.parse_args(words).pairs
    with tempfile.TemporaryDirectory(prefix="btp-trust-startup-") as name, Emulator(socket=True) as emulator:
        folder = Path(name)
        measured = measure(
            deploy(folder / "ours", emulator, PREPARED), deploy(folder / "empty", emulator, EMPTY), pairs
        )
    numbers = to_json(measured)
    print(table(numbers))
    for name, each in numbers.items():
        print("Half of the pairs of `pulumi {}` have ratios from {:.2f} to {:.2f}.".format(name, *each["quartiles"]))
    RESULTS.write_text(f"{json.dumps(numbers, indent=2)}\n")
    write_table(PAGE, numbers)
    return int(any(ratio(pairs) > LIMIT for pairs in measured.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
