"""For the program of a fleet: the row of the table for its stack. Light: it loads what a program has anyway."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path

import pulumi

from btp_trust.errors import ConfigurationError
from btp_trust_fleet.table.fleet import ROW_VARIABLE, FleetStack
from btp_trust_fleet.table.reading import FILE_NAME, read_fleet

__all__ = ["FleetStack", "declared_stack"]


def declared_stack(path: str | PathLike[str] = FILE_NAME) -> FleetStack:
    """Return what the table of the fleet declares for the stack of this program.

    Args:
        path: The table, relative to the program's folder.

    Raises:
        pulumi.RunError: The table is unusable, has another set of stacks, or another row than the command of the fleet
            has read.
    """
    try:
        fleet = read_fleet(Path(path))
    except ConfigurationError as error:
        raise pulumi.RunError(str(error)) from None
    name = pulumi.get_stack()
    # The table may have the organization and the project as well.
    found = next((row for row in fleet.stacks if row.stack.rpartition("/")[2] == name), None)
    if found is None:
        raise pulumi.RunError(
            f"{path} lacks the stack {name!r}.\n"
            "The table declares the connection and the generations of each stack of this program.\n"
            "Add a row with this stack to `subaccounts`, or choose a stack of the table: pulumi stack select."
        )
    if os.environ.get(ROW_VARIABLE, found.text) != found.text:
        raise pulumi.RunError(
            f"The row of {name!r} in {path} differs from the one that `btp-trust fleet` has read.\n"
            "The order of the waves, soaks and approvals are those of that one.\n"
            "Run the command again; with --scheduler, let each worker have the table of the machine of the command."
        )
    return found
