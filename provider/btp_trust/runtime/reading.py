"""Read the slots for a resource, or say why they could not be read and whether that matters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from btp_trust.errors import OfflineRefused, TrustError, WrongSubaccount
from btp_trust.property_bag import ResourceArgs
from btp_trust.runtime.session import Session
from btp_trust.runtime.slots import Subaccount
from btp_trust.runtime.trust_configuration import TrustingSubaccount
from btp_trust.saml.metadata import IdentityProvider
from btp_trust.snapshot import Snapshot, named_subaccount

_Sight = TypeVar("_Sight")


@dataclass(frozen=True, slots=True)
class Seen:
    """The subaccount, and its slots as this command has read them."""

    account: Subaccount
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class SeenTarget:
    """A subaccount that trusts others, and its identity providers as this command has read them."""

    account: TrustingSubaccount
    providers: tuple[IdentityProvider, ...]


class Recorded(Protocol):
    """What a resource has recorded of a subaccount."""

    @property
    def subaccount_id(self) -> str | None:
        """Its GUID."""

    @property
    def observed_at(self) -> str | None:
        """When it was last read."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """The service was not read, and why."""

    error: TrustError
    offline: bool = False

    def refuse_what_is_due(self) -> None:
        """Stop a command with something to do; offline, it may be planned from the state, but not done."""
        if not self.offline:
            raise self.error


def look(
    session: Session, args: ResourceArgs, recorded: str | None = None, *, prop: str = "subaccount_id"
) -> Seen | Unseen:
    """Read the slots of the resource's subaccount, at most once in a command.

    Args:
        session: What the process shares.
        args: Names the connection and, if given, the subaccount.
        recorded: The subaccount that the resource's first deployment recorded.
        prop: The argument that gives the subaccount.

    Raises:
        WrongSubaccount: The connection is for another subaccount.
        ConfigurationError: Its service key is malformed.
    """

    def read(expected: str | None) -> Seen:
        account = session.subaccount(args.connection, expected, prop)
        return Seen(account, account.snapshot())

    return _look(session, args, recorded, prop, read)


def look_at_target(session: Session, args: ResourceArgs, recorded: str | None = None) -> SeenTarget | Unseen:
    """Read the identity providers of the resource's subaccount, in the same way."""

    def read(expected: str | None) -> SeenTarget:
        account = session.trusting(args.connection, expected)
        return SeenTarget(account, account.providers())

    return _look(session, args, recorded, "subaccount_id", read)


def _look(
    session: Session, args: ResourceArgs, recorded: str | None, prop: str, read: Callable[[str | None], _Sight]
) -> _Sight | Unseen:
    if recorded is not None and args.subaccount_id not in (None, recorded):
        raise _moved(args, recorded, prop)
    if session.offline:
        return Unseen(offline_refusal(), offline=True)
    try:
        return read(args.subaccount_id or recorded)
    except TrustError as error:
        if not error.blocks_only_what_is_due:
            raise
        return Unseen(error)


def reach(session: Session, args: ResourceArgs) -> Subaccount:
    """Return the subaccount for what create, update and delete do.

    Raises:
        OfflineRefused: `btp-trust:offline` is set.
        TrustError: It cannot be reached, is another one, or the outcome of a write on it is unknown.
    """
    if session.offline:
        raise offline_refusal()
    account = session.subaccount(args.connection, args.subaccount_id)
    account.writes.refuse_after_unknown()
    return account


def reach_target(session: Session, args: ResourceArgs) -> TrustingSubaccount:
    """Return the subaccount whose identity providers are to be written, in the same way."""
    if session.offline:
        raise offline_refusal()
    account = session.trusting(args.connection, args.subaccount_id)
    account.writes.refuse_after_unknown()
    return account


def unseen_changes(session: Session, unseen: Unseen, state: Recorded, *, changed: bool) -> bool:
    """Tell whether an update is due by the arguments alone; if none is, warn that nothing was compared.

    Raises:
        TrustError: None is, and `btp-trust:strict` is set.
    """
    if not changed:
        not_checked(session, unseen, state)
    return changed


def not_checked(session: Session, unseen: Unseen, state: Recorded) -> None:
    """Warn that a resource with nothing to do was not compared with the service.

    Raises:
        TrustError: `btp-trust:strict` is set.
    """
    if session.strict:
        raise unseen.error if not unseen.offline else _nothing_checked()
    reason = f"{unseen.error.what} {unseen.error.why} {unseen.error.remedy}"
    session.say(
        f"warning: subaccount {state.subaccount_id} was not checked; "
        f"its resources are those of the state of {state.observed_at or 'an unknown date'}. {reason}",
        about=f"subaccount {state.subaccount_id} was not checked",
    )


def _nothing_checked() -> OfflineRefused:
    return OfflineRefused(
        "Nothing was checked.",
        "btp-trust:offline is set, and btp-trust:strict makes a failure of that.",
        "Unset one of them: pulumi config rm btp-trust:offline",
    )


def offline_refusal() -> OfflineRefused:
    """Make the refusal of a write in offline mode."""
    return OfflineRefused(
        "Nothing is written offline.",
        "btp-trust:offline is set, so the slots cannot be compared with the plan.",
        "Unset it for deployments: pulumi config rm btp-trust:offline",
    )


def _moved(args: ResourceArgs, recorded: str, prop: str) -> WrongSubaccount:
    return WrongSubaccount(
        f"The resource cannot move to subaccount {named_subaccount(args.subaccount_id or '')}.",
        f"It belongs to {recorded}: its certificate and its generations are there.",
        f'Put {prop}="{recorded}" back; a resource for the other subaccount needs a name of its own.',
        prop=prop,
    )
