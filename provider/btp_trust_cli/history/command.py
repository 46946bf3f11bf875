"""`btp-trust history`: gather, print, and the exit code."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from btp_trust.errors import ConfigurationError, TrustError
from btp_trust.runtime.host import Host
from btp_trust_cli.connections import STACKS_AT_ONCE, Selection, chosen_stacks
from btp_trust_cli.exit_codes import Severity, worst
from btp_trust_cli.history.document import history_document
from btp_trust_cli.history.model import StackHistory, histories_of
from btp_trust_cli.history.text import history_text
from btp_trust_cli.pulumi_stack import PulumiProject
from btp_trust_cli.terminal import Terminal
from btp_trust_cli.threads import thread_pool


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """The options of `btp-trust history`."""

    selection: Selection = field(default_factory=Selection)
    as_json: bool = False


def run_history(request: HistoryRequest, host: Host | None = None, terminal: Terminal | None = None) -> Severity:
    """Print the history of all stacks; return OK, or UNKNOWN if one could not be read.

    Raises:
        TrustError: A stack, or Pulumi's command line, is missing, or it refuses.
    """
    terminal = terminal or Terminal.of_process()
    histories = gather_histories(request.selection, host or Host())
    if request.as_json:
        terminal.show(f"{json.dumps(history_document(histories), indent=2, ensure_ascii=False)}\n")
    else:
        terminal.show(history_text(histories, width=terminal.width, is_colored=terminal.is_colored))
    return worst(history.severity for history in histories)


def gather_histories(selection: Selection, host: Host) -> list[StackHistory]:
    """Read the states and the deployments of all chosen stacks; the services are left alone."""
    project = PulumiProject(selection.folder, host.environ)
    names = chosen_stacks(project, selection)
    if not names:
        raise ConfigurationError(
            "A history needs a stack.",
            "The state of a stack keeps it, and here a selected stack is missing.",
            "Run the command in the folder of a Pulumi project (-C), and name the stack: --stack NAME or --all-stacks.",
        )
    with thread_pool(STACKS_AT_ONCE) as pool:
        return list(pool.map(lambda name: _read(project, name), names))


def _read(project: PulumiProject, name: str) -> StackHistory:
    stack = project.read(name)
    if stack.error is not None:
        return StackHistory(name, error=stack.error)
    subaccounts = histories_of(stack.recorded.values())
    try:
        return StackHistory(name, subaccounts, project.deployments(name))
    except TrustError as error:
        return StackHistory(name, subaccounts, deployments_error=error)
