"""Let a program wait for all of its outputs at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator
from typing import Any

import pulumi
from pulumi.runtime.settings import SETTINGS

_ROUND_SECONDS = 1.0
_OUTPUTS_A_SECOND = 5_000
"""A round of more outputs is longer: to begin one takes 2 µs for each output, and so 1 % of the time at most."""
_TURNS_UNTIL_REGISTRATIONS_FAIL = 100
"""Of the loop: a failure gets from an output to a registration in some of them; all of them take a millisecond."""


class _Outputs:
    """The outputs of the program, as one awaitable that raises the first failure among them."""

    def __await__(self) -> Generator[Any, None, None]:
        return _wait_for_outputs().__await__()


class _InOrder(list[Awaitable[Any]]):
    """Registrations in the order in which they began: Pulumi awaits the last of the list first."""

    def append(self, registration: Awaitable[Any], /) -> None:
        self.insert(0, registration)


def wait_for_outputs_at_once() -> None:
    """Let Pulumi's SDK, at the end of the program, await all outputs before it turns to the registrations.

    By itself the SDK looks at all outputs again whenever some have arrived, which takes a time that grows with the
    square of the resources: 26 s of the processor for 900. A failed output ends the program at once.
    """
    manager = SETTINGS.rpc_manager
    # Pulumi makes a new list for each program. Another SDK may count in another way: the program is slower with it.
    if type(getattr(manager, "rpcs", None)) is list and isinstance(SETTINGS.outputs, set):
        manager.rpcs = _InOrder([*manager.rpcs, _Outputs()])


async def _wait_for_outputs() -> None:
    """Await all outputs; those that are created meanwhile are looked at in the next round.

    Raises:
        Exception: An output failed. The SDK keeps each failed output in its set, so none gets lost between two rounds.
    """
    while outputs := _outstanding():
        timeout = max(_ROUND_SECONDS, len(outputs) / _OUTPUTS_A_SECOND)
        done, _ = await asyncio.wait(outputs, timeout=timeout, return_when=asyncio.FIRST_EXCEPTION)
        failed = [output for output in done if output.cancelled() or output.exception()]
        if failed:
            await _end_program(failed[0])
            break


async def _end_program(failed: asyncio.Future[Any]) -> None:
    """Raise the failure of an output, or leave the SDK with that of a registration which used the output.

    The first to await an output gets the line of the program that failed, the others get none.
    """
    if failed.cancelled() or isinstance(failed.exception(), pulumi.RunError):
        await failed
    for _ in range(_TURNS_UNTIL_REGISTRATIONS_FAIL):
        await asyncio.sleep(0)
    manager = SETTINGS.rpc_manager
    if manager.unhandled_exception is None:
        await failed
    # Without registrations to await, the SDK raises the failure as it is; beside them it drops what caused it.
    manager.rpcs = []


def _outstanding() -> list[asyncio.Future[Any]]:
    with SETTINGS.lock:
        return list(SETTINGS.outputs)
