"""The picture: seconds against the number of subaccounts, both logarithmic; one panel for each command. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from fleet.rows import Row
from fleet.ways import OURS, WAYS
from picture_style import DARK_TEXT_STYLE, SVG, TEXT_STYLE

COMMANDS = {"preview": "pulumi preview, no changes", "up": "pulumi up, rotates all"}
WIDTH, HEIGHT = 880, 430
TOP, PANEL_HEIGHT, PANEL_WIDTH = 60, 290, 360
LEFTS = (60, 490)
LEGEND_TOP, LEGEND_WIDTH = 395, 285
HEAD = (
    SVG
    + """\
  <title id="title">Seconds of a command against the number of subaccounts, with {latency} ms of latency</title>
  <desc id="desc">{described}</desc>
  <style>
"""
    + TEXT_STYLE
    + """\
    .grid {{ stroke: #d0d7de; fill: none; }}
    .line {{ stroke: #57606a; fill: none; stroke-width: 1.5; }}
    .mark {{ fill: #57606a; }}
    .ours {{ stroke: #0969da; stroke-width: 3; }}
    .mark.ours {{ fill: #0969da; stroke: none; }}
"""
    + DARK_TEXT_STYLE
    + """\
      .grid {{ stroke: #30363d; }}
      .line {{ stroke: #9ea7b3; }}
      .mark {{ fill: #9ea7b3; }}
      .ours {{ stroke: #58a6ff; }}
      .mark.ours {{ fill: #58a6ff; }}
    }}
  </style>
  <rect class="paper" width="100%" height="100%" rx="8"/>
"""
)
DASHES = ("", "6 4", "2 3", "10 3 2 3", "12 4", "1 4")
"""Of the lines, in the order of the ways: they differ without color too."""


class Scale:
    """Both logarithmic axes of the panels: whole powers of ten around all points."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.sizes = _powers([row.case.subaccounts for row in rows])
        self.seconds = _powers([row.seconds for row in rows])

    def x(self, left: float, size: float) -> float:
        """Return the place of a number of subaccounts."""
        return left + PANEL_WIDTH * _part(self.sizes, size)

    def y(self, seconds: float) -> float:
        """Return the place of a time."""
        return TOP + PANEL_HEIGHT * (1 - _part(self.seconds, seconds))


def draw(rows: Sequence[Row]) -> str:
    """Draw the rows of the longest latency."""
    latency = max(row.case.latency_ms for row in rows)
    shown = [row for row in rows if row.case.latency_ms == latency and row.case.command in COMMANDS]
    scale = Scale(shown)
    panels = (
        line
        for (command, title), left in zip(COMMANDS.items(), LEFTS, strict=True)
        for line in draw_panel(title, [row for row in shown if row.case.command == command], left, scale)
    )
    head = HEAD.format(width=WIDTH, height=HEIGHT, latency=latency, described=describe(shown))
    return head + "\n".join([*panels, *draw_legend(shown), "</svg>\n"])


def describe(rows: Sequence[Row]) -> str:
    """Describe the largest number of each way in words."""
    return " ".join(f"{title}: {', '.join(_ends(rows, command))}." for command, title in COMMANDS.items())


def draw_panel(title: str, rows: Sequence[Row], left: float, scale: Scale) -> Iterator[str]:
    """Draw the axes and the lines of one command."""
    yield f'  <text class="title" x="{left}" y="28">{title}</text>'
    yield f'  <text class="small" x="{left}" y="48">seconds</text>'
    yield from draw_grid(left, scale)
    for number, way in enumerate(WAYS):
        if line := [row for row in rows if row.case.way == way]:
            yield from draw_line(sorted(line, key=lambda row: row.case.subaccounts), left, scale, number)


def draw_grid(left: float, scale: Scale) -> Iterator[str]:
    """Draw a line and a label for each power of ten."""
    bottom, right = TOP + PANEL_HEIGHT, left + PANEL_WIDTH
    for power in range(scale.sizes[0], scale.sizes[1] + 1):
        x = scale.x(left, 10**power)
        yield f'  <path class="grid" d="M{x:.1f} {TOP}V{bottom}"/>'
        yield f'  <text class="small middle" x="{x:.1f}" y="{bottom + 18}">{10**power:,}</text>'
    for power in range(scale.seconds[0], scale.seconds[1] + 1):
        y = scale.y(10**power)
        yield f'  <path class="grid" d="M{left} {y:.1f}H{right}"/>'
        yield f'  <text class="small end" x="{left - 6}" y="{y + 4:.1f}">{10**power:,g}</text>'


def draw_line(rows: Sequence[Row], left: float, scale: Scale, number: int) -> Iterator[str]:
    """Draw the line of one way, and a mark for each number of subaccounts."""
    ours = " ours" if rows[0].case.way == OURS else ""
    points = [(scale.x(left, row.case.subaccounts), scale.y(row.seconds)) for row in rows]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    yield f'  <path class="line{ours}" stroke-dasharray="{DASHES[number]}" d="M{path}"/>'
    for x, y in points:
        yield f'  <circle class="mark{ours}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'


def draw_legend(rows: Sequence[Row]) -> Iterator[str]:
    """Draw the title of each line."""
    shown = [(number, way) for number, way in enumerate(WAYS.values()) if any(row.case.way == way.name for row in rows)]
    for place, (number, way) in enumerate(shown):
        x, y = 20 + LEGEND_WIDTH * (place % 3), LEGEND_TOP + 20 * (place // 3)
        ours = " ours" if way.name == OURS else ""
        yield f'  <path class="line{ours}" stroke-dasharray="{DASHES[number]}" d="M{x} {y - 4}h36"/>'
        yield f'  <text class="small" x="{x + 42}" y="{y}">{way.title}</text>'


def _ends(rows: Sequence[Row], command: str) -> Iterator[str]:
    for way in WAYS.values():
        line = sorted(_of(rows, way.name, command), key=lambda row: row.case.subaccounts)
        if line:
            yield f"{way.title} {line[-1].seconds:.1f} s for {line[-1].case.subaccounts:,}"


def _of(rows: Sequence[Row], way: str, command: str) -> list[Row]:
    return [row for row in rows if (row.case.way, row.case.command) == (way, command)]


def _powers(values: Sequence[float]) -> tuple[int, int]:
    first = math.floor(math.log10(min(values)))
    return first, max(first + 1, math.ceil(math.log10(max(values))))


def _part(powers: tuple[int, int], value: float) -> float:
    return (math.log10(value) - powers[0]) / (powers[1] - powers[0])
