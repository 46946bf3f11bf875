"""Which faults the subaccounts meet while a fleet rotates. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from btp_trust_emulator import FaultKind
from btp_trust_emulator.faults.fault import FAULT_SPECS, Fault, FaultFields
from btp_trust_emulator.faults.request import RequestType
from btp_trust_emulator.slots import Action

PART = 0.02
"""The part of the subaccounts that meets each kind."""
SWAP: Final[FaultFields] = {
    "method": "POST",
    "path": "/destination-configuration/v1/saml2Metadata/rotateCertificate",
}
REQUESTS: Final = {RequestType.TOKEN_ENDPOINT: 2, RequestType.READ: 4, RequestType.CERTIFICATE: 4, None: 9}
"""{type: how many of these a rotation sends at least, in its preview and in its update}; each may meet a fault."""
PLACES: Final[dict[FaultKind, FaultFields]] = {
    # Only a swap whose answer was lost is followed by a reading, so `plan_faults` loses that answer as well.
    FaultKind.STALE_AFTER_WRITE: {"skip": 0},
    # A colleague swaps before the preview has read: the stack has to record that swap, and to leave out its own.
    FaultKind.RIVAL_BEFORE: {"method": "GET", "action": Action.ROTATE},
    # A colleague renews the certificate that has just stopped signing.
    FaultKind.RIVAL_AFTER: {**SWAP, "action": Action.GENERATE_PASSIVE},
}
"""Kinds with a place of their own. With these rivals, each subaccount still has to be swapped exactly once in all."""


def plan_faults(guids: Sequence[str], kinds: Iterable[FaultKind], seed: int) -> list[Fault]:
    """Return a fault of each kind for its part of the subaccounts, at least one, none twice while they last."""
    source = random.Random(seed)  # noqa: S311 - the same faults for the same seed
    each = max(1, round(PART * len(guids)))
    wanted = [(kind, number) for kind in kinds for number in range(each)]
    chosen: list[str] = []
    while len(chosen) < len(wanted):
        chosen += source.sample(guids, len(guids))
    pairs = zip(wanted, chosen, strict=False)
    return [replace(fault, subaccount=guid) for pair, guid in pairs for fault in _faults(*pair, source)]


def _faults(kind: FaultKind, number: int, source: random.Random) -> Iterator[Fault]:
    yield Fault(kind, **_place(kind, number, source))
    if kind is FaultKind.STALE_AFTER_WRITE:
        yield Fault(FaultKind.DO_THEN_CLOSE, **SWAP)


def _place(kind: FaultKind, number: int, source: random.Random) -> FaultFields:
    """Choose a request: for every second fault the swap, where an unknown outcome is worst, for the others any."""
    if kind in PLACES:
        return PLACES[kind]
    request_type = FAULT_SPECS[kind].request_type
    return SWAP if request_type is None and number % 2 == 0 else {"skip": source.randrange(REQUESTS[request_type])}
