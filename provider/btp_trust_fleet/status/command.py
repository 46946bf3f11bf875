"""`btp-trust fleet status`: gather, print, and the exit code."""

from __future__ import annotations

import json
from dataclasses import dataclass

from btp_trust.errors import TrustError
from btp_trust.runtime.host import Host
from btp_trust_cli.connections import Selection, find_sources
from btp_trust_cli.exit_codes import Severity, worst
from btp_trust_cli.landscape import SubaccountStatus
from btp_trust_cli.pulumi_stack import PulumiProject
from btp_trust_cli.reading import read_landscape
from btp_trust_cli.terminal import Terminal
from btp_trust_cli.threads import thread_pool
from btp_trust_fleet.choice import chosen_of
from btp_trust_fleet.ledger.ledger_file import read_history, require_project
from btp_trust_fleet.status.position import Certificates, StackPosition, read_certificates, recorded_certificates
from btp_trust_fleet.status.text import fleet_status_document, fleet_status_text
from btp_trust_fleet.surroundings import FleetRequest
from btp_trust_fleet.table.fleet import FleetStack

_Reading = tuple[Certificates, TrustError | None]


@dataclass(frozen=True)
class FleetStatusRequest(FleetRequest):
    """The options of `btp-trust fleet status`."""

    as_json: bool = False
    asks_service: bool = False


def run_fleet_status(
    request: FleetStatusRequest, host: Host | None = None, terminal: Terminal | None = None
) -> Severity:
    """Print where each stack is; return the most serious state.

    Raises:
        TrustError: The table or the ledger is unusable.
    """
    host, terminal = host or Host(), terminal or Terminal.of_process()
    positions = _gather(request, host, terminal)
    if request.as_json:
        terminal.show(f"{json.dumps(fleet_status_document(positions), indent=2, ensure_ascii=False)}\n")
    else:
        terminal.show(fleet_status_text(positions, width=terminal.width, is_colored=terminal.is_colored))
    return worst(position.severity for position in positions)


def _gather(request: FleetStatusRequest, host: Host, terminal: Terminal) -> list[StackPosition]:
    stacks, history = chosen_of(request.fleet, request.chosen), read_history(request.ledger_path)
    require_project(request.ledger_path, history, request.project_name)
    read = _ask_service if request.asks_service else _read_state
    with terminal.progress(len(stacks)) as on_done, thread_pool(request.parallel) as pool:

        def position(stack: FleetStack) -> StackPosition:
            certificates, error = read(request, stack, host)
            on_done()
            return StackPosition(stack, certificates, history.last(stack.stack), error)

        return list(pool.map(position, stacks))


def _read_state(request: FleetStatusRequest, stack: FleetStack, host: Host) -> _Reading:
    read = PulumiProject(request.project, host.environ).read_state(stack.stack)
    recorded = next((each for each in read.recorded.values() if each.connection == stack.connection), None)
    return recorded_certificates(recorded, host.clock()), read.error


def _ask_service(request: FleetStatusRequest, stack: FleetStack, host: Host) -> _Reading:
    sources = find_sources(Selection(stack.stack, folder=request.project), host)
    status = _of_connection(read_landscape(sources), stack)
    return (Certificates(), None) if status is None else (read_certificates(status), status.error)


def _of_connection(statuses: list[SubaccountStatus], stack: FleetStack) -> SubaccountStatus | None:
    # A stack that cannot be read at all has an entry without a connection.
    return next((status for status in statuses if status.connection in {"", stack.connection}), None)
