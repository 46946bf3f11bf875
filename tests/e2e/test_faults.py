"""What the person on call reads when something goes wrong: each kind of fault, on the real command line.

A fault stands in the way of one command. Then it is gone, the last line of the message is followed, and all is well.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from btp_trust_emulator import Action, Emulator, FaultKind
from btp_trust_emulator.faults.fault import TOKEN_ENDPOINT, FaultFields
from support.paths import ROOT
from support.pulumi_project import CommandOutput, PulumiProject, rotation_program

BASE = "/destination-configuration/v1/saml2Metadata"
SWAP = FaultFields(method="POST", path=f"{BASE}/rotateCertificate")
READS = FaultFields(method="GET", count=99)
ACTIVE = FaultFields(method="GET", path=f"{BASE}/certificate", count=99)
TOKENS = FaultFields(path=TOKEN_ENDPOINT, count=99)
QUICK = {"readTimeout": "3", "resolveTimeout": "1"}
"""Settings that make silence short, and yet leave a busy machine the time to answer."""
NAMES = ("2026-11", "2028-11")
POST = "POST rotateCertificate"
HALF_AN_HOUR = 1800
AGAIN = "Wait a little, then run the same command again."
LOOK = "Check the service key's uri and proxies on the way"
KEY = "Create a new service key and give it to the connection."
COMPARES = "Wait a minute, then run `pulumi up` again: it reads both slots first."
ASK = "Find out who else manages this subaccount, then run `pulumi preview` and read the plan."


@dataclass(frozen=True)
class Case:
    """Faults that one command meets, and what it says: class, what happened, what to do."""

    name: str
    faults: tuple[tuple[FaultKind, FaultFields], ...]
    error: str = ""
    """The class; `property` for a refusal, which names one."""
    what: str = ""
    remedy: str = ""


def case(name: str, kind: FaultKind, where: FaultFields, *expected: str, **fields: object) -> Case:
    """Make a case of one fault."""
    return Case(name, ((kind, FaultFields(**{**where, **fields})),), *expected)  # type: ignore[typeddict-item]


UNREAD = [
    case("down", FaultKind.FAIL, READS, "ServiceUnavailable", "/certificate was answered 503", AGAIN),
    case(
        "busy",
        FaultKind.FAIL,
        READS,
        "ServiceUnavailable",
        "429",
        "The service asks for 300 s",
        status=429,
        seconds=300,
    ),
    case("no token", FaultKind.FAIL, TOKENS, "CredentialsRejected", "rejects the service key", KEY, status=401),
    case("rejected", FaultKind.FAIL, READS, "CredentialsRejected", "was refused: 401.", KEY, status=401),
    case("forbidden", FaultKind.FAIL, READS, "NotAuthorized", "was refused: 403.", "Use a service key of", status=403),
    case("gateway", FaultKind.HTML, READS, "ServiceUnavailable", "was answered 502 Bad Gateway.", AGAIN),
    case("app down", FaultKind.ROUTER, READS, "ServiceUnavailable", "404 by the router of Cloud Foundry.", AGAIN),
    case(
        "token app down", FaultKind.ROUTER, TOKENS, "ServiceUnavailable", "404 by the router of Cloud Foundry.", AGAIN
    ),
    case("portal", FaultKind.HTML, READS, "UnexpectedResponse", "is not the Destination service's.", LOOK, status=200),
    case("silent", FaultKind.SILENCE, READS, "ServiceUnavailable", "got no answer.", AGAIN),
    case("closed", FaultKind.CLOSE, READS, "ServiceUnavailable", "got no answer.", AGAIN),
    case("reset", FaultKind.RESET, READS, "ServiceUnavailable", "got no answer.", AGAIN),
    case("half", FaultKind.TRUNCATED_JSON, ACTIVE, "UnexpectedResponse", "is not the Destination service's.", LOOK),
    case("empty", FaultKind.EMPTY_CERTIFICATE, ACTIVE, "UnexpectedResponse", "is not the Destination service's.", LOOK),
    case("foreign", FaultKind.FOREIGN_TOKEN, TOKENS, "property", "is for another subaccount.", "Give the connection"),
]
"""A reading fails: the preview of a swap says so, before any write."""
UNDONE = [
    case("down", FaultKind.FAIL, SWAP, "WriteNotApplied", "was sent once and its answer was lost", COMPARES),
    case("gateway", FaultKind.HTML, SWAP, "WriteNotApplied", "was sent once and its answer was lost", COMPARES),
    case("silent", FaultKind.SILENCE, SWAP, "WriteNotApplied", "was sent once and its answer was lost", COMPARES),
    case("closed", FaultKind.CLOSE, SWAP, "WriteNotApplied", "was sent once and its answer was lost", COMPARES),
    case("reset", FaultKind.RESET, SWAP, "WriteNotApplied", "was sent once and its answer was lost", COMPARES),
    case("forbidden", FaultKind.FAIL, SWAP, "NotAuthorized", "was refused: 403.", "Use a service key of", status=403),
    case("undone", FaultKind.RIVAL_BEFORE, SWAP, "SlotsChanged", "another client wrote", ASK, action=Action.ROTATE),
]
"""A swap fails: sent once, unapplied."""
FOUND = [
    case("failed", FaultKind.DO_THEN_FAIL, SWAP),
    case("gateway", FaultKind.DO_THEN_HTML, SWAP),
    case("router", FaultKind.DO_THEN_ROUTER, SWAP),
    case("silent", FaultKind.DO_THEN_SILENCE, SWAP),
    case("closed", FaultKind.DO_THEN_CLOSE, SWAP),
    case("reset", FaultKind.DO_THEN_RESET, SWAP),
    case("slow", FaultKind.SLOW, SWAP, seconds=0.5),
    case("half", FaultKind.TRUNCATED_JSON, SWAP),
    case("empty", FaultKind.EMPTY_CERTIFICATE, SWAP),
    case("escaped", FaultKind.LITERAL_NEWLINES, FaultFields(count=99)),
    case("app back", FaultKind.ROUTER, FaultFields(count=2)),
    case("token ends", FaultKind.SHORT_TOKEN, TOKENS, count=1),
    Case("stale", ((FaultKind.DO_THEN_CLOSE, SWAP), (FaultKind.STALE_AFTER_WRITE, FaultFields(method="GET", count=2)))),
]
"""A swap whose answer is lost, late or odd: sent once, done, found in the slots."""


@dataclass
class Stack:
    """Two generations, deployed: they take turns in signing, so that a swap can always be due."""

    project: PulumiProject
    signs: int = 0
    is_whole: bool = True
    """Whether the stack is at rest; a test that failed leaves it False."""

    def turn(self) -> tuple[str | None, str | None]:
        """Declare the other generation; return what the slots are to hold then."""
        self.signs = 1 - self.signs
        self.project.write(rotation_program(NAMES[1], NAMES[self.signs]))
        active, passive = self.project.slots()
        return passive, active

    def meets(self, faults: Case, *command: str) -> CommandOutput:
        """Run a command that meets faults; all of them must have come."""
        emulator = self.project.emulator
        emulator.clear_journal()
        for kind, fields in faults.faults:
            emulator.fault(kind, **fields)
        said = self.project.pulumi(*command, status=1 if faults.error else 0)
        met = {kind for entry in emulator.journal() for kind in entry.faults}
        emulator.clear_faults()
        assert met == {kind for kind, _ in faults.faults}, faults.name
        if faults.error:
            assert_readable(said, faults.error, faults.what, faults.remedy)
        return said

    def converges(self, wanted: tuple[str | None, str | None], *writes: str) -> None:
        """Assert that `up` does exactly what is missing, and that the stack is then at rest."""
        self.project.emulator.clear_journal()
        self.project.up()
        assert self.project.writes() == list(writes)
        assert self.project.slots() == wanted
        assert self.project.has_no_changes_after_refresh()
        self.is_whole = True


UP = ("up", "--yes", "--skip-preview")


def assert_readable(said: CommandOutput, error: str, what: str, remedy: str) -> None:
    """Three lines: one class and what happened, the evidence, what to do. All else is an error of somebody else."""
    first, evidence, last = said.message
    assert what in first
    assert evidence.endswith(".")
    assert last.startswith(remedy)
    errors = re.findall(
        r"error: (?:btp_trust\.errors\.(\w+)|pulumi-python\S+ resource '\w+'.* has a problem: )", said.text
    )
    assert {name or "property" for name in errors} == {error}
    # Elsewhere in the output, Pulumi interrupts the program, which prints a trace of its own.
    assert "During handling" not in "".join(said.message)


class Stacks:
    """The stacks of one worker, one after the other: a broken one is replaced."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator = emulator
        self.folder = folder
        self.made: list[Stack] = []

    def next(self) -> Stack:
        """Return a stack at rest, an hour after its last change."""
        if not self.made or not self.made[-1].is_whole:
            self.made.append(self._deployed())
        self.emulator.clear_faults()
        self.emulator.advance(3600)
        self.made[-1].is_whole = False
        return self.made[-1]

    def _deployed(self) -> Stack:
        guid = self.emulator.create_subaccount(generate=True).guid
        project = PulumiProject(self.folder / guid, self.emulator, guid)
        project.create_stack(rotation_program(NAMES[1], NAMES[0])).set_service_key()
        for name, seconds in QUICK.items():
            project.set_config(f"btp-trust:{name}", seconds)
        project.up()
        return Stack(project)


