"""Each operation of the matrix does what it says there, undisturbed."""

from __future__ import annotations

import pytest

from btp_trust_emulator import Emulator
from support import fake_engine
from support.crash_matrix.dry_run import dry_run, expected_requests
from support.crash_matrix.operations import OPERATIONS, Operation, ProviderKind


@pytest.mark.parametrize("operation", OPERATIONS[ProviderKind.OURS], ids=str)
def test_an_operation_ends_as_declared(operation: Operation, emulator: Emulator) -> None:
    """It swaps and generates as often as declared, and loses nothing but what it is meant to replace or delete."""
    played = dry_run(operation, emulator)

    assert (played.counts.swaps, played.counts.generated) == (operation.swaps, operation.generated)
    assert (played.end, played.trusted) == (operation.end, operation.trusted)
    assert not played.counts.lost


def test_every_write_of_the_service_is_interrupted(emulator: Emulator) -> None:
    """Both generations, the deletion and the swap, by an operation of both providers; ours registers, too."""
    sent = {
        provider: {
            request
            for operation in OPERATIONS[provider]
            for request in expected_requests(provider, operation, emulator)
            if not fake_engine.is_read(request)
        }
        for provider in ProviderKind
    }

    naive = {"POST certificate/passive", "DELETE certificate/passive", "POST rotateCertificate"}
    registers = {f"{method} identity-providers" for method in ("POST", "PUT", "DELETE")}
    assert sent == {ProviderKind.NAIVE: naive, ProviderKind.OURS: naive | registers | {"POST certificate"}}
