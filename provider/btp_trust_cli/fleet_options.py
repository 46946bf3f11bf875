"""The options of `btp-trust fleet`, as typer declares them. Light: `--help` loads this module."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from btp_trust_cli.options import Pipeline, PlanForm

FileOption = Annotated[Path, typer.Option("--file", "-f", metavar="PATH", help="The table of the fleet.")]
LedgerOption = Annotated[
    Path | None,
    typer.Option("--ledger", metavar="PATH", help="The ledger. Default: .btp-trust/fleet-ledger.jsonl at the table."),
]
WaveOption = Annotated[
    str | None, typer.Option("--wave", "-w", metavar="WAVE", help="Only this wave: its name, or its number.")
]
StacksOption = Annotated[
    list[str] | None,
    typer.Option("--stack", "-s", metavar="NAME", help="Only this stack or subaccount; may be repeated."),
]
ExplicitStacksOption = Annotated[
    list[str] | None,
    typer.Option(
        "--stack",
        "-s",
        metavar="NAME",
        help="Only this stack or subaccount, also if it is done or was rejected; may be repeated.",
    ),
]
ParallelOption = Annotated[
    int, typer.Option("--parallel", "-p", metavar="N", min=1, help="Run so many stacks at a time.")
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler", metavar="ADDRESS", help="Run the stacks on the workers of this Dask scheduler, tls://HOST:PORT."
    ),
]
AgainOption = Annotated[bool, typer.Option("--again", help="Run stacks once more that the ledger has as done.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Wait for the end of a soak in place of ending.")]
PipelineFlag = Annotated[
    bool,
    typer.Option(
        "--in-pipeline",
        help="A pipeline keeps the order of the waves: run the chosen stacks, and leave earlier waves aside.",
    ),
]
FormOption = Annotated[PlanForm, typer.Option("--output", "-o", help="How the plan is printed.")]
ServiceOption = Annotated[
    bool, typer.Option("--service", help="Read the slots from the service, in place of the stacks' states.")
]
ChunkOption = Annotated[
    int | None, typer.Option("--chunk", metavar="N", min=1, help="The N-th part, where one matrix is too small.")
]
PipelineOption = Annotated[Pipeline, typer.Option("--for", help="The system that runs the jobs.")]
SecretsProviderOption = Annotated[
    str | None, typer.Option("--secrets-provider", metavar="PROVIDER", help="As `pulumi stack init` takes it.")
]
