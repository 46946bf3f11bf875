"""The picture: every call as a stroke on a time line, one line for each target."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from continuity.measure import ScenarioResult, UserCall, measure
from picture_style import DARK_TEXT_STYLE, SVG, TEXT_STYLE

WIDTH, LEFT, RIGHT = 880, 110, 20
TOP, BAND, LANE, STROKE = 46, 118, 17, 11
TICKS = 12
"""Maximum number of labels on the axis, after 0."""
HEAD = (
    SVG
    + """\
  <title id="title">Calls accepted and rejected while a certificate is exchanged in three ways</title>
  <desc id="desc">{described}</desc>
  <style>
"""
    + TEXT_STYLE
    + """\
    .line {{ stroke: #8c959f; fill: none; }}
    .accepted {{ stroke: #1a7f37; fill: none; }}
    .rejected {{ stroke: #cf222e; fill: none; stroke-width: 2; }}
"""
    + DARK_TEXT_STYLE
    + """\
      .accepted {{ stroke: #3fb950; }}
      .rejected {{ stroke: #ff7b72; }}
    }}
  </style>
  <rect class="paper" width="100%" height="100%" rx="8"/>
"""
)


def draw(found: Mapping[str, ScenarioResult]) -> str:
    """Draw all scenarios, by their titles, on one scale, which ends with the last call of the longest scenario."""
    last = max(call.at for result in found.values() for call in result.calls)
    scale = (WIDTH - LEFT - RIGHT) / last
    height = TOP + BAND * len(found) + 10
    described = " ".join(f"{title}: {summary(result)}." for title, result in found.items())
    bands = (
        line
        for number, (title, result) in enumerate(found.items())
        for line in draw_scenario(title, result, TOP + BAND * number, scale)
    )
    lines = [*draw_legend(), *bands, *draw_axis(last, scale, height - 8)]
    return HEAD.format(width=WIDTH, height=height, described=described) + "\n".join([*lines, "</svg>\n"])


def draw_legend() -> Iterator[str]:
    """Draw the legend."""
    yield f'  <path class="accepted" d="M{LEFT} 14v{STROKE}m3 -{STROKE}v{STROKE}m3 -{STROKE}v{STROKE}"/>'
    yield f'  <text class="small" x="{LEFT + 14}" y="24">a call that is accepted</text>'
    yield f'  <path class="rejected" d="M{LEFT + 180} 14v{STROKE}m3 -{STROKE}v{STROKE}m3 -{STROKE}v{STROKE}"/>'
    yield f'  <text class="small" x="{LEFT + 194}" y="24">a call that is rejected</text>'


def draw_scenario(title: str, result: ScenarioResult, top: float, scale: float) -> Iterator[str]:
    """Draw a scenario: its title, numbers and events, and a line for each target."""
    yield f'  <text class="title" x="20" y="{top + 12}">{title}</text>'
    yield f'  <text class="end" x="{WIDTH - RIGHT}" y="{top + 12}">{summary(result)}</text>'
    lanes = top + 48
    for number, (at, deed) in enumerate(result.events):
        x, y = LEFT + at * scale, top + 30 + 13 * (number % 2)
        yield f'  <path class="line" d="M{x:.1f} {y - 9}V{lanes + 3 * LANE - 4}"/>'
        yield f'  <text class="small" x="{x + 3:.1f}" y="{y}">{deed}</text>'
    for number, target in enumerate(sorted({call.target for call in result.calls})):
        y = lanes + LANE * number
        yield f'  <text class="small end" x="{LEFT - 8}" y="{y + STROKE - 1}">{target}</text>'
        for kind, failed in (("accepted", False), ("rejected", True)):
            calls = [call for call in result.calls if call.target == target and (call.rejection is not None) is failed]
            if calls:
                yield f'  <path class="{kind}" d="{"".join(draw_call(call, y, scale) for call in calls)}"/>'


def draw_call(call: UserCall, y: float, scale: float) -> str:
    """Draw a call."""
    return f"M{LEFT + call.at * scale:.1f} {y}v{STROKE}"


def draw_axis(last: float, scale: float, y: float) -> Iterator[str]:
    """Draw the labels of the axis, in steps of five seconds or a multiple."""
    for second in range(0, int(last) + 1, 5 * math.ceil(last / (5 * TICKS))):
        yield f'  <text class="small middle" x="{LEFT + second * scale:.1f}" y="{y}">{second} s</text>'


def summary(result: ScenarioResult) -> str:
    """Return the number of rejected calls as text."""
    measured = measure(result.calls)
    digits = 1 if measured.longest_gap_seconds >= 1 else 2
    gap = f", longest gap {measured.longest_gap_seconds:.{digits}f} s" if measured.rejected else ""
    return f"{measured.rejected} of {measured.calls} calls rejected{gap}"
