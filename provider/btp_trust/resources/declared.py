"""What a program has declared so far: the resources of one subaccount have to know each other."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import pulumi
from pulumi.dynamic import Resource

_declared: WeakKeyDictionary[Any, dict[tuple[str, str], Resource]] = WeakKeyDictionary()
"""What each program declares: {(kind, connection): resource}; an origin key belongs to the kind."""


def _of_this_program() -> dict[tuple[str, str], Resource]:
    return _declared.setdefault(pulumi.runtime.get_root_resource() or pulumi.runtime.settings.SETTINGS, {})


def find(kind: str, connection: str) -> Resource | None:
    """Return the resource of this kind on this connection, if the program has declared one."""
    return _of_this_program().get((kind, connection))


def declare_once(kind: str, connection: str, resource: Resource) -> None:
    """Refuse a second one in the same program: the two would undo each other."""
    if find(kind, connection) is not None:
        raise pulumi.RunError(
            f"A second {kind} on connection {connection!r}.\n"
            "A subaccount has one active and one passive certificate; two of them would undo each other.\n"
            "Remove one, or give it the connection= of another subaccount."
        )
    _of_this_program()[kind, connection] = resource


def register_once(connection: str, origin_key: Any, resource: Resource) -> None:
    """Refuse a second TrustedIdentityProvider of an origin key, if that is no output: then check compares it."""
    if not isinstance(origin_key, str):
        return
    kind = f"TrustedIdentityProvider {origin_key}"
    if find(kind, connection) is not None:
        raise pulumi.RunError(
            f"A second TrustedIdentityProvider with origin key {origin_key!r} on connection {connection!r}.\n"
            "They are one identity provider there; two resources would undo each other.\n"
            "Remove one, or give it another origin_key=, or the connection= of another subaccount."
        )
    _of_this_program()[kind, connection] = resource


def not_the_candidate(connection: str) -> pulumi.RunError:
    """Make the error of a certificate and a trigger that do not know each other."""
    return pulumi.RunError(
        f"PassiveTrustCertificate and RotationTrigger on connection {connection!r} do not know each other.\n"
        "Without candidate= they run in any order, and the one changes the slots that the other was previewed for.\n"
        "Declare PassiveTrustCertificate first, and pass it: RotationTrigger(…, candidate=<it>)."
    )
