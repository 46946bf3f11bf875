"""Each operation of the matrix, undisturbed, has its declared effects."""

from __future__ import annotations

import pytest

from btp_trust_emulator import Emulator
from support import fake_engine
from support.crash_matrix.operations import OPERATIONS, Operation, ProviderKind
from support.crash_matrix.uninterrupted_run import expected_requests, uninterrupted_run


@pytest.mark.parametrize("operation", OPERATIONS[ProviderKind.OURS], ids=str)
def test_an_operation_ends_as_declared(operation: Operation, emulator: Emulator) -> None:
    """An operation swaps and generates as often as declared, and ends without unannounced losses."""
    result = uninterrupted_run(operation, emulator)

    assert (result.counts.swaps, result.counts.generated) == (operation.swaps, operation.generated)
    assert (result.end, result.trusted) == (operation.end, operation.trusted)
    assert not result.counts.lost


def test_operations_cover_every_write(emulator: Emulator) -> None:
    """Both providers generate, delete and swap; ours also writes registrations and communication systems."""
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
    registrations = {f"{method} identity-providers" for method in ("POST", "PUT", "DELETE")}
    others = registrations | {"POST certificate", "PATCH CommunicationSystems"}
    assert sent == {ProviderKind.NAIVE: naive, ProviderKind.OURS: naive | others}
