"""Options that several commands have, as typer declares them. Light: `--help` loads this module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from btp_trust_cli.options import parse_connection_name, parse_days, parse_moment, parse_stack_name

if TYPE_CHECKING:
    from btp_trust_cli.connections import Selection

_Value = TypeVar("_Value")


def option_parser(parse: Callable[[str], _Value]) -> Callable[[str], _Value]:
    """Return a parser whose ValueError typer shows beside the name of the option."""

    def parse_option(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return parse_option


def selection_of(
    stack: str | None, folder: Path, *, all_stacks: bool, connections: Sequence[str] | None = None
) -> Selection:
    """Return what the options select.

    Raises:
        typer.BadParameter: Two options that choose different stacks are given.
    """
    from btp_trust_cli.connections import Selection

    if stack is not None and all_stacks:
        raise typer.BadParameter("Give one of --stack and --all-stacks.")
    return Selection(stack, all_stacks, folder, tuple(connections or ()))


StackOption = Annotated[
    str | None,
    typer.Option(
        "--stack",
        "-s",
        metavar="NAME",
        parser=option_parser(parse_stack_name),
        help="Read this stack: its connections and its state.",
    ),
]
AllStacksOption = Annotated[bool, typer.Option("--all-stacks", help="Read all stacks of the project.")]
ConnectionsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--connection",
        "-c",
        metavar="NAME",
        parser=option_parser(parse_connection_name),
        help="Only this connection; may be repeated.",
    ),
]
FolderOption = Annotated[
    Path,
    typer.Option(
        "--cwd", "-C", metavar="FOLDER", exists=True, file_okay=False, help="Run as if started in this folder."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
FailWithinOption = Annotated[
    timedelta | None,
    typer.Option(
        "--fail-within",
        metavar="DAYS",
        parser=option_parser(parse_days),
        help="Be critical from so many days before the expiry, for example 14d. Default: btp-trust:expiryFailure.",
    ),
]
AsOfOption = Annotated[
    datetime | None,
    typer.Option(
        "--as-of",
        metavar="DATE",
        parser=option_parser(parse_moment),
        help="Judge at another date, for example 2028-11-20; read today.",
    ),
]
