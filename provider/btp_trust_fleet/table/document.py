"""A YAML file as plain values, and the line of each. Light: programs load it.

Each scalar is its literal text: YAML 1.1 would read `no` as false, `2028-11-01` as a date and `010` as 8.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from btp_trust.errors import ConfigurationError

Place = tuple[str | int, ...]
"""Where a value stands: ("waves", 0, "soak")."""
MAX_BYTES: Final = 4 * 1024 * 1024
MAX_DEPTH: Final = 20
"""A table has four levels; PyYAML ends the process at some thousands."""
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL: Final = "tag:yaml.org,2002:null"
_WHY: Final = "The table declares which certificate signs in each subaccount, and a reviewer reads it line by line."


@dataclass(frozen=True)
class Document:
    """A file, read."""

    path: Path
    value: Any
    lines: dict[Place, int] = field(default_factory=dict)

    def line_of(self, place: Place) -> int:
        """Return the line of a place, or that of the nearest place around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def refusal(self, place: Place, problem: str, remedy: str) -> ConfigurationError:
        """Return the error about a place."""
        return refusal(self.path, self.line_of(place), problem, remedy)


def refusal(path: Path, line: int, problem: str, remedy: str) -> ConfigurationError:
    """Return the error about a line."""
    return ConfigurationError(f"{path}, line {line}: {problem}", _WHY, remedy)


def read_document(path: Path) -> Document:
    """Read a YAML file.

    Raises:
        ConfigurationError: It is missing, or something else than one plain YAML document.
    """
    return _Reader(path).read(_read_text(path))


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(
            f"The table of the fleet is unreadable: {path}.",
            f"{type(error).__name__}: {error.strerror}.",
            "Run the command in the folder of the table (-C), or name the file: --file PATH.",
        ) from None
    if len(content) > MAX_BYTES:
        raise refusal(path, 1, f"The file is larger than {MAX_BYTES:,} bytes.", "Split the fleet into several tables.")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise refusal(path, line, "The file has bytes other than UTF-8.", "Save the file in UTF-8.") from None


class _Reader:
    """Reads one document.

    Args:
        path: The file, for messages.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: dict[Place, int] = {}
        self._seen: set[int] = set()

    def read(self, text: str) -> Document:
        root = self._compose(text)
        value = None if root is None else self._value(root, ())
        return Document(self._path, value, self._lines)

    def _compose(self, text: str) -> yaml.Node | None:
        try:
            self._refuse_depth(text)
            return yaml.compose(text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = 1 if mark is None else mark.line + 1
            problem = f"The file is other than YAML: {error.problem or error.context}."
        except yaml.YAMLError:
            line, problem = 1, "The file has a character that YAML forbids."
        raise refusal(self._path, line, problem, "Correct the line: indent by spaces, and quote texts with colons.")

    def _refuse_depth(self, text: str) -> None:
        """Refuse lists of lists of lists, by the parser's events: reading them as nodes recurs."""
        depth = 0
        for event in yaml.parse(text, Loader=_LOADER):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                line = 1 if event.start_mark is None else event.start_mark.line + 1
                raise refusal(self._path, line, "The values are nested too deeply.", "Write the table as in the docs.")

    def _value(self, node: yaml.Node, place: Place) -> Any:
        if id(node) in self._seen:
            # An alias of an alias of an alias would also grow without limit.
            line = Document(self._path, None, self._lines).line_of(place)
            raise refusal(self._path, line, "An alias repeats another value.", "Write the value in this place too.")
        self._seen.add(id(node))
        self._lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(part, (*place, index)) for index, part in enumerate(node.value)]
        return None if node.tag == _NULL else str(node.value)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, part in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise refusal(self._path, line, "A key is a list or a map.", "Write a plain key.")
            name = str(key.value)
            if name in found:
                raise refusal(self._path, line, f"The key {name!r} is there twice.", "Keep one of both.")
            self._lines[(*place, name)] = line
            found[name] = self._value(part, (*place, name))
        # As if it was left out: `passive:` without a value.
        return {name: value for name, value in found.items() if value is not None}
