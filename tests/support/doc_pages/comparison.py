"""Compare the output of a command with the output that a page shows.

`…` alone on a line stands for any number of lines. Values that differ from run to run are masked: dates, durations,
the port. A fingerprint on a page stands for one fingerprint of the run, everywhere on the page, whole or shortened.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

PORT = "8642"
"""The emulator's port on the pages; a run takes a free one."""
_FINGERPRINT = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{8})\b(?!-)")
_MASKS = (
    (_FINGERPRINT, "<fingerprint>"),
    (re.compile(r"\b(?:[0-9A-F]{2}:){19}[0-9A-F]{2}\b"), "<sha1>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<moment>"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "<day>"),
    (re.compile(r"\b\d{8}T\d{6}Z"), "<moment>"),
    (re.compile(r"\(\d+(\.\d+)?s\)|\(\d+ s\)|Duration: \d+s"), "<duration>"),
    (re.compile(r"\b\d\.\d+e\+09\b"), "<Unix time>"),
    (re.compile(r'(?<=serial_number=")[0-9a-f]+'), "<serial number>"),
    (re.compile(r"(?<=refused calls for )\d+\.\d s"), "<gap>"),
)
_DIAGNOSTICS = "Diagnostics:"
_PROGRESS_LINE = re.compile(r"@ \w+ ?\w*\.+$| {4}pulumi:pulumi:Stack \S+ ?( running .*| )$|$")


@dataclass
class RunValues:
    """The values of one run that stand for values of the page."""

    port: str
    fingerprints: dict[str, str] = field(default_factory=dict)
    """{fingerprint of the page, whole or shortened: fingerprint of this run}"""

    def substitute(self, text: str) -> str:
        """Replace the fingerprints and the port of the page by those of the run."""
        text = _FINGERPRINT.sub(lambda match: self.fingerprints.get(match[0], match[0]), text)
        return re.sub(rf"(?<=:){PORT}\b|(?<=--port ){PORT}\b", self.port, text)

    def difference(self, shown: Sequence[str], stdout: Sequence[str], stderr: Sequence[str]) -> str | None:
        """Return the first difference between the page and the output, with stderr only if stdout differs."""
        if not shown:
            return None
        fingerprints, problem = self.fingerprints, None
        both = [*stdout, *stderr]
        for printed in (stdout, *_in_other_orders(shown, stdout), both, *_in_other_orders(shown, both)):
            self.fingerprints = fingerprints
            problem = self._first_difference(shown, printed)
            if problem is None:
                break
        return problem

    def _first_difference(self, shown: Sequence[str], printed: Sequence[str]) -> str | None:
        lines = [line.rstrip() for line in printed if not _PROGRESS_LINE.fullmatch(line)]
        position, anywhere = 0, False
        for is_gap, group in itertools.groupby(shown, key=lambda line: line.strip() == "…"):
            if is_gap:
                anywhere = True
                continue
            chunk = [line.rstrip() for line in group if line.strip()]
            start = self._find(chunk, lines, position, anywhere=anywhere)
            if start is None:
                return "not printed here:\n" + "\n".join(chunk)
            position, anywhere = start + len(chunk), False
        return None if anywhere or position == len(lines) else f"not shown: {lines[position]}"

    def _find(self, chunk: Sequence[str], lines: Sequence[str], start: int, *, anywhere: bool) -> int | None:
        last = len(lines) - len(chunk) if anywhere else start
        masked = [_mask(self.substitute(line)) for line in chunk]
        for position in range(start, last + 1):
            candidate = lines[position : position + len(chunk)]
            if [_mask(line) for line in candidate] == masked and self._match_fingerprints(chunk, candidate):
                return position
        return None

    def _match_fingerprints(self, chunk: Sequence[str], printed: Sequence[str]) -> bool:
        """Return True if each fingerprint of the page stands for one of the run; record the new ones."""
        pairs = zip(*(_FINGERPRINT.findall("\n".join(lines)) for lines in (chunk, printed)), strict=True)
        fingerprints = dict(self.fingerprints)
        for page, run in pairs:
            if (fingerprints.setdefault(page, run), fingerprints.setdefault(page[:8], run[:8])) != (run, run[:8]):
                return False
        if len(set(fingerprints.values())) < len(fingerprints):
            return False
        self.fingerprints = fingerprints
        return True


def _in_other_orders(shown: Sequence[str], printed: Sequence[str]) -> Iterator[list[str]]:
    """Give the output with its diagnostics in the order of the page: Pulumi prints resources in a random one.

    The page leaves some of them out, and has a gap before or after the others.
    """
    lines = list(printed)
    start = next((n for n, line in enumerate(lines, 1) if line.rstrip() == _DIAGNOSTICS), len(lines))
    end = next((n for n, line in enumerate(lines[start:], start) if line and not line.startswith(" ")), len(lines))
    resources: list[list[str]] = []
    for line in lines[start:end]:
        if re.match(r" {2}\S", line):
            resources.append([])
        if resources:
            resources[-1].append(line)
    places = {heading: shown.index(heading) for heading, *_ in resources if heading in shown}
    for place_of_hidden in (-1, len(shown)):
        resources.sort(key=lambda resource: places.get(resource[0], place_of_hidden))
        yield [*lines[:start], *itertools.chain(*resources), *lines[end:]]


def _mask(line: str) -> str:
    for pattern, mask in _MASKS:
        line = pattern.sub(mask, line)
    return line
