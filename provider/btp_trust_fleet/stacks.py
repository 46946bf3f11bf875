"""`btp-trust fleet init`: create the stacks that the table has and Pulumi lacks."""

from __future__ import annotations

import os
from collections.abc import Mapping

from btp_trust_cli.exit_codes import Severity
from btp_trust_cli.pulumi_stack import PulumiProject
from btp_trust_cli.rendering import printable
from btp_trust_cli.terminal import Terminal
from btp_trust_fleet.choice import chosen_of
from btp_trust_fleet.plan.text import plural
from btp_trust_fleet.surroundings import FleetRequest
from btp_trust_fleet.table.schema import bare_stack


def run_init(
    request: FleetRequest,
    secrets_provider: str | None = None,
    terminal: Terminal | None = None,
    environ: Mapping[str, str] | None = None,
) -> Severity:
    """Create the missing stacks, one after the other; print each.

    Raises:
        TrustError: The table is unusable, or Pulumi's command line is missing or refuses.
    """
    terminal = terminal or Terminal.of_process()
    project = PulumiProject(request.project, os.environ if environ is None else environ)
    present = {bare_stack(name) for name in project.stack_names()}
    missing = [stack for stack in chosen_of(request.fleet, request.chosen) if bare_stack(stack.stack) not in present]
    for stack in missing:
        project.create(stack.stack, secrets_provider)
        terminal.show(printable(f"created  {stack.stack}") + "\n")
    terminal.show(f"OK: {plural(len(missing), 'stack')} created, the others were there\n")
    return Severity.OK
