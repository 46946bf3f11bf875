"""Read the slots or the identity providers for a resource, or return why that failed and whether it matters."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from msgspec import Struct

from btp_trust.errors import OfflineRefused, TrustError, WrongSubaccount
from btp_trust.property_bag import ResourceArgs
from btp_trust.runtime import operation_context
from btp_trust.runtime.comparison import Comparison, Notice
from btp_trust.runtime.session import Session
from btp_trust.runtime.slots import Subaccount
from btp_trust.snapshot import Snapshot, subaccount_label, whole_guid

if TYPE_CHECKING:
    from btp_trust.runtime.trust_configuration import TrustConfiguration
    from btp_trust.saml.metadata import IdentityProvider

_OWN: Final = "subaccount_id"
"""The argument that gives the subaccount to which a resource belongs."""
_Reading = TypeVar("_Reading")


class SlotsRead(Struct, frozen=True):
    """The subaccount, and its slots as this command has read them."""

    account: Subaccount
    snapshot: Snapshot


class ProvidersRead(Struct, frozen=True):
    """A subaccount that trusts others, and its identity providers as this command has read them."""

    trust_configuration: TrustConfiguration
    providers: tuple[IdentityProvider, ...]


class RecordedReading(Protocol):
    """What a resource has recorded of a subaccount."""

    @property
    def subaccount_id(self) -> str | None:
        """Its GUID."""

    @property
    def observed_at(self) -> str | None:
        """When it was last read."""


class ReadingUnavailable(Struct, frozen=True):
    """Why the service could not be read."""

    error: TrustError
    offline: bool = False

    def refuse_due_changes(self) -> None:
        """Refuse a due change; offline, it may still be planned from the state.

        Raises:
            TrustError: The reading failed.
        """
        if not self.offline:
            raise self.error


def read_slots(
    session: Session, args: ResourceArgs, recorded: str | None = None, *, prop: str = _OWN
) -> SlotsRead | ReadingUnavailable:
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

    def read(expected: str | None) -> SlotsRead:
        account = session.subaccount(args.connection, expected, prop)
        _name_subaccount(account, args, is_own=prop == _OWN)
        return SlotsRead(account, account.snapshot())

    return _read_or_unavailable(session, args, recorded, prop, read)


def read_identity_providers(
    session: Session, args: ResourceArgs, recorded: str | None = None
) -> ProvidersRead | ReadingUnavailable:
    """Read the identity providers of the resource's subaccount, in the same way."""

    def read(expected: str | None) -> ProvidersRead:
        trust_configuration = session.trust_configuration(args.connection, expected)
        _name_subaccount(trust_configuration, args)
        return ProvidersRead(trust_configuration, trust_configuration.providers())

    return _read_or_unavailable(session, args, recorded, _OWN, read)


def _read_or_unavailable(
    session: Session, args: ResourceArgs, recorded: str | None, prop: str, read: Callable[[str | None], _Reading]
) -> _Reading | ReadingUnavailable:
    # Before any reading: a program that names another subaccount is refused offline as well.
    if recorded is not None and args.subaccount_id not in (None, recorded):
        raise _subaccount_changed(args, recorded, prop)
    if session.offline:
        return ReadingUnavailable(offline_refusal(), offline=True)
    try:
        # The recorded subaccount guards programs that omit the argument.
        return read(args.subaccount_id or recorded)
    except TrustError as error:
        # A malformed key or a wrong subaccount needs a person, also in a command with nothing to do.
        if not error.is_tolerated_without_changes:
            raise
        return ReadingUnavailable(error)


def open_for_write(session: Session, args: ResourceArgs, *, is_own: bool = True) -> Subaccount:
    """Return the subaccount for create, update or delete.

    Args:
        session: What the process shares.
        args: Names the connection and, if given, the subaccount.
        is_own: The resource belongs to it; False for the source of an identity provider.

    Raises:
        OfflineRefused: `btp-trust:offline` is set.
        Refused: Another connection of the program is out of reach, and has a change due.
        TrustError: It is unreachable or another one, or the outcome of an earlier write is unknown.
    """
    if session.offline:
        raise offline_refusal()
    session.partial.refuse_unreached()
    account = session.subaccount(args.connection, args.subaccount_id)
    _name_subaccount(account, args, is_own=is_own)
    # Before any reading: it could be as stale as the one that left an earlier outcome open.
    account.write_lock.raise_unknown_outcome()
    return account


