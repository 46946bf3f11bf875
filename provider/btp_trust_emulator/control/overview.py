"""What the page of the control plane shows: slots, targets, faults and the latest requests, free of secrets.

Each field is named here: a new field of the state is left out until somebody has looked at it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from btp_trust_emulator.control import people, s4
from btp_trust_emulator.pki import trust_certificate
from btp_trust_emulator.slots import Slot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btp_trust_emulator.backend.account import Account
    from btp_trust_emulator.backend.landscape import Landscape
    from btp_trust_emulator.backend.s4_tenant import Tenant
    from btp_trust_emulator.control.emulation import Emulation
    from btp_trust_emulator.faults.queue import QueuedFault
    from btp_trust_emulator.journal import JournalEntry

LATEST: Final = 100
"""Requests that the page lists."""


def overview(emulation: Emulation) -> dict[str, Any]:
    """Return everything that the page shows, as of one moment."""
    landscape = emulation.landscape
    with landscape.lock:
        entries = emulation.journal.entries()
        return {
            "now": landscape.clock.now(),
            "subaccounts": [_subaccount(account) for account in landscape.accounts()],
            "targets": [*_targets(landscape)],
            "faults": [_fault(queued) for queued in emulation.faults.queued()],
            "requests": [_request(entry) for entry in reversed(entries[-LATEST:])],
            "request_count": len(entries),
        }


def _subaccount(account: Account) -> dict[str, Any]:
    slots = {slot.value: _certificate(account.certificate(slot)) for slot in Slot}
    return {"guid": account.guid, "subdomain": account.subdomain, "slots": slots}


def _certificate(pem: str | None) -> dict[str, Any] | None:
    if pem is None:
        return None
    not_before, not_after = trust_certificate.validity(pem) or (None, None)
    return {"fingerprint": trust_certificate.fingerprint(pem), "not_before": not_before, "not_after": not_after}


def _targets(landscape: Landscape) -> Iterator[dict[str, Any]]:
    for system in landscape.state.systems.values():
        shown = people.target_of_system(landscape, system).certificates
        yield _target(system.name, f"system, holds {system.holds}", shown, system.misreported)
    for account in landscape.accounts():
        if trusted := people.target_of_subaccount(landscape, account).certificates:
            yield _target(account.subdomain, "subaccount", trusted)
    for tenant in landscape.state.tenants.values():
        yield from _communication_systems(landscape, tenant)


def _communication_systems(landscape: Landscape, tenant: Tenant) -> Iterator[dict[str, Any]]:
    for system in tenant.systems.values():
        for block, shown in s4.shown_system(landscape, tenant, system.system_id).blocks.items():
            trusted = {} if shown.trusted is None else {shown.trusted: shown.provider_name}
            name = f"{tenant.name} {system.system_id}"
            yield _target(
                name, f"S/4HANA, {block.value}" if shown.is_active else f"S/4HANA, {block.value}, inactive", trusted
            )


def _target(name: str, kind: str, trusted: dict[str, str], misreported: frozenset[str] = frozenset()) -> dict[str, Any]:
    shown = [
        {"fingerprint": fingerprint, "issuer": issuer, "rejects": fingerprint in misreported}
        for fingerprint, issuer in trusted.items()
    ]
    return {"name": name, "kind": kind, "trusted": shown}


def _fault(queued: QueuedFault) -> dict[str, Any]:
    fault = queued.fault
    return {
        "kind": fault.kind,
        "method": fault.method,
        "path": fault.path,
        "subaccount": fault.subaccount,
        "skip": fault.skip,
        "count": fault.count,
        "fired": queued.fired,
    }


def _request(entry: JournalEntry) -> dict[str, Any]:
    return {
        "time": entry.time,
        "method": entry.method,
        "path": entry.path,
        "status": entry.status,
        "subaccount": entry.subaccount,
        "changed": entry.before != entry.after,
        "faults": entry.faults,
        "note": entry.note,
    }
