"""Compare what is written about a rotation: the emulator's journal, the ledger, the states, and the report on them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from btp_trust_fleet.ledger.ledger_file import read_records
from btp_trust_fleet.ledger.records import Record, StackEnded
from fleet.stacks import SUCCESSOR, Stacks, wrong_signers

SHORT = 8
"""Digits of a fingerprint in the report."""


def problems(stacks: Stacks) -> list[str]:
    """Return each difference between the books."""
    signers = stacks.signers()
    records, _ = read_records(stacks.ledger)
    printed, _ = stacks.start("status", "--json").communicate()
    return [
        *wrong_signers(signers),
        *wrong_ends(signers, records),
        *wrong_rows(signers, json.loads(printed)["stacks"]),
    ]


def wrong_ends(signers: Mapping[str, Sequence[str | None]], records: Sequence[Record]) -> Iterator[str]:
    """Describe each subaccount whose last record in the ledger differs from the journal."""
    last = {record.stack: record for record in records if isinstance(record, StackEnded)}
    for name, seen in signers.items():
        if (end := last.get(name)) is None:
            yield f"{name}: lost, the ledger has no end"
        elif not end.state.is_green or end.signer_after != seen[-1]:
            yield f"{name}: the ledger has {end.state} with signer {_short(end.signer_after)} for {_short(seen[-1])}"


def wrong_rows(signers: Mapping[str, Sequence[str | None]], rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Describe each subaccount whose row in `btp-trust fleet status` differs from the journal."""
    shown = {row["name"]: (row["state"], row["generation"], row["signer"]) for row in rows}
    for name, seen in signers.items():
        state, generation, signer = shown.get(name, ("no row", None, None))
        if (state, generation) != ("OK", SUCCESSOR) or _short(seen[-1]) not in (signer or ""):
            yield f"{name}: the report has {state} with signer {signer} for {_short(seen[-1])}"


def _short(fingerprint: str | None) -> str:
    return (fingerprint or "none")[:SHORT]
