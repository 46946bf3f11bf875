"""Fixtures for tests of several folders."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Generator, Iterator
from unittest.mock import patch

import hypothesis
import pulumi
import pytest

from btp_trust_emulator import Emulator
from btp_trust_emulator.pki import keys
from support.paths import ROOT
from support.recycled_keys import RecycledKeys
from support.tracing import Untraced, untraced_children

MEASURED = {"behavior", "emulator", "unit", "wire"}
"""Folders whose tests reach every branch; the others repeat what these do, as long processes of many commands."""
REPEATING_PROPERTIES = {"test_hand_over.py", "test_markdown.py", "test_property_bag.py"}
"""Modules whose properties take longest, and reach no branch that their examples leave out."""
REPEATING = {
    "behavior/rotation/test_planned_swap.py",
    "behavior/rotation/test_target_gate.py",
    "behavior/rotation/verification/test_signer_evidence.py",
    "behavior/runtime/test_agreement.py",
    "behavior/runtime/test_subaccount_guard.py",
    "behavior/runtime/test_unknown_outcomes.py",
    "behavior/runtime/test_write_outcomes.py",
    "emulator/test_openapi.py",
    "emulator/test_openapi_identity_providers.py",
    "emulator/test_s4_machine.py",
    "unit/service/transport/test_oauth_errors.py",
}
"""Long modules that combine what others reach alone. One that becomes the only one to reach a branch leaves the set."""

patch.object(keys, "generate", RecycledKeys(keys.generate)).start()  # before the first emulator, of any module


def pytest_collection_finish() -> None:
    """Let the garbage collector leave out what all tests share: thousands of collected tests, and the libraries."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure coverage only where this is needed: a traced test takes twice as long."""
    if is_measured(item):
        return (yield)
    with untraced_children(), Untraced():
        return (yield)


def is_measured(item: pytest.Item) -> bool:
    """Return True for a test of these folders, unless it repeats what others reach."""
    path = item.path.relative_to(ROOT / "tests")
    is_property = hypothesis.is_hypothesis_test(getattr(item, "obj", None))
    repeats = path.as_posix() in REPEATING or (is_property and path.name in REPEATING_PROPERTIES)
    return path.parts[0] in MEASURED and not repeats


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """One emulator in process for all tests of a module, which create subaccounts of their own."""
    with Emulator(key_size=1024) as emulator:
        yield emulator


@pytest.fixture
def program_loop() -> Iterator[None]:
    """An event loop for a Pulumi program with mocks, which leave a loop open in each of their threads."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    pulumi.runtime.set_all_config({})
    asyncio.set_event_loop(None)
    with warnings.catch_warnings(action="ignore"):
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        gc.collect()
