"""One subaccount under two connection names: its slots are the same two, so a second resource about them is refused.

The program refuses a second one on the same connection; only the token tells that two connections are one subaccount.
"""

from __future__ import annotations

from btp_trust.errors import Refused
from btp_trust.runtime.session import Session


def refuse_second(session: Session, kind: str, subaccount_id: str | None, connection: str) -> None:
    """Record which connection a resource of this kind uses for the subaccount, if that is known.

    A replacement, an alias or another name is checked under the same connection, and is no second one.

    Raises:
        Refused: Another one uses another connection for the same subaccount.
    """
    if subaccount_id is None:
        return
    first = session.connection_of(kind, subaccount_id, connection)
    if first != connection:
        raise Refused(
            f"A second {kind} for subaccount {subaccount_id}: connection {first!r} and connection {connection!r} are "
            "both for it.",
            "A subaccount has one active and one passive certificate; two of them would undo each other.",
            f"Remove one of the two, or give one of the connections ({first!r}, {connection!r}) a service key of "
            "another subaccount.",
            prop="connection",
        )
