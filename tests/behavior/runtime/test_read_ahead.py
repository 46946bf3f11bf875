"""Two subaccounts in one program: the slots of the second are read ahead, and its errors appear at its own resource."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pulumi
import pytest

from btp_trust.errors import CredentialsRejected, Refused
from btp_trust.resources import registry
from btp_trust_emulator import Emulator
from support.fake_engine import Deployment, FakeEngine

SECOND = "second"


class TwoSubaccounts:
    """A stack with two subaccounts of an emulator."""

    def __init__(self, emulator: Emulator) -> None:
        first, self.second = (emulator.create_subaccount(generate=True).guid for _ in range(2))
        self.emulator = emulator
        self.engine = FakeEngine(emulator, first, announced={"default": 2, SECOND: 2})
        self.set_key(emulator.service_key(self.second))
        self.signers = {"default": "2026-11", SECOND: "2026-11"}
        self.engine.up(self.program)

    def set_key(self, key: dict[str, str]) -> None:
        """Give the second connection a key."""
        self.engine.config["btp-trust:connections"] = json.dumps({SECOND: key})

    def program(self, deployment: Deployment) -> None:
        """Declare both subaccounts."""
        for connection, signer in self.signers.items():
            passive = deployment.passive(f"{connection}-next", generation="2028-11", connection=connection)
            deployment.trigger(f"{connection}-rotation", generation=signer, candidate=passive, connection=connection)

    def break_second(self) -> None:
        """Renew the secret of the second connection elsewhere."""
        self.set_key({**self.emulator.service_key(self.second), "clientsecret": "expired"})

    def requests(self) -> list[tuple[str, str]]:
        """Return the requests since the journal was cleared, each with its subaccount."""
        names = {self.engine.guid: "first", self.second: "second"}
        return [(names[entry.subaccount or ""], entry.method) for entry in self.emulator.journal()]


@pytest.fixture
def two() -> Iterator[TwoSubaccounts]:
    """Two subaccounts, deployed."""
    with Emulator(key_size=1024) as emulator:
        yield TwoSubaccounts(emulator)


def test_second_subaccount_is_read_first(two: TwoSubaccounts) -> None:
    """The first resource leads to the reading of both subaccounts, three requests for each, and previews are alike."""
    previews = {}
    for limit in ("0", "32"):
        two.engine.config["btp-trust:readAhead"] = limit
        two.emulator.clear_journal()
        previews[limit] = two.engine.preview(two.program)
        order = [name for name, _ in two.requests()]
        assert sorted(order) == [*["first"] * 3, *["second"] * 3]
        assert order[0] == ("second" if limit == "32" else "first")
    assert previews["0"].inputs == previews["32"].inputs
    assert previews["32"].has_no_changes
    assert "announced_connections" not in str([each.inputs for each in two.engine.state.values()])


def test_error_belongs_to_its_resource(two: TwoSubaccounts) -> None:
    """A rejected key leaves the first subaccount planned, and fails the resources of the second."""
    two.break_second()
    two.signers[SECOND] = "2028-11"
    with pytest.raises(CredentialsRejected):
        two.engine.preview(two.program)
    assert set(two.engine.last_report.inputs) <= {"default-next", "default-rotation", "second-next"}
    assert two.engine.last_report.inputs.keys() >= {"default-next", "default-rotation"}


def test_broken_connection_withholds_all_writes(two: TwoSubaccounts) -> None:
    """An update without a preview writes nothing while the second key is rejected; `partial` lets the first rotate."""
    before = two.engine.slots
    two.break_second()
    two.signers = dict.fromkeys(two.signers, "2028-11")
    with pytest.raises(Refused) as caught:
        two.engine.up(two.program, skip_preview=True)
    assert "connection 'second' is out of reach" in caught.value.what
    assert two.engine.slots == before
    two.engine.config["btp-trust:partial"] = "true"
    with pytest.raises(CredentialsRejected):
        two.engine.up(two.program, skip_preview=True)
    assert two.engine.slots == before[::-1]


def test_plan_of_system_waits_for_no_subaccount(two: TwoSubaccounts) -> None:
    """A system is read when it is its turn; only a write waits for all connections, some of which follow its plan."""
    user = two.emulator.communication_user(two.emulator.create_s4("erp") and "erp")
    two.emulator.create_communication_system("erp", "SHOP")
    keys = {SECOND: two.emulator.service_key(two.second), "s4": user}
    two.engine.config |= {"btp-trust:connections": json.dumps(keys), "btp-trust:readAhead": "0"}

    def program(deployment: Deployment) -> None:
        deployment.system(connection="s4", system="SHOP")
        two.program(deployment)

    two.engine.preview(program)
    (check,) = (call for call in two.engine.calls if (call.name, call.method) == ("erp", "check"))
    assert check.sent == ["GET CommunicationSystems"]


def test_refresh_tells_nothing_of_plans(two: TwoSubaccounts) -> None:
    """`up --refresh --skip-preview`: that a refresh finds the second subaccount as recorded leaves its plan open."""
    before = two.engine.slots
    two.break_second()
    two.signers = dict.fromkeys(two.signers, "2028-11")
    with pytest.raises(Refused, match="connection 'second' is out of reach"):
        two.engine._run(two.program, None, (), dry_run=False, refreshes=True)
    assert two.engine.slots == before


def test_names_are_those_of_the_resource(two: TwoSubaccounts) -> None:
    """A subaccount that was read ahead, before a resource has named it, has that name in its plan all the same."""

    def program(deployment: Deployment) -> None:
        deployment.passive("default-next", generation="2028-11")
        deployment.active("signer", connection=SECOND, display_name="Second of two")

    report = two.engine.preview(program)
    assert report.inputs["signer"]["subaccount"] == f"Second of two ({two.second[:8]})"


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str | None]]:
    """A program outside of mocks: declares resources, each by its connection and subaccount; gives what they announce.

    An argument that is a function is an output with its result.
    """
    monkeypatch.setattr(registry, "_is_mocked", lambda: False)
    program = registry._Program()
    monkeypatch.setattr(registry, "_current_program", lambda: program)

    def argument(value: Any) -> Any:
        return pulumi.Output.from_input(value()) if callable(value) else value

    async def run(resources: tuple[tuple[Any, Any], ...]) -> list[str | None]:
        resource: Any = object()
        inputs = [registry.announce(resource, argument(connection), argument(guid)) for connection, guid in resources]
        return [await each for each in inputs if each is not None]

    return lambda *resources: asyncio.run(run(resources))


def test_program_announces_its_connections(declare: Callable[..., list[str | None]]) -> None:
    """The first eight resources announce all connections; a later one does if more were declared since."""
    first = declare(*[("a", None), ("b", "guid")] * 5)
    assert first == [*['{"a": 5, "b": 5}'] * 8, None, None]
    assert declare(("c", None), ("a", None)) == ['{"a": 6, "b": 5, "c": 1}', None]


def test_outputs_are_left_out(declare: Callable[..., list[str | None]]) -> None:
    """A subaccount that is an output may be created by the same command, and a connection that is one is unknown."""

    async def output() -> str:
        return "new"

    resources = [("new", output), (output, None), ("new", "guid"), ("a", None)]
    assert declare(*resources) == ['{"a": 1}'] * 4
