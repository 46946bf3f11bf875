"""The commands that keep watch: metrics, calendar, notify. As in `app`, each imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from btp_trust_cli.exit_codes import Finished
from btp_trust_cli.options import Address, parse_address
from btp_trust_cli.shared_options import (
    AllStacksOption,
    AsOfOption,
    FolderOption,
    StackOption,
    option_parser,
    selection_of,
)

TextfileOption = Annotated[
    Path | None,
    typer.Option(
        "--textfile",
        metavar="PATH",
        dir_okay=False,
        help="Write them into this file, which is replaced as a whole: for the node exporter's textfile collector.",
    ),
]
ServeOption = Annotated[
    Address | None,
    typer.Option(
        "--serve",
        metavar="[HOST:]PORT",
        parser=option_parser(parse_address),
        help="Serve them over HTTP until the process ends; a port alone is for this machine itself.",
    ),
]
IntervalOption = Annotated[
    int, typer.Option("--interval", metavar="SECONDS", min=1, help="With --serve: read once in so many seconds.")
]


OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="PATH", dir_okay=False, help="Write it into this file, which is replaced as a whole."
    ),
]


StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="PATH",
        dir_okay=False,
        help="The file that records what was sent; keep it from run to run. Required, except with --dry-run.",
    ),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print what would be sent, and send nothing.")]
ResendOption = Annotated[
    bool, typer.Option("--resend", help="Send once more what may have been lost on its way in an earlier run.")
]


def metrics(
    stack: StackOption = None,
    all_stacks: AllStacksOption = False,
    folder: FolderOption = Path(),
    textfile: TextfileOption = None,
    address: ServeOption = None,
    interval: IntervalOption = 900,
    as_of: AsOfOption = None,
) -> None:
    """Print the state of all subaccounts as OpenMetrics, write it into a file, or serve it over HTTP.

    It chooses subaccounts as `btp-trust status` does. While a subaccount cannot be read, a file or a server keeps
    what was last known of it, and says so in btp_trust_read_error. Alert rules and a dashboard are in
    examples/monitoring.

    The exit code is that of `btp-trust status`: 0 (OK), 1 (WARNING), 2 (CRITICAL) or 3 (UNKNOWN).
    """
    from btp_trust_cli.metrics.command import MetricsRequest, run_metrics

    selection = selection_of(stack, folder, all_stacks=all_stacks)
    if textfile is not None and address is not None:
        raise typer.BadParameter("Give one of --textfile and --serve.")
    request = MetricsRequest(selection, as_of, textfile and folder / textfile, address, interval)
    raise Finished(run_metrics(request))


def calendar(
    stack: StackOption = None,
    all_stacks: AllStacksOption = False,
    folder: FolderOption = Path(),
    output: OutputOption = None,
    as_of: AsOfOption = None,
) -> None:
    """Print what comes as a calendar: notices before each expiry, expiries, freezes, the next window of rotations.

    It chooses subaccounts as `btp-trust status` does. An event has the same UID in each run, so a calendar that
    subscribes to the file, or imports it again, has each once. With --as-of, the same state gives the same text.

    The exit code is that of `btp-trust status`: 0 (OK), 1 (WARNING), 2 (CRITICAL) or 3 (UNKNOWN).
    """
    from btp_trust_cli.calendar_feed.command import CalendarRequest, run_calendar

    selection = selection_of(stack, folder, all_stacks=all_stacks)
    raise Finished(run_calendar(CalendarRequest(selection, as_of, output and folder / output)))


def notify(
    stack: StackOption = None,
    all_stacks: AllStacksOption = False,
    folder: FolderOption = Path(),
    state: StateOption = None,
    dry_run: DryRunOption = False,
    resend: ResendOption = False,
    as_of: AsOfOption = None,
) -> None:
    """Notify people of what is due, each matter once: an expiry 60, 30, 14, 7 and 3 days ahead, drift, errors.

    It chooses subaccounts as `btp-trust status` does, and sends to each channel whose variable is set:
    BTP_TRUST_WEBHOOK_URL (JSON; with a bearer token in BTP_TRUST_WEBHOOK_TOKEN, if need be), BTP_TRUST_SLACK_URL
    (text), BTP_TRUST_ALERT_NOTIFICATION_KEY (service key of SAP Alert Notification service). `@` and a path stand for
    the content of a file.

    The exit code is that of `btp-trust status`: 0 (OK), 1 (WARNING), 2 (CRITICAL) or 3 (UNKNOWN: a subaccount cannot
    be read, a message did not arrive, or the options are wrong).
    """
    from btp_trust_cli.notify.command import NotifyRequest, run_notify

    selection = selection_of(stack, folder, all_stacks=all_stacks)
    if state is None and not dry_run:
        raise typer.BadParameter("Give --state PATH: without it, each run would notify people again.")
    if as_of is not None and not dry_run:
        raise typer.BadParameter("Add --dry-run: a notification about another date would be a false alarm.")
    raise Finished(run_notify(NotifyRequest(selection, state and folder / state, as_of, dry_run, resend)))


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(
        short_help="Give the state to Prometheus.",
        epilog="Examples: `btp-trust metrics --all-stacks --textfile /var/lib/node_exporter/btp_trust.prom` in a "
        "nightly job; `btp-trust metrics --serve 9964` in the folder of a project.",
    )(metrics)
    app.command(
        short_help="Give what comes to a calendar.",
        epilog="Examples: `btp-trust calendar --all-stacks --output trust.ics`; `btp-trust calendar --stack prod`.",
    )(calendar)
    app.command(
        short_help="Notify people of what is due, once.",
        epilog="Examples: `btp-trust notify --all-stacks --state notified.json` in a nightly job; "
        "`btp-trust notify --dry-run --as-of 2028-10-01` for what would be sent then.",
    )(notify)
