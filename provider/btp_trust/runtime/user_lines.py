"""The lines that a process shows its user: each once, under the resource that it is about."""

from __future__ import annotations

import threading
from typing import Final, TextIO

from btp_trust.errors import to_printable
from btp_trust.runtime import operation_context
from btp_trust.runtime.engine_log import EngineLog
from btp_trust.runtime.operation_context import OperationContext

WARNING: Final = "warning: "
"""Begins the lines that Pulumi shows as warnings."""


class UserLines:
    """Prints lines, and remembers what they were about.

    Args:
        engine_log: Takes lines for the engine.
        stderr: Takes them where there is no engine.
    """

    def __init__(self, engine_log: EngineLog, stderr: TextIO) -> None:
        self._engine_log = engine_log
        self._stderr = stderr
        self._lock = threading.Lock()
        self._printed: set[str] = set()

    def print_once(self, line: str, about: str | None = None) -> None:
        """Show the user a line under its resource, unless one about the same matter of the subaccount was shown."""
        context = operation_context.current()
        # Check runs twice in an update, and several resources of a subaccount may have the same to say.
        matter = about or f"{context.subaccount_id}: {line}"
        with self._lock:
            if matter in self._printed:
                return
            self._printed.add(matter)
        self._print(line, context)

    def _print(self, line: str, context: OperationContext) -> None:
        """Send a line to Pulumi's engine; without one, write it where the engine looks for lines of the whole stack."""
        is_warning = line.startswith(WARNING)
        text = line.removeprefix(WARNING)
        shown = to_printable(f"{context.subject(text, with_resource=False)}{text}")
        if self._engine_log.log(shown, context.urn, is_warning=is_warning):
            return
        shown = to_printable(f"{context.subject(text, with_resource=True)}{text}")
        self._stderr.write(f"{WARNING if is_warning else ''}{shown}\n")
        self._stderr.flush()