def open_trust_configuration_for_write(session: Session, args: ResourceArgs) -> TrustConfiguration:
    """Return the trust configuration for create, update or delete, in the same way."""
    if session.offline:
        raise offline_refusal()
    session.partial.refuse_unreached()
    trust_configuration = session.trust_configuration(args.connection, args.subaccount_id)
    _name_subaccount(trust_configuration, args)
    trust_configuration.write_lock.raise_unknown_outcome()
    return trust_configuration


def _name_subaccount(account: Subaccount | TrustConfiguration, args: ResourceArgs, *, is_own: bool = True) -> None:
    """Name the subaccount in what the operation says from here on, failures of its readings included."""
    account.display_name = args.display_name or account.display_name
    if is_own:
        # By the resource's own argument: its input must not depend on which resource was checked before it.
        label = subaccount_label(account.subaccount_id, args.display_name or account.name)
        operation_context.current().enter_subaccount(account.subaccount_id, label)


def diff_without_reading(
    session: Session, unavailable: ReadingUnavailable, state: RecordedReading, *, arguments_changed: bool
) -> Comparison:
    """Compare the arguments alone; if they are the same, the result says that the service was left out.

    Raises:
        TrustError: They are the same, and `btp-trust:strict` is set.
    """
    if arguments_changed:
        return Comparison(is_update_due=True)
    return Comparison(is_update_due=False, notices=(_unchecked_notice(session, unavailable, state),))


def warn_unchecked(session: Session, unavailable: ReadingUnavailable, state: RecordedReading) -> None:
    """Warn that a resource was recorded from its state alone.

    Raises:
        TrustError: `btp-trust:strict` is set.
    """
    session.print_notices([_unchecked_notice(session, unavailable, state)])


def _unchecked_notice(session: Session, unavailable: ReadingUnavailable, state: RecordedReading) -> Notice:
    if session.strict:
        raise unavailable.error if not unavailable.offline else _strict_offline_refusal()
    reason = f"{unavailable.error.what} {unavailable.error.why} {unavailable.error.remedy}"
    label = _recorded_label(state)
    return Notice(
        f"warning: {label} was not checked; "
        f"its resources are those of the state of {state.observed_at or 'an unknown date'}. {reason}",
        # One line for all resources of a subaccount, though they may have been recorded at different times.
        about=f"{state.subaccount_id or label} was not checked",
    )


def _recorded_label(state: RecordedReading) -> str:
    context = operation_context.current()
    if context.label and state.subaccount_id in (None, context.subaccount_id):
        return context.label
    return subaccount_label(state.subaccount_id or "")


def _strict_offline_refusal() -> OfflineRefused:
    return OfflineRefused(
        "The service was not checked.",
        "btp-trust:offline is set, and btp-trust:strict turns that into an error.",
        "Unset one of them: pulumi config rm btp-trust:offline",
    )


def offline_refusal() -> OfflineRefused:
    """Return the error of a write in offline mode."""
    return OfflineRefused(
        "Nothing is written offline.",
        "btp-trust:offline is set, so the slots cannot be compared with the plan.",
        "Unset it for deployments: pulumi config rm btp-trust:offline",
    )


def _subaccount_changed(args: ResourceArgs, recorded: str, prop: str) -> WrongSubaccount:
    return WrongSubaccount(
        f"The resource cannot move to subaccount {whole_guid(args.subaccount_id or '')}.",
        f"It belongs to {recorded}: its certificate and its generations are there.",
        f'Restore {prop}="{recorded}"; a resource for the other subaccount needs a name of its own.',
        prop=prop,
    )
