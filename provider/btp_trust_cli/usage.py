"""Hide the credentials of an address that a message about options and arguments quotes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from typer.core import TyperGroup


class Commands(TyperGroup):
    """The commands of a command line. The message about an argument quotes the argument: an address, by mistake."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Parse the options in front of the command."""
        with _hidden_credentials():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Find the command, parse its options, and run it."""
        with _hidden_credentials():
            return super().invoke(ctx)


@contextmanager
def _hidden_credentials() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # The class of these errors is private in typer; those of this package have no `message`.
        if isinstance(message := getattr(error, "message", None), str):
            from btp_trust.parsing.urls import hide_credentials  # noqa: PLC0415 - takes longer than `--help`

            error.message = hide_credentials(message)  # type: ignore[attr-defined]
        raise
