"""The command line: commands, options and their help. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

from pathlib import Path

import typer

from btp_trust_cli import fleet, looking_back, watching
from btp_trust_cli.exit_codes import Finished
from btp_trust_cli.shared_options import (
    AllStacksOption,
    AsOfOption,
    ConnectionsOption,
    FailWithinOption,
    FolderOption,
    JsonOption,
    StackOption,
    selection_of,
)
from btp_trust_cli.usage import Commands

app = typer.Typer(
    name="btp-trust",
    cls=Commands,
    help="Watch over the trust certificates of SAP BTP subaccounts. All commands but "
    "`fleet` only read; `fleet` runs `pulumi up` for you.",
    no_args_is_help=True,
    rich_markup_mode=None,
    # A traceback with the values of variables would show service keys.
    pretty_exceptions_enable=False,
)


@app.command(
    short_help="Show all subaccounts by urgency.",
    epilog="Examples: `btp-trust status` in the folder of a project; `btp-trust status --all-stacks --json`; "
    "`btp-trust status --as-of 2028-10-01` for what will be due then.",
)
def status(
    stack: StackOption = None,
    all_stacks: AllStacksOption = False,
    connection: ConnectionsOption = None,
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

    selection = selection_of(stack, folder, all_stacks=all_stacks, connections=connection)
    request = StatusRequest(selection, as_json, fail_within, as_of)
    raise Finished(run_status(request))


@app.command(
    short_help="Examine each connection step by step.",
    epilog="Examples: `btp-trust doctor` in the folder of a project, or with the service key in "
    "BTP_TRUST_SERVICE_KEY; `btp-trust doctor --stack prod --json` in a pipeline; `btp-trust doctor -c eu` for one "
    "connection, also one that only btp-trust:serviceKeyCommand knows.",
)
def doctor(
    stack: StackOption = None,
    all_stacks: AllStacksOption = False,
    connection: ConnectionsOption = None,
    folder: FolderOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Examine each connection: credentials, service key, token, subaccount, permissions.

    Each step passes, or says what to do. Nothing is changed, and no secret is printed. It chooses connections as
    `btp-trust status` does, and examines those of TrustedIdentityProviders as well.

    The exit code is 0 (all steps passed), 2 (a step failed) or 3 (wrong options, or Pulumi cannot be run).
    """
    from btp_trust_cli.commands import DoctorRequest, run_doctor

    selection = selection_of(stack, folder, all_stacks=all_stacks, connections=connection)
    raise Finished(run_doctor(DoctorRequest(selection, as_json)))


looking_back.add_commands(app)
watching.add_commands(app)
fleet.add_commands(app)
