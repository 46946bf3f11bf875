"""What diff finds, and the lines about it: a lifecycle returns both, `Session.print_notices` prints the lines."""

from __future__ import annotations

from msgspec import Struct

from btp_trust.errors import TrustError


class Notice(Struct, frozen=True):
    """A line for the user under the diagnostics of the command."""

    line: str
    about: str | None = None
    """The matter, of which one line is enough; by default this line about this subaccount."""
    error: TrustError | None = None
    """Raised in place of the line: the lines before it explain it, so the user sees them first."""

    @classmethod
    def of_error(cls, error: TrustError) -> Notice:
        """Return the notice that ends the command with an error."""
        return cls(str(error), error=error)


class Comparison(Struct, frozen=True):
    """Whether a resource is due for an update, and what the user has to know of that."""

    is_update_due: bool
    notices: tuple[Notice, ...] = ()
