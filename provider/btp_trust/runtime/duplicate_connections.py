"""One subaccount under two connection names: both reach the same two slots, so a second resource for it is refused.

The program refuses a second one on the same connection; that two connections are one subaccount, the token shows.
"""

from __future__ import annotations

from btp_trust.errors import Refused
from btp_trust.runtime.session import Session


def refuse_second(session: Session, kind: str, subaccount_id: str | None, connection: str) -> None:
    """Record which connection a resource of this kind uses for the subaccount, if that is known.

    A replacement, an alias or another name is checked under the same connection, and passes.

    Raises:
        Refused: Another one uses another connection for the same subaccount.
    """
    if subaccount_id is None:
        return
    first = session.plans.of(subaccount_id).connections.setdefault(kind, connection)
    if first != connection:
        raise Refused(
            f"A second {kind} for this subaccount: connection {first!r} and connection {connection!r} are both for it.",
            "A subaccount has one active and one passive certificate; two of them would undo each other.",
            f"Remove one of the two, or give one of the connections ({first!r}, {connection!r}) a service key of "
            "another subaccount.",
            prop="connection",
        )
