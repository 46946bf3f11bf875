"""`fleet.yaml` as a checked value. Light: programs load it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import msgspec

from btp_trust.errors import ConfigurationError
from btp_trust.secret_guard.detection import find_secret
from btp_trust_fleet.table.checks import check_file
from btp_trust_fleet.table.document import Document, Place, read_document
from btp_trust_fleet.table.fleet import Fleet, fleet_of
from btp_trust_fleet.table.schema import FleetFile, SubaccountEntry, WaveEntry

FILE_NAME: Final = "fleet.yaml"
_PLACE: Final = re.compile(r" - at `(?P<key>key in )?`?\$?(?P<path>[^`]*)`$")
_STEP: Final = re.compile(r"\.(\w+)|\[(\d+)\]")
_UNKNOWN: Final = re.compile(r"unknown field `(.*)`$")
_MISSING: Final = re.compile(r"missing required field `(.*)`$")
_PATTERN: Final = re.compile(r"Expected `str` matching regex .*")
_BLANK: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters, marks and symbols by Unicode, and yet nothing to see: fillers, joiners, selectors of variants."""
_EXAMPLES: Final = {
    "name": "name: canary",
    "soak": "soak: 7d",
    "stop_after": "stop_after: 1",
    "approval": "approval: prompt, approval: file or approval: none",
    "labels": "labels: [production]",
    "subaccounts": "subaccounts: [acme-dev]",
    "generation": 'generation: "2028-11"',
    "passive": 'passive: "2028-11"',
    "connection": "connection: acme-dev",
    "stack": "stack: acme-dev",
}
"""{key: how it is written}"""
_KEYS: Final = {
    "": FleetFile.__struct_fields__,
    "subaccounts": SubaccountEntry.__struct_fields__,
    "waves": WaveEntry.__struct_fields__,
}


def read_fleet(path: Path) -> Fleet:
    """Read and check the table of a fleet.

    Raises:
        ConfigurationError: The file is unreadable, or a line is wrong: the message names it.
    """
    document = read_document(path)
    _refuse_secrets(document)
    file = _convert(document)
    check_file(file, document)
    _refuse_invisible(document)
    return fleet_of(file, path)


def _refuse_secrets(document: Document) -> None:
    kind = find_secret(document.value)
    if kind is not None:
        raise document.refusal(
            (),
            f"The file holds {kind}.",
            "Take it out and renew it; give keys by btp-trust:connections or the environment (pulumi config --secret).",
        )


def _refuse_invisible(document: Document) -> None:
    """Refuse line ends, control characters and outer blanks: a reviewer would miss them, and paths would have them."""
    for place, text in _texts(document.value, ()):
        if not text.isprintable() or text != text.strip() or _BLANK.search(text):
            problem = "The value has an invisible character, or a blank at its beginning or end."
            raise document.refusal(place, problem, "Write it anew in one line, by hand.")


def _texts(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        yield place, value
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, part in parts:
        yield from _texts(part, (*place, step))


def _convert(document: Document) -> FleetFile:
    try:
        return msgspec.convert(document.value, FleetFile, strict=False)
    except msgspec.ValidationError as error:
        statement = str(error)
    # Raised after the handler, which would show the decoder's error too.
    raise _translate(statement, document)


def _translate(statement: str, document: Document) -> ConfigurationError:
    """Say what is wrong in the words of the file."""
    match = _PLACE.search(statement)
    place = _parse_place(match["path"]) if match else ()
    problem = statement[: match.start()] if match else statement
    where = ".".join(str(step + 1 if isinstance(step, int) else step) for step in place) or "the file"
    if unknown := _UNKNOWN.search(problem):
        return _unknown_key(document, place, where, unknown[1])
    if missing := _MISSING.search(problem):
        return document.refusal(place, f"{where} lacks {missing[1]!r}.", f"Add `{missing[1]}:` to {where}.")
    problem = _PATTERN.sub("it has another form", problem)
    key = next((step for step in reversed(place) if isinstance(step, str)), "")
    remedy = f"Write it like this: {_EXAMPLES[key]}" if len(place) > 2 else "Write the maps `subaccounts` and `waves`."  # noqa: PLR2004 - a table, a row and a key
    return document.refusal(place, f"{where} is unusable: {problem}.", remedy)


def _unknown_key(document: Document, place: Place, where: str, name: str) -> ConfigurationError:
    known = _KEYS[str(place[0]) if place else ""]
    (*similar,) = get_close_matches(name, known, n=1)
    remedy = f"Write `{similar[0]}`." if similar else f"Use one of: {', '.join(known)}."
    return document.refusal((*place, name), f"{where} has the unknown key {name!r}.", remedy)


def _parse_place(path: str) -> Place:
    steps: Iterable[Any] = _STEP.finditer(path)
    return tuple(step[1] or int(step[2]) for step in steps)
