"""How a program waits for its resources."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Collection
from typing import Any

import pulumi
import pytest
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs, Mocks
from pulumi.runtime.settings import SETTINGS
from pulumi.runtime.stack import wait_for_rpcs

from btp_trust import ActiveTrustCertificate
from btp_trust.resources.event_loop import wait_for_registrations_first

pytestmark = [
    pytest.mark.usefixtures("program_loop"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
RESOURCES = 30


class Engine(Mocks):
    """Registers every resource."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """Return the inputs as outputs, after a while."""
        time.sleep(0.005)
        return args.name, dict(args.inputs)

    def call(self, args: MockCallArgs) -> Any:
        """Fail: the program calls no function."""
        raise NotImplementedError(args.token)


def test_outputs_are_awaited_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pulumi looks for outputs that have arrived once the registrations are done, in place of after each of them."""
    looked_at: list[int] = []
    wait = asyncio.wait

    async def counting_wait(tasks: Collection[Any], **options: Any) -> Any:
        looked_at.append(len(tasks))
        return await wait(tasks, **options)

    async def program() -> None:
        """Declare all and wait, in one turn of the loop, as Pulumi runs a program; mocks have registered a stack."""
        SETTINGS.rpc_manager.rpcs.clear()
        for number in range(RESOURCES):
            ActiveTrustCertificate(f"signing-{number}", connection=f"c{number}")
        await wait_for_rpcs()

    def process() -> None:
        pulumi.runtime.set_mocks(Engine())
        monkeypatch.setattr(asyncio, "wait", counting_wait)
        asyncio.get_event_loop().run_until_complete(program())

    contextvars.Context().run(process)
    assert len(looked_at) < RESOURCES / 2


def test_other_sdk_may_lack_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program works with an SDK that counts its registrations in another way."""
    monkeypatch.setattr(type(SETTINGS), "rpc_manager", None)
    wait_for_registrations_first()
