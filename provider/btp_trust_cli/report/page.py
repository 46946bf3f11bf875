"""The page of a report, from its template, its style and its script. Pure, apart from reading these three files."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from btp_trust.formatting import format_day, format_rfc3339
from btp_trust_cli.exit_codes import Severity
from btp_trust_cli.landscape import SubaccountStatus
from btp_trust_cli.report.rows import rows_of, severities, time_line

_FOLDER: Final = Path(__file__).parent
_SIGNS: Final = {Severity.CRITICAL: "✖", Severity.UNKNOWN: "?", Severity.WARNING: "▲", Severity.OK: "✓"}
"""Tell the states apart in black and white."""


def report_page(statuses: Sequence[SubaccountStatus], now: datetime, as_of: datetime | None = None) -> str:
    """Return the page.

    Args:
        statuses: The subaccounts by urgency.
        now: The present of the page: the line in the time line.
        as_of: The moment of `--as-of`, where the slots are judged at another one than they were read.
    """
    line = time_line(statuses, now)
    rows = rows_of(statuses, line)
    style, script = _asset("style.css"), _asset("script.js")
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            rows=rows,
            line=line,
            now=now,
            as_of=as_of,
            counts=severities(rows),
            attention=sum(row.severity is not Severity.OK for row in rows),
            stacks=sorted({row.status.stack for row in rows if row.status.stack}),
            style=style,
            script=script,
            policy=_policy(style, script),
        )
    )


@cache
def _environment() -> Environment:
    # Autoescape: names of subaccounts, stacks and targets, and texts of services, are untrusted.
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"day": format_day, "moment": format_rfc3339, "sign": _SIGNS.__getitem__}
    return environment


def _asset(name: str) -> Markup:
    # The project's own file: it is code, so it stays as it is.
    return Markup((_FOLDER / name).read_text(encoding="utf-8"))  # noqa: S704


def _policy(style: str, script: str) -> str:
    """Return the Content-Security-Policy: exactly this style and this script; all requests are forbidden."""
    return (
        f"default-src 'none'; img-src data:; style-src {_source(style)}; script-src {_source(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _source(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
