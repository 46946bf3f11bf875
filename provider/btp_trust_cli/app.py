"""The command line: commands, options and their help. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from btp_trust_cli.exit_codes import Finished
from btp_trust_cli.shared_options import (
    AllStacksOption,
    AsOfOption,
    FailWithinOption,
    FolderOption,
    JsonOption,
    StackOption,
    refuse_both,
)
from btp_trust_cli.watching import add_commands

app = typer.Typer(
    name="btp-trust",
    help="Watch over the trust certificates of SAP BTP subaccounts. All commands only read; `pulumi up` alone changes.",
    no_args_is_help=True,
    rich_markup_mode=None,
    # A traceback with the values of variables would show service keys.
    pretty_exceptions_enable=False,
)


OutputOption = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE", help="Write the page to this file; - prints it.")
]


@app.command(
    short_help="Show all subaccounts by urgency.",
    epilog="Examples: `btp-trust status` in the folder of a project; `btp-trust status --all-stacks --json`; "
    "`btp-trust status --as-of 2028-10-01` for what will be due then.",
)
def status(
    stack: StackOption = None,
    all_stacks: AllStacksOption = False,
    folder: FolderOption = Path(),
    as_json: JsonOption = False,
    fail_within: FailWithinOption = None,
    as_of: AsOfOption = None,
) -> None:
    """Show all subaccounts by urgency: both certificates, drift, targets, and the next step.

    Without --stack and --all-stacks it reads the selected stack of the project in this folder; outside of a project
    the connections of the environment.

    The exit code is 0 (OK), 1 (WARNING: a step is due), 2 (CRITICAL: the signer expires, or another one signs than
    the stack declares) or 3 (UNKNOWN: a subaccount cannot be read, or the options are wrong).
    """
    from btp_trust_cli.commands import StatusRequest, run_status
    from btp_trust_cli.connections import Selection

    refuse_both(stack, all_stacks=all_stacks)
    request = StatusRequest(Selection(stack, all_stacks, folder), as_json, fail_within, as_of)
    raise Finished(run_status(request))


@app.command(
    short_help="Examine each connection step by step.",
    epilog="Examples: `btp-trust doctor` in the folder of a project, or with the service key in "
    "BTP_TRUST_SERVICE_KEY; `btp-trust doctor --stack prod --json` in a pipeline.",
)
def doctor(
    stack: StackOption = None,
    all_stacks: AllStacksOption = False,
    folder: FolderOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Examine each connection: credentials, service key, token, subaccount, permissions.

    Each step passes, or says what to do. Nothing is changed, and no secret is printed. It chooses connections as
    `btp-trust status` does, and examines those of TrustedIdentityProviders as well.

    The exit code is 0 (all steps passed), 2 (a step failed) or 3 (wrong options, or Pulumi cannot be run).
    """
    from btp_trust_cli.commands import DoctorRequest, run_doctor
    from btp_trust_cli.connections import Selection

    refuse_both(stack, all_stacks=all_stacks)
    raise Finished(run_doctor(DoctorRequest(Selection(stack, all_stacks, folder), as_json)))


@app.command(
    short_help="Show what stacks did to their signers.",
    epilog="Examples: `btp-trust history` in the folder of a project; `btp-trust history --all-stacks --json` for an "
    "audit.",
)
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
    from btp_trust_cli.connections import Selection
    from btp_trust_cli.history.command import HistoryRequest, run_history

    refuse_both(stack, all_stacks=all_stacks)
    raise Finished(run_history(HistoryRequest(Selection(stack, all_stacks, folder), as_json)))


@app.command(
    short_help="Write a page with all subaccounts on one time line.",
    epilog="Examples: `btp-trust report` in the folder of a project; `btp-trust report --all-stacks --output "
    "trust.html`; `btp-trust report --as-of 2028-10-01` for what will be due then; `btp-trust report --output - | mail "
    "…` in a pipeline.",
)
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
    from btp_trust_cli.connections import Selection
    from btp_trust_cli.report.command import ReportRequest, run_report

    refuse_both(stack, all_stacks=all_stacks)
    raise Finished(run_report(ReportRequest(output, Selection(stack, all_stacks, folder), as_of)))


add_commands(app)
