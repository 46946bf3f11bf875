"""The resources that a program has declared so far, to find those of one connection that conflict."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Generator, Iterable, Iterator
from typing import Any, Final
from weakref import WeakKeyDictionary

import pulumi
from msgspec import Struct
from pulumi.dynamic import Resource
from pulumi.runtime.mocks import MockMonitor

from btp_trust.resources.base import explicit_provider


class DeclaredResource(Struct, frozen=True):
    """A resource of a program, and its name there."""

    resource_name: str
    resource: Resource


class _Program(dict[tuple[str, str], DeclaredResource]):
    """{(kind, connection): resource}; the kind of a registration includes its origin key."""

    def __init__(self) -> None:
        super().__init__()
        self.uses: list[tuple[Resource, str]] = []
        """Each resource that uses a connection, with the connection."""
        self.left_out: list[tuple[Resource, str]] = []
        """Those whose subaccount the same command may create."""
        self.announced: Counter[pulumi.ProviderResource | None] = Counter()
        """How many uses there were when they were last announced to the plugin of a provider."""
        self.announcements: Counter[pulumi.ProviderResource | None] = Counter()
        """How many resources have announced them to it."""

    def announce_to(self, provider: pulumi.ProviderResource | None) -> str | None:
        """Return the JSON of the connections that a plugin serves; None if it has them often enough.

        An explicit provider runs in a process of its own, whose settings lack the keys of the other resources.
        """
        uses = len(self.uses)
        if uses == self.announced[provider] and self.announcements[provider] >= _ANNOUNCEMENTS:
            return None
        self.announced[provider] = uses
        self.announcements[provider] += 1
        left_out = set(_connections_of(provider, self.left_out))
        counts = Counter(_connections_of(provider, self.uses))
        return json.dumps({name: count for name, count in counts.items() if name not in left_out})


class _Announcement:
    """The input by which a resource announces connections; Pulumi awaits it once it has all other inputs.

    An output would have its value at once. The resources that have it may wait for others for hours, and the engine
    would write in the meantime.
    """

    def __init__(self, program: _Program, resource: Resource) -> None:
        self._program = program
        self._resource = resource

    def __await__(self) -> Generator[Any, None, str | None]:
        return self._write().__await__()

    async def _write(self) -> str | None:
        return self._program.announce_to(explicit_provider(self._resource))


_ANNOUNCEMENTS: Final = 8
"""How many of the first resources announce all connections: which of them the engine checks first is open."""
_programs: Final[WeakKeyDictionary[Any, WeakKeyDictionary[Any, _Program]]] = WeakKeyDictionary()
"""The declarations of each program: a process may run several, in sequence (tests) or in parallel (automation)."""
_switched: Final[WeakKeyDictionary[pulumi.Resource, tuple[str, Resource]]] = WeakKeyDictionary()
"""The kind and the resource that switches a communication system over, for each such system."""
_connections: Final[WeakKeyDictionary[pulumi.Resource, tuple[str, str]]] = WeakKeyDictionary()
"""The kind and the connection of each resource."""


def find_declared(kind: str, connection: str) -> Resource | None:
    """Return the resource of this kind on this connection, if the program has declared one."""
    declared = _current_program().get((kind, connection))
    return None if declared is None else declared.resource


def warned_by(connection: str, *kinds: str) -> pulumi.Output[str | None]:
    """Return the first of these kinds that the program declares on the connection, before or after this line.

    That resource warns of the signer, so that each warning is given once, by the resource that knows most.
    """
    program = _current_program()  # here: under mocks, the registration runs in another task

    async def find() -> str | None:
        # Awaited when the resource is registered: a program that awaits nothing has declared all of its resources.
        return next((kind for kind in kinds if (kind, connection) in program), None)

    return pulumi.Output.from_input(find())


def announce(resource: Resource, connection: Any, subaccount_id: Any) -> Awaitable[str | None] | None:
    """Return an input that tells the plugin which connections the program uses, so that their slots are read ahead.

    `check` takes the input out: previews and the state have its name, among the dependencies, and no value. Its text
    is the JSON of {connection: number of resources}; of a map, Pulumi would serialize each value in a turn of its own,
    and the resource would come last.
    """
    program = _current_program()  # here: see `warned_by`
    if isinstance(connection, str):  # an output is known only to the plugin
        program.uses.append((resource, connection))
        # An output may name a subaccount that the same command creates: its key may have yet to come, and a failure to
        # find that would be kept.
        if isinstance(subaccount_id, pulumi.Output):
            program.left_out.append((resource, connection))
    return None if _is_mocked() else _Announcement(program, resource)


def _connections_of(provider: pulumi.ProviderResource | None, uses: Iterable[tuple[Resource, str]]) -> Iterator[str]:
    return (connection for resource, connection in uses if explicit_provider(resource) is provider)


def belongs_to(connection: str, kind: str, resource: pulumi.Resource) -> bool:
    """Return True if a resource is of this kind, and on this connection."""
    return _connections.get(resource) == (kind, connection)


def declare_once(kind: str, connection: str, resource_name: str, resource: Resource) -> None:
    """Record a resource; refuse a second one of its kind on the connection."""
    if not _record(kind, connection, DeclaredResource(resource_name, resource)):
        raise pulumi.RunError(
            f"A second {kind} on connection {connection!r}.\n"
            "A subaccount has one active and one passive certificate; two of them would undo each other.\n"
            "Remove one, or give it the connection= of another subaccount."
        )


def register_once(connection: str, origin_key: Any, resource_name: str, resource: Resource) -> None:
    """Record a TrustedIdentityProvider; refuse a duplicate origin key. Keys that are outputs are compared in check."""
    if not isinstance(origin_key, str):
        return
    if not _record(f"TrustedIdentityProvider {origin_key}", connection, DeclaredResource(resource_name, resource)):
        raise pulumi.RunError(
            f"A second TrustedIdentityProvider with origin key {origin_key!r} on connection {connection!r}.\n"
            "They are one identity provider there; two resources would undo each other.\n"
            "Remove one, or give it another origin_key=, or the connection= of another subaccount."
        )


def declare_system(connection: str, system: Any, block: Any, resource_name: str, resource: Resource) -> None:
    """Record a CommunicationSystemTrust; refuse a second one for a block. Outputs are compared in check."""
    if not isinstance(system, str) or not isinstance(block, str):
        return
    if not _record(f"CommunicationSystemTrust {system} {block}", connection, DeclaredResource(resource_name, resource)):
        raise pulumi.RunError(
            f"A second CommunicationSystemTrust for {system!r} ({block}) on connection {connection!r}.\n"
            "The block holds one certificate; two resources would undo each other.\n"
            "Remove one, or give it another system= or block=."
        )


def declare_switched(kind: str, resource: Resource, systems: Iterable[pulumi.Resource]) -> None:
    """Record that a resource switches communication systems over."""
    _switched.update(dict.fromkeys(systems, (kind, resource)))


def switched_by(system: pulumi.Resource) -> pulumi.Output[str | None]:
    """Return the kind of the resource that switches a communication system over; it is declared after the system."""

    async def find() -> str | None:
        # Awaited when the system is registered, as in `warned_by`.
        return _switched[system][0] if system in _switched else None

    return pulumi.Output.from_input(find())


def after_switchover(system: pulumi.Resource) -> pulumi.ResourceOptions:
    """Return the option by which a system is read once the resource that switches it over is done."""

    async def find() -> list[Resource]:
        return [_switched[system][1]] if system in _switched else []

    return pulumi.ResourceOptions(depends_on=pulumi.Output.from_input(find()))


def _record(kind: str, connection: str, entry: DeclaredResource) -> bool:
    """Record a resource; return False if its place is taken."""
    program = _current_program()
    earlier = program.get((kind, connection))
    if earlier is not None and (earlier.resource_name != entry.resource_name or not _is_mocked()):
        return False
    if earlier is not None:  # engines refuse a second resource of one name, so under mocks this is the next test's
        program.clear()
    program[kind, connection] = entry
    _connections[entry.resource] = kind, connection
    return True


def _current_program() -> _Program:
    """Return the declarations of the running program."""
    # Each deployment and each `set_mocks` configures Pulumi's runtime again. Several tests may follow one `set_mocks`,
    # each in a task of its own (`pulumi.runtime.test`); a real program may declare its resources in several tasks.
    deployment = pulumi.runtime.settings.SETTINGS.rpc_manager
    run = _task() if _is_mocked() else None
    return _programs.setdefault(deployment, WeakKeyDictionary()).setdefault(run or deployment, _Program())


def _task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def _is_mocked() -> bool:
    return isinstance(pulumi.runtime.settings.SETTINGS.monitor, MockMonitor)


def unlinked_candidate_error(connection: str) -> pulumi.RunError:
    """Build the error of a certificate and a trigger that are declared without candidate=."""
    return pulumi.RunError(
        f"PassiveTrustCertificate and RotationTrigger on connection {connection!r} do not know each other.\n"
        "Without candidate= they run in any order, and one changes the slots that the other was previewed for.\n"
        "Declare PassiveTrustCertificate first, and pass it: RotationTrigger(…, candidate=<it>)."
    )