@pytest.fixture(scope="module")
def stacks() -> Iterator[Stacks]:
    """An emulator with a bystander's subaccount, and the stacks of this worker."""
    with Emulator(socket=True, key_size=1024) as emulator, tempfile.TemporaryDirectory() as folder:
        emulator.create_subaccount(generate=True)
        yield Stacks(emulator, Path(folder))


@pytest.fixture
def stack(stacks: Stacks) -> Stack:
    """A stack at rest."""
    return stacks.next()


def test_every_fault_kind_is_used() -> None:
    """Each fault kind of the emulator has a case here."""
    tables = {kind for each in (*UNREAD, *UNDONE, *FOUND) for kind, _ in each.faults}

    assert tables | {FaultKind.STALE, FaultKind.RIVAL_AFTER} == set(FaultKind)


def test_recovery_page_lists_errors() -> None:
    """The recovery page has a row for exactly the error classes that a run can end with."""
    page = (ROOT / "docs/how-to/recover-after-a-crash.md").read_text()
    rows = {
        name for row in re.findall(r"^\| (`[A-Z].*?) \|", page, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    errors = {each.error for each in (*UNREAD, *UNDONE)} - {"property"}

    assert rows == errors | {
        "OutcomeUnknown",
        "StaleRead",
        "RollbackFailed",
        "SystemChanged",
        "TargetChanged",
        "NoUserToken",
        "EntityIDTaken",
    }


def of(cases: list[Case], *names: str) -> list[Case]:
    """Choose cases by their names."""
    return [each for each in cases if each.name in names]


def test_unreadable_slots_stop_due_swap(stack: Stack) -> None:
    """The preview of a swap fails with the reason of each failed reading; then the swap is done."""
    wanted = stack.turn()
    for each in of(UNREAD, "down", "forbidden", "portal", "empty", "foreign"):
        stack.meets(each, "preview")
        assert stack.project.writes() == []
    stack.converges(wanted, POST)


def test_unreachable_service_stops_due_swap(stack: Stack) -> None:
    """An unreachable service stops a due swap before any request, and the message names its host."""
    wanted = stack.turn()
    with stack.project.emulator.refuse_connections():
        said = stack.project.preview(status=1)
    assert_readable(said, "ServiceUnavailable", "got no answer.", "Check that this machine reaches 127.0.0.1 (")
    stack.converges(wanted, POST)


def test_failed_swap_is_sent_once(stack: Stack) -> None:
    """Each `up` sends a failing swap once; the first one that is undisturbed does it."""
    wanted = stack.turn()
    for each in of(UNDONE, "silent", "reset", "undone"):
        stack.meets(each, *UP)
        assert stack.project.writes() == [POST]
        assert stack.project.slots() != wanted
    stack.converges(wanted, POST)


def test_lost_response_is_resolved(stack: Stack) -> None:
    """Each `up` sends one swap, and finds the outcome of a lost response in the slots."""
    for each in FOUND:
        wanted = stack.turn()
        stack.meets(each, *UP)
        assert stack.project.writes() == [POST], each.name
        assert stack.project.slots() == wanted, each.name
        assert stack.project.state()["rotation"]["outputs"]["fingerprint"] == wanted[0]
    stack.converges(wanted)


def test_unknown_outcome_is_found_later(stack: Stack) -> None:
    """After an unknown outcome, the next `up` finds the swap done."""
    wanted = stack.turn()
    blind = FaultFields(method="GET", skip=4, count=99, status=403)
    lost = ((FaultKind.DO_THEN_CLOSE, SWAP), (FaultKind.FAIL, blind))
    said = stack.meets(Case("lost", lost, "OutcomeUnknown", "its answer was lost", COMPARES), *UP)
    assert "so the outcome is unknown" in said
    assert stack.project.writes() == [POST]
    stack.converges(wanted)


def test_stale_slots_stop_due_swap(stack: Stack) -> None:
    """Just after its swap, a stack that reads the old slots refuses another swap."""
    stack.turn()
    stack.project.up()
    stack.project.emulator.advance(-HALF_AN_HOUR)  # however long this machine takes, it is just after the swap
    stale = ((FaultKind.STALE, FaultFields(method="GET", count=99)),)
    said = stack.meets(Case("quiet", stale), "preview")
    assert "was not checked" in said.diagnostics
    assert "look as they did before the swap" in said.diagnostics
    assert "somebody else" not in said.diagnostics
    back = stack.turn()
    stack.meets(Case("due", stale, "StaleRead", "look as they did before the swap", "Run the same"), "preview")
    assert stack.project.writes() == []
    stack.project.emulator.advance(2 * HALF_AN_HOUR)
    stack.converges(back, POST)


def test_undone_swap_is_reported(stack: Stack) -> None:
    """A swap that somebody undid at once is reported by the next command."""
    stack.turn()
    undone = stack.project.slots()
    rival = FaultFields(**{**SWAP, "action": Action.ROTATE})
    stack.meets(Case("undone after", ((FaultKind.RIVAL_AFTER, rival),)), *UP)
    assert stack.project.writes() == [POST]
    assert stack.project.slots() == undone
    stack.project.emulator.advance(61)
    said = stack.project.preview()
    assert "should sign" in said.diagnostics
    stack.turn()
    stack.converges(undone)


@pytest.mark.scheduled
@pytest.mark.parametrize(
    ("each", "sent", "left"),
    [
        *(pytest.param(each, [], [POST], id=f"reading: {each.name}") for each in UNREAD),
        *(pytest.param(each, [POST], [POST], id=f"failing swap: {each.name}") for each in UNDONE),
        *(pytest.param(each, [POST], [], id=f"lost answer: {each.name}") for each in FOUND),
    ],
)
def test_each_fault_alone(stack: Stack, each: Case, sent: list[str], left: list[str]) -> None:
    """After each fault alone, the rest is done by the next `up`, and then the stack is at rest."""
    wanted = stack.turn()
    stack.meets(each, *UP)
    assert stack.project.writes() == sent
    stack.converges(wanted, *left)
