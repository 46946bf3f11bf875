"""The page of the control plane: one static document, whose script reads the overview each second."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from btp_trust_emulator.control.overview import overview
from btp_trust_emulator.messages import Response, json

if TYPE_CHECKING:
    from btp_trust_emulator.control.emulation import Emulation
    from btp_trust_emulator.control.requests import ControlRequest

_FOLDER: Final = Path(__file__).parent


def show_page(_emulation: Emulation, _request: ControlRequest[Any]) -> Response:
    """Return the page, which may ask the emulator alone."""
    document, policy = _document()
    return Response(200, document, "text/html;charset=UTF-8", {"content-security-policy": policy})


def show_overview(emulation: Emulation, _: ControlRequest[Any]) -> Response:
    """Return what the page shows."""
    return json(200, overview(emulation), {"cache-control": "no-store"})


@cache
def _document() -> tuple[bytes, str]:
    """Return the page and its Content-Security-Policy."""
    style, script, frame = ((_FOLDER / f"page.{kind}").read_text(encoding="utf-8") for kind in ("css", "js", "html"))
    document = frame.replace("/* style */", style).replace("/* script */", script)
    policy = (
        f"default-src 'none'; img-src data:; connect-src 'self'; style-src {_source(style)}; "
        f"script-src {_source(script)}; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
    )
    return document.encode(), policy


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
