"""Pulumi's mocks, with which people test their own programs: several programs in one process, missing outputs."""

from __future__ import annotations

import asyncio
import contextvars
import pickle
from collections.abc import Callable
from typing import Any, cast

import pulumi
import pytest
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs, Mocks
from pulumi.runtime.stack import wait_for_rpcs

from btp_trust import (
    ActiveTrustCertificate,
    Attested,
    CommunicationSystemTrust,
    PassiveTrustCertificate,
    RotationTrigger,
    TrustedIdentityProvider,
)
from support.secret_samples import PEMS

Program = Callable[[], object]

# Pulumi's mocks leave an event loop open in each of their threads; whenever it is collected, Python complains.
pytestmark = [
    pytest.mark.usefixtures("program_loop"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Engine(Mocks):
    """Mocks whose resources have exactly these outputs."""

    def __init__(self, *, id_: str | None = "id", **outputs: Any) -> None:
        self.id = id_
        self.outputs = outputs
        self.registered: list[str] = []

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """Record the name of a resource."""
        self.registered.append(args.name)
        return self.id, dict(self.outputs)

    def call(self, args: MockCallArgs) -> Any:
        """Fail: these programs call no function."""
        raise NotImplementedError(args.token)


def program() -> list[pulumi.Output[Any]]:
    """Declare all resources; return outputs for a test to await."""
    upcoming = PassiveTrustCertificate("next", generation="2028-11")
    billing = TrustedIdentityProvider("billing", connection="billing", origin_key="shop", passive=upcoming)
    rotation = RotationTrigger(
        "rotation",
        generation="2026-11",
        candidate=upcoming,
        trusted_by={"billing": billing.trusted, "s4": Attested(billing.entity_id, by="Ada", on="2026-11-20")},
    )
    signing = ActiveTrustCertificate("signing", rotation=rotation)
    return [upcoming.fingerprint, billing.trusted, rotation.verified, rotation.failure, signing.signer]


def decorated(run: Program) -> None:
    """Run a program as a test that `pulumi.runtime.test` decorates."""
    pulumi.runtime.test(lambda: pulumi.Output.all(*cast("list[pulumi.Output[Any]]", run() or [])))()  # type: ignore[no-untyped-call]


def bare(run: Program) -> None:
    """Run a program as an undecorated test, which waits for its declarations."""
    run()
    asyncio.get_event_loop().run_until_complete(wait_for_rpcs())


@pytest.mark.parametrize("run", [decorated, bare], ids=lambda run: run.__name__)
@pytest.mark.parametrize("is_repeated", [True, False], ids=["set_mocks for each", "set_mocks once"])
def test_tests_in_one_process_are_separate(run: Callable[[Program], None], *, is_repeated: bool) -> None:
    """Each test declares all resources: those of an earlier test belong to another program."""

    def process() -> None:
        for number in range(3):
            if is_repeated or number == 0:
                engine = Engine()
                pulumi.runtime.set_mocks(engine)
            run(program)
            assert engine.registered.count("rotation") == (1 if is_repeated else number + 1)

    contextvars.Context().run(process)


@pytest.mark.parametrize("preview", [False, True], ids=["update", "preview"])
@pytest.mark.parametrize("id_", ["", None], ids=["an empty ID", "ID missing"])
def test_mocks_may_lack_outputs(id_: str | None, *, preview: bool) -> None:
    """A program runs under mocks that return neither outputs nor IDs."""

    def process() -> None:
        pulumi.runtime.set_mocks(Engine(id_=id_), preview=preview)
        decorated(program)

    contextvars.Context().run(process)


def test_rejected_generation_may_lack_reason() -> None:
    """A program fails with the generation where mocks return `failed_generation` without `failure`."""

    def process() -> None:
        pulumi.runtime.set_mocks(Engine(generation="2026-11", failed_generation="2026-11"))
        with pytest.raises(pulumi.RunError, match="2026-11"):
            decorated(lambda: [RotationTrigger("rotation", "2026-11").failure])

    contextvars.Context().run(process)


@pytest.mark.parametrize("run", [decorated, bare], ids=lambda run: run.__name__)
def test_duplicate_is_found_under_mocks(run: Callable[[Program], None]) -> None:
    """A duplicate resource in a program is refused under mocks too."""

    def declare_twice() -> None:
        RotationTrigger("rotation", "a")
        with pytest.raises(pulumi.RunError, match="A second RotationTrigger"):
            RotationTrigger("another", "b")
        TrustedIdentityProvider("one", connection="billing", origin_key="shop")
        with pytest.raises(pulumi.RunError, match="A second TrustedIdentityProvider"):
            TrustedIdentityProvider("two", connection="billing", origin_key="shop")

    def process() -> None:
        pulumi.runtime.set_mocks(Engine())
        run(declare_twice)

    contextvars.Context().run(process)


@pytest.mark.parametrize(
    ("option", "opts"),
    [("import_", pulumi.ResourceOptions(import_="some/active")), ("id", pulumi.ResourceOptions(id="some/active"))],
    ids=["import_", "id"],
)
@pytest.mark.parametrize(
    "declare",
    [
        lambda opts: ActiveTrustCertificate("one", opts=opts),
        lambda opts: PassiveTrustCertificate("one", "b", opts=opts),
        lambda opts: RotationTrigger("one", "a", opts=opts),
        lambda opts: TrustedIdentityProvider("one", connection="billing", origin_key="shop", opts=opts),
        lambda opts: CommunicationSystemTrust("one", connection="s4", system="SHOP", opts=opts),
    ],
    ids=["active", "passive", "trigger", "trusted", "system"],
)
def test_import_is_refused(
    declare: Callable[[pulumi.ResourceOptions], object], option: str, opts: pulumi.ResourceOptions
) -> None:
    """`import_` and `id` are refused for each resource, other options are accepted."""
    engine = Engine()

    def declare_all() -> None:
        with pytest.raises(pulumi.RunError, match="it adopts by itself") as caught:
            declare(opts)
        lines = str(caught.value).splitlines()
        assert len(lines) == 3
        assert f"Remove {option}= " in lines[-1]
        assert "some/active" not in str(caught.value)

    def process() -> None:
        pulumi.runtime.set_mocks(engine)
        decorated(declare_all)
        decorated(lambda: declare(pulumi.ResourceOptions(protect=True, retain_on_delete=True)) and ())

    contextvars.Context().run(process)
    assert engine.registered == ["one"]


@pytest.mark.parametrize("option", [True, False, None])
def test_inputs_have_retain_on_delete(*, option: bool | None) -> None:
    """The inputs of a TrustedIdentityProvider, and the candidate's ones of a trigger, have their `retain_on_delete`."""
    inputs: dict[str, Any] = {}

    class RecordingEngine(Engine):
        def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
            inputs[args.name] = args.inputs
            return super().new_resource(args)

    def declare_all() -> None:
        opts = pulumi.ResourceOptions(retain_on_delete=option)
        RotationTrigger("rotation", "a", candidate=PassiveTrustCertificate("next", "b", opts=opts))
        TrustedIdentityProvider("billing", connection="billing", origin_key="shop", opts=opts)

    def process() -> None:
        pulumi.runtime.set_mocks(RecordingEngine(generation="b"))
        decorated(declare_all)

    contextvars.Context().run(process)
    assert inputs["rotation"]["candidate"].get("retain_on_delete", False) is bool(option)
    assert inputs["billing"].get("retain_on_delete", False) is bool(option)


@pytest.mark.parametrize("secret", [True, False], ids=["a secret", "plain"])
@pytest.mark.parametrize(
    "declare",
    [
        lambda opts: ActiveTrustCertificate("one", opts=opts).fingerprint,
        lambda opts: TrustedIdentityProvider("one", connection="billing", origin_key="shop", opts=opts).trusted,
    ],
    ids=["active", "trusted"],
)
def test_replacement_trigger_refuses_secret(
    declare: Callable[[pulumi.ResourceOptions], pulumi.Output[Any]], *, secret: bool
) -> None:
    """An output with a secret is refused as `replacement_trigger`, unless it is marked as a secret."""
    engine = Engine()

    def declare_all() -> list[pulumi.Output[Any]]:
        trigger = pulumi.Output.from_input({"one": [PEMS["PKCS#8"]]})
        opts = pulumi.ResourceOptions(replacement_trigger=pulumi.Output.secret(trigger) if secret else trigger)
        return [declare(opts)]

    def process() -> None:
        pulumi.runtime.set_mocks(engine)
        if secret:
            decorated(declare_all)
            return
        with pytest.raises(pulumi.RunError, match="`replacement_trigger` holds a private key"):
            decorated(declare_all)

    contextvars.Context().run(process)
    assert engine.registered == (["one"] if secret else [])


def test_python_pickler_stays_as_it_was() -> None:
    """However many resources of ours come before it, a provider of the program's own is pickled at the same depth."""
    pulumi.runtime.set_mocks(Engine())
    before = dict(vars(pickle._Pickler))
    for number in range(3):
        ActiveTrustCertificate(f"c{number}", connection=f"c{number}")

    assert vars(pickle._Pickler) == before
