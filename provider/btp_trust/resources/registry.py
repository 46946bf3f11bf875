"""What a program has declared so far: the resources of one subaccount have to know each other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

import pulumi
from pulumi.dynamic import Resource
from pulumi.runtime.mocks import MockMonitor


@dataclass(frozen=True, slots=True)
class DeclaredResource:
    """A resource of a program, and the name that it has there."""

    resource_name: str
    resource: Resource


_Program = dict[tuple[str, str], DeclaredResource]
"""{(kind, connection): what is declared}; an origin key belongs to the kind."""
_programs: Final[WeakKeyDictionary[Any, WeakKeyDictionary[Any, _Program]]] = WeakKeyDictionary()
"""What each program declares: a process may run several, one after the other (tests) or side by side (automation)."""
_connections: Final[WeakKeyDictionary[pulumi.Resource, tuple[str, str]]] = WeakKeyDictionary()
"""The kind and the connection of each resource."""


def find_declared(kind: str, connection: str) -> Resource | None:
    """Return the resource of this kind on this connection, if the program has declared one."""
    found = _current_program().get((kind, connection))
    return None if found is None else found.resource


def belongs_to(connection: str, kind: str, resource: pulumi.Resource) -> bool:
    """Whether a resource is of this kind, and on this connection."""
    return _connections.get(resource) == (kind, connection)


def declare_once(kind: str, connection: str, resource_name: str, resource: Resource) -> None:
    """Refuse a second one in the same program: the two would undo each other."""
    if not _record(kind, connection, DeclaredResource(resource_name, resource)):
        raise pulumi.RunError(
            f"A second {kind} on connection {connection!r}.\n"
            "A subaccount has one active and one passive certificate; two of them would undo each other.\n"
            "Remove one, or give it the connection= of another subaccount."
        )


def register_once(connection: str, origin_key: Any, resource_name: str, resource: Resource) -> None:
    """Refuse a second TrustedIdentityProvider of an origin key, if that is no output: then check compares it."""
    if not isinstance(origin_key, str):
        return
    if not _record(f"TrustedIdentityProvider {origin_key}", connection, DeclaredResource(resource_name, resource)):
        raise pulumi.RunError(
            f"A second TrustedIdentityProvider with origin key {origin_key!r} on connection {connection!r}.\n"
            "They are one identity provider there; two resources would undo each other.\n"
            "Remove one, or give it another origin_key=, or the connection= of another subaccount."
        )


def _record(kind: str, connection: str, entry: DeclaredResource) -> bool:
    """Record a resource; say whether it is the only one of its kind on its connection."""
    program = _current_program()
    found = program.get((kind, connection))
    if found is not None and (found.resource_name != entry.resource_name or not _is_mocked()):
        return False
    if found is not None:  # an engine would take no second one of the same name: it is another test's
        program.clear()
    program[kind, connection] = entry
    _connections[entry.resource] = kind, connection
    return True


def _current_program() -> _Program:
    """Return what is declared by the program that runs.

    Each deployment configures Pulumi's runtime anew, and so does each `set_mocks`. Tests of which several follow one
    `set_mocks` run in tasks of their own (`pulumi.runtime.test`); a real program may declare a resource in any task.
    """
    deployment = pulumi.runtime.settings.SETTINGS.rpc_manager
    run = _task() if _is_mocked() else None
    return _programs.setdefault(deployment, WeakKeyDictionary()).setdefault(run or deployment, {})


def _task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def _is_mocked() -> bool:
    return isinstance(pulumi.runtime.settings.SETTINGS.monitor, MockMonitor)


def unlinked_candidate_error(connection: str) -> pulumi.RunError:
    """Make the error of a certificate and a trigger that do not know each other."""
    return pulumi.RunError(
        f"PassiveTrustCertificate and RotationTrigger on connection {connection!r} do not know each other.\n"
        "Without candidate= they run in any order, and the one changes the slots that the other was previewed for.\n"
        "Declare PassiveTrustCertificate first, and pass it: RotationTrigger(…, candidate=<it>)."
    )
