"""What must hold between the entries of `fleet.yaml`. Pure, light."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from btp_trust.arguments import check_generation_name
from btp_trust.errors import Refused
from btp_trust_fleet.table.document import Document, Place
from btp_trust_fleet.table.fleet import belongs
from btp_trust_fleet.table.schema import STACK_PATTERN, FleetFile, WaveEntry, bare_stack

_STACK: Final = re.compile(STACK_PATTERN, re.ASCII)


def check_file(file: FleetFile, document: Document) -> None:
    """Refuse a table that is ambiguous.

    Raises:
        ConfigurationError: Two rows share a name, a stack or a connection; a subaccount is in two waves, or in none of
            them; a wave names an unknown subaccount, or has none.
    """
    _refuse_repetitions(file, document)
    for index, wave in enumerate(file.waves):
        _check_wave(file, wave, ("waves", index), document)
    for index, entry in enumerate(file.subaccounts):
        waves = [wave.name for wave in file.waves if belongs(entry, wave)]
        place = ("subaccounts", index, "name")
        if not waves:
            remedy = "Name it in `subaccounts` of a wave, or give it the labels of one."
            raise document.refusal(place, f"{entry.name} is in none of the waves.", remedy)
        if len(waves) > 1:
            remedy = "Change the labels or the lists, so that one wave has it."
            raise document.refusal(place, f"{entry.name} is in several waves: {', '.join(waves)}.", remedy)


def _refuse_repetitions(file: FleetFile, document: Document) -> None:
    rows = file.subaccounts
    _refuse_repetition(document, "subaccounts", "name", (row.name for row in rows))
    _refuse_repetition(document, "subaccounts", "stack", (bare_stack(row.stack_name) for row in rows))
    _refuse_repetition(document, "subaccounts", "connection", (row.connection_name for row in rows))
    _refuse_repetition(document, "waves", "name", (wave.name for wave in file.waves))
    names = {row.name: index for index, row in enumerate(rows)}
    for index, row in enumerate(rows):
        if (other := names.get(row.stack_name, index)) != index:
            problem = f"The stack {row.stack_name!r} has the name of the subaccount in line {_line(document, other)}."
            remedy = "Rename one of both: `--stack` takes either, and has to mean one row."
            raise document.refusal(("subaccounts", index, "stack"), problem, remedy)
        if not _STACK.match(row.stack_name):
            remedy = "Write letters, digits, `-`, `_` and `.`, as Pulumi has it: `stack: acme-dev`."
            problem = f"{row.stack_name!r} is impossible as the name of a stack."
            raise document.refusal(("subaccounts", index, "stack"), problem, remedy)


def _line(document: Document, index: int) -> int:
    return document.line_of(("subaccounts", index, "name"))


def _refuse_repetition(document: Document, table: str, key: str, values: Iterable[str]) -> None:
    first: dict[str, int] = {}
    for index, value in enumerate(values):
        # Pulumi keeps the settings of a stack in a file, and some systems ignore capitals.
        if (before := first.setdefault(value.casefold(), index)) != index:
            line = document.line_of((table, before, key))
            problem = f"The {key} {value!r} is that of line {line}."
            raise document.refusal((table, index, key), problem, f"Give each of both a {key} of its own.")


def _check_wave(file: FleetFile, wave: WaveEntry, place: Place, document: Document) -> None:
    names = [entry.name for entry in file.subaccounts]
    for index, name in enumerate(wave.subaccounts):
        if name not in names:
            similar = get_close_matches(name, names, n=1)
            remedy = f"Write {similar[0]}." if similar else "Add it to `subaccounts`, or take it out of the wave."
            raise document.refusal((*place, "subaccounts", index), f"{name!r} is an unknown subaccount.", remedy)
    if not any(belongs(entry, wave) for entry in file.subaccounts):
        remedy = "Give it `subaccounts` or `labels`, or remove it."
        raise document.refusal(place, f"The wave {wave.name} is empty.", remedy)
    for key, value in (("generation", wave.generation), ("passive", wave.passive)):
        _check_generation(value, (*place, key), document)


def _check_generation(name: str | None, place: Place, document: Document) -> None:
    if name is None:
        return
    try:
        check_generation_name(name, str(place[-1]))
    except Refused as error:
        problem, remedy = error.what, error.remedy
    else:
        return
    raise document.refusal(place, problem, remedy)
