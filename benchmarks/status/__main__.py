"""Time `btp-trust status` for many subaccounts of a slow service, write the number: `make bench-status`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence

from btp_trust_emulator import Emulator, FaultKind
from status.page import LIMIT_SECONDS, PAGE, RESULTS, sentence, write_sentence

LATENCY_SECONDS = 0.1


def create_keys(emulator: Emulator, number: int) -> dict[str, str]:
    """Create subaccounts that share one certificate, whose generation is not what is measured; return their keys."""
    first = emulator.create_subaccount(generate=True)
    certificate = emulator.certificates(first.guid)[0]
    guids = [first.guid, *(emulator.create_subaccount(active=certificate).guid for _ in range(number - 1))]
    return {
        f"BTP_TRUST_SERVICE_KEY_{index}": json.dumps(emulator.service_key(guid)) for index, guid in enumerate(guids)
    }


def seconds_of(keys: Mapping[str, str], folder: str) -> float:
    """Run the command on these keys, and return how long it took."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BTP_TRUST_")}
    began = time.perf_counter()
    done = subprocess.run(  # noqa: S603 - this project's own command
        [sys.executable, "-m", "btp_trust_cli", "status", "--json", "-C", folder],
        env={**kept, **keys},
        capture_output=True,
        text=True,
        check=True,
    )
    took = time.perf_counter() - began
    if json.loads(done.stdout)["counts"]["OK"] != len(keys):
        raise RuntimeError(done.stdout[:1000])
    return took


def main(words: Sequence[str]) -> int:
    """Run, write, tell. Returns the exit status: 0 if it is within the limit."""
    parser = argparse.ArgumentParser("status", description=__doc__)
    parser.add_argument("--subaccounts", type=int, default=1000, help="how many (%(default)s)")
    number = parser.parse_args(words).subaccounts
    with tempfile.TemporaryDirectory() as folder, Emulator(socket=True, key_size=1024) as emulator:
        keys = create_keys(emulator, number)
        emulator.fault(FaultKind.SLOW, seconds=LATENCY_SECONDS, count=10 * number)
        seconds = seconds_of(keys, folder)
    numbers = {"subaccounts": number, "latency_ms": round(LATENCY_SECONDS * 1000), "seconds": round(seconds, 1)}
    print(sentence(numbers))
    RESULTS.write_text(f"{json.dumps(numbers, indent=2)}\n")
    write_sentence(PAGE, numbers)
    return int(seconds > LIMIT_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
