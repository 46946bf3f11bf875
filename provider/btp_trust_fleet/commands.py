"""`btp-trust fleet prepare`, `rotate`, `roll-back`: gather, drive, print, and the exit code."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

from btp_trust.formatting import format_rfc3339
from btp_trust.runtime.host import system_clock
from btp_trust_cli.exit_codes import Severity
from btp_trust_cli.terminal import Terminal
from btp_trust_fleet.choice import choose_stacks
from btp_trust_fleet.driver.approval import Approver, ask_person
from btp_trust_fleet.driver.campaign import Campaign
from btp_trust_fleet.driver.decision import End, Ending
from btp_trust_fleet.driver.loop import Driver
from btp_trust_fleet.driver.standing import Position, standing_of
from btp_trust_fleet.driver.stop import Stop, stop_on_signals
from btp_trust_fleet.driver.summary import Summary, summary_text
from btp_trust_fleet.ledger.history import History
from btp_trust_fleet.ledger.ledger_file import LedgerFile, locked_ledger, require_project
from btp_trust_fleet.ledger.records import RunStarted
from btp_trust_fleet.progress.counts import Counts, WaveCounts
from btp_trust_fleet.progress.live import LiveView
from btp_trust_fleet.progress.plain import PlainView
from btp_trust_fleet.schedulers.scheduler import Scheduler
from btp_trust_fleet.stack_run.task import Verb
from btp_trust_fleet.surroundings import FleetRequest
from btp_trust_fleet.table.fleet import Wave

_SLICE_SECONDS = 1.0
"""How soon the end of a soak is noticed."""


@dataclass(frozen=True)
class DriveRequest(FleetRequest):
    """The options of `btp-trust fleet prepare`, `rotate` and `roll-back`."""

    verb: Verb = Verb.PREPARE
    again: bool = False
    wait: bool = False
    """Wait for the end of a soak in place of ending."""
    in_pipeline: bool = False
    """A pipeline keeps the order of the waves."""


@dataclass
class Machine:
    """The surroundings of a driver: tests choose them, a process takes the defaults."""

    terminal: Terminal = field(default_factory=Terminal.of_process)
    clock: Callable[[], datetime] = system_clock
    stop: Stop = field(default_factory=Stop)
    ask: Callable[[str], str] | None = None
    scheduler: Scheduler | None = None

    @classmethod
    def of_process(cls) -> Machine:
        """Return those of this process."""
        machine = cls()
        machine.ask = ask_person(machine.terminal)
        return machine


def run_drive(request: DriveRequest, machine: Machine | None = None) -> Severity:
    """Bring the chosen stacks to what the table declares, as far as the verb allows; return how that ended.

    Raises:
        TrustError: The table, the ledger or the scheduler is unusable, or another command has the ledger.
    """
    machine = machine or Machine.of_process()
    campaign = _campaign(request)
    with stop_on_signals(machine.stop), locked_ledger(request.ledger_path) as ledger:
        require_project(request.ledger_path, ledger.history, request.project_name)
        ledger.append(_start(request, campaign, machine))
        scheduler = machine.scheduler or request.open_scheduler()
        with closing(scheduler):
            end = _drive(request, campaign, machine, ledger, scheduler)
        summary = Summary(campaign, ledger.history, end, machine.clock())
    terminal = machine.terminal
    terminal.show(summary_text(summary, width=terminal.width, is_colored=terminal.is_colored))
    return summary.severity


def _start(request: DriveRequest, campaign: Campaign, machine: Machine) -> RunStarted:
    return RunStarted(
        at=machine.clock(),
        run=campaign.run,
        verb=campaign.verb,
        host=socket.gethostname(),
        pid=os.getpid(),
        project=request.project_name,
    )


def _campaign(request: DriveRequest) -> Campaign:
    return Campaign(
        verb=request.verb,
        waves=_waves(request),
        run=uuid.uuid4().hex[:12],
        parallel=request.parallel,
        chosen=request.chosen,
        again=request.again,
        named=choose_stacks(request.fleet, None, request.stacks) or frozenset(),
    )


def _waves(request: DriveRequest) -> tuple[Wave, ...]:
    """Return all waves; in a pipeline those of the chosen stacks alone, as it has run the earlier ones before."""
    waves, chosen = request.fleet.waves, request.chosen
    if not request.in_pipeline or chosen is None:
        return waves
    return tuple(wave for wave in waves if any(stack.stack in chosen for stack in wave.stacks))


def _drive(
    request: DriveRequest, campaign: Campaign, machine: Machine, ledger: LedgerFile, scheduler: Scheduler
) -> End:
    with closing(_view(campaign, machine, ledger.history)) as view:
        driver = Driver(
            campaign=campaign,
            ledger=ledger,
            scheduler=scheduler,
            make_task=request.make_task,
            approve=Approver(request.project, campaign.verb, machine.terminal, machine.ask),
            view=view,
            clock=machine.clock,
            stop=machine.stop,
        )
        end, shown = driver.run(), ""
        while request.wait and end.ending is Ending.SOAK:
            view.pause()
            if (words := _soak_words(end)) != shown:
                machine.terminal.show(f"{format_rfc3339(machine.clock())} {words}\n")
                shown = words
            machine.stop.wait(_SLICE_SECONDS)
            end = driver.run()
        return end


def _soak_words(end: End) -> str:
    """Say until when the command waits: it would be silent for days, as one that hangs."""
    until = "" if end.until is None else format_rfc3339(end.until)
    return f"{'' if end.wave is None else end.wave.name}: waits until {until}, as the wave before it soaks"


def _view(campaign: Campaign, machine: Machine, history: History) -> PlainView | LiveView:
    if not machine.terminal.stdout.isatty():
        return PlainView(machine.terminal, machine.clock)
    waves = [_counts(wave, campaign, history, machine.clock()) for wave in campaign.waves]
    return LiveView(machine.terminal, Counts(waves, campaign.parallel), machine.clock)


def _counts(wave: Wave, campaign: Campaign, history: History, now: datetime) -> WaveCounts:
    chosen = [stack for stack in wave.stacks if campaign.is_chosen(stack)]
    positions = [standing_of(stack, campaign, history, now).position for stack in chosen]
    return WaveCounts(wave, len(chosen), positions.count(Position.DONE))
