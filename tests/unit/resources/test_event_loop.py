"""How a program waits for its resources."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
import traceback
from collections.abc import Callable, Collection
from typing import Any

import pulumi
import pytest
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs, Mocks
from pulumi.runtime.settings import SETTINGS
from pulumi.runtime.stack import wait_for_rpcs

from btp_trust import ActiveTrustCertificate
from btp_trust.resources.event_loop import wait_for_outputs_at_once

pytestmark = [
    pytest.mark.usefixtures("program_loop"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
RESOURCES = 30


class Engine(Mocks):
    """Registers every resource, each when it is allowed to."""

    def __init__(self) -> None:
        self.is_open = threading.Event()

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """Return the inputs as outputs, after a while."""
        time.sleep(0.005)
        if args.name.startswith("slow"):
            self.is_open.wait(timeout=30)
        return args.name, dict(args.inputs)

    def call(self, args: MockCallArgs) -> Any:
        """Fail: the program calls no function."""
        raise NotImplementedError(args.token)


def run_program(declare: Callable[[], object], engine: Engine) -> None:
    """Declare all and wait, in one turn of the loop, as Pulumi runs a program."""

    async def program() -> None:
        SETTINGS.rpc_manager.rpcs.clear()  # mocks have registered a stack
        SETTINGS.outputs.clear()  # and a program that failed leaves outputs
        declare()
        await wait_for_rpcs()

    def process() -> None:
        pulumi.runtime.set_mocks(engine)
        asyncio.get_event_loop().run_until_complete(program())

    contextvars.Context().run(process)


def declare(*names: str) -> list[ActiveTrustCertificate]:
    """Declare a certificate for each name."""
    return [ActiveTrustCertificate(name, connection=name) for name in names]


def test_outputs_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pulumi looks for outputs that have arrived once, in place of after each registration."""
    looked_at: list[int] = []
    wait = asyncio.wait

    async def counting_wait(tasks: Collection[Any], **options: Any) -> Any:
        looked_at.append(len(tasks))
        return await wait(tasks, **options)

    monkeypatch.setattr(asyncio, "wait", counting_wait)
    run_program(lambda: declare(*(f"c{number}" for number in range(RESOURCES))), Engine())

    assert len(looked_at) < RESOURCES / 2


def test_failed_output_ends_program_at_once() -> None:
    """A rejection is raised while other registrations wait: under a saved plan, the engine would end the program."""
    engine = Engine()

    def reject(_: str) -> None:
        raise pulumi.RunError("rejected by s4")

    def program() -> None:
        quick, _ = declare("quick", "slow")
        quick.fingerprint.apply(reject)

    try:
        with pytest.raises(pulumi.RunError, match="rejected by s4"):
            run_program(program, engine)
        assert not engine.is_open.is_set()
    finally:
        engine.is_open.set()


@pytest.mark.parametrize("is_used", [False, True])
def test_failure_shows_line_of_program(*, is_used: bool) -> None:
    """A program that fails inside of `apply` is shown where, also if the stack or a resource uses the output."""

    def crash(_: str) -> None:
        raise ValueError("in apply")

    def program() -> None:
        (quick,) = declare("quick")
        component = pulumi.ComponentResource("my:Component", "component")
        # The output fails once the component is registered: outputs of a component can be registered only then.
        fingerprint = pulumi.Output.all(quick.fingerprint, component.urn).apply(lambda values: str(values[0]))
        failing = fingerprint.apply(crash)
        if is_used:
            component.register_outputs({"x": failing})

    with pytest.raises(ValueError, match="in apply") as raised:
        run_program(program, Engine())
    assert ", in crash" in "".join(traceback.format_exception(raised.value))


def test_late_failure_is_raised() -> None:
    """An output that is created and fails while the program waits for others ends the program too."""
    outer_ran = threading.Event()

    def reject(_: str) -> None:
        raise pulumi.RunError("rejected late")

    def program() -> None:
        quick, other = declare("quick", "other")

        def derive(_: str) -> None:
            other.fingerprint.apply(reject)
            outer_ran.set()

        quick.fingerprint.apply(derive)

    with pytest.raises(pulumi.RunError, match="rejected late"):
        run_program(program, Engine())
    assert outer_ran.is_set()


def test_other_sdk_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program works with an SDK that counts its registrations in another way."""
    registrations = ()
    monkeypatch.setattr(SETTINGS.rpc_manager, "rpcs", registrations)
    wait_for_outputs_at_once()
    assert SETTINGS.rpc_manager.rpcs is registrations
