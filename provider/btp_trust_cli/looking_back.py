"""The commands that look back: history, report. As in `app`, each imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from btp_trust_cli.exit_codes import Finished
from btp_trust_cli.shared_options import (
    AllStacksOption,
    AsOfOption,
    FolderOption,
    JsonOption,
    StackOption,
    selection_of,
)

OutputOption = Annotated[
    Path,
    typer.Option(
        "--output", "-o", metavar="FILE", help="Write the page to this file, which is replaced as a whole; - prints it."
    ),
]


def history(
    stack: StackOption = None,
    all_stacks: AllStacksOption = False,
    folder: FolderOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Show the swaps, verifications and rollbacks of a stack, and its deployments, the newest first.

    The events are those that the state of the stack keeps; the deployments are those of `pulumi stack history` that
    changed a resource or failed. The services are left alone.

    The exit code is 0 (OK) or 3 (UNKNOWN: a stack cannot be read, or the options are wrong).
    """
    from btp_trust_cli.history.command import HistoryRequest, run_history

    selection = selection_of(stack, folder, all_stacks=all_stacks)
    raise Finished(run_history(HistoryRequest(selection, as_json)))


def report(
    stack: StackOption = None,
    all_stacks: AllStacksOption = False,
    folder: FolderOption = Path(),
    output: OutputOption = Path("btp-trust-report.html"),
    as_of: AsOfOption = None,
) -> None:
    """Write one HTML page: all subaccounts on one time line, with both certificates, what is due and what happened.

    The page is complete in itself: it needs no network and no scripts, fits a phone, and can be printed. It chooses
    subaccounts as `btp-trust status` does, and holds no secret.

    The exit code is that of `btp-trust status`: 0 (OK), 1 (WARNING), 2 (CRITICAL) or 3 (UNKNOWN, or wrong options).
    """
    from btp_trust_cli.report.command import PRINTED, ReportRequest, run_report

    selection = selection_of(stack, folder, all_stacks=all_stacks)
    file = output if output == PRINTED else folder / output
    raise Finished(run_report(ReportRequest(file, selection, as_of)))


def add_commands(app: typer.Typer) -> None:
    """Add them to the command line."""
    app.command(
        short_help="Show what stacks did to their signers.",
        epilog="Examples: `btp-trust history` in the folder of a project; `btp-trust history --all-stacks --json` for "
        "an audit.",
    )(history)
    app.command(
        short_help="Write a page with all subaccounts on one time line.",
        epilog="Examples: `btp-trust report` in the folder of a project; `btp-trust report --all-stacks --output "
        "trust.html`; `btp-trust report --as-of 2028-10-01` for what will be due then.",
    )(report)
