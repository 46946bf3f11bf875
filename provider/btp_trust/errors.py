"""What can go wrong, one class per remedy.

    TrustError
    ├── Refused                 the user changes the program
    │   ├── SecretGiven         … takes a secret out of it, and renews that
    │   └── WrongSubaccount     … or points the resource and the connection to one subaccount
    ├── ConfigurationError      the user fixes the configuration or the service key
    │   ├── CredentialsMissing  … or gives one at all
    │   └── NoUserToken         … or a user as whom destinations are tried
    ├── CredentialsRejected     the user renews the service key          401 of either service
    ├── NotAuthorized           the user asks for a role                 403
    ├── ServiceUnavailable      wait, run again                          no connection, time-out, 429, 5xx, the router
    ├── UnexpectedResponse      report it, the evidence is attached      anything that is not the service's answer
    ├── UnreadableState         the user restores the state of the stack
    ├── OfflineRefused          the user turns `btp-trust:offline` off
    ├── SlotsChanged            a person looks again: somebody else acted, the slots are not those of the plan
    ├── TargetChanged           a person looks again: the same of what another subaccount trusts
    ├── WriteNotApplied                 run again: a write was sent, was refused or got no answer, and the slots are as before
    │   └── EntityIDTaken       … once the identity provider that has the entity ID is taken over or deleted
    ├── OutcomeUnknown          wait, run again: a write was sent and the slots could not be read afterwards
    ├── EngineExited              run again: Pulumi was killed before a write, which was therefore not sent
    ├── RollbackFailed           look now: a target refuses what signs, and the swap back was not done
    └── StaleRead           wait, run again: what was read contradicts itself or the recorded swap

Each message has three parts in a fixed order: what happened, why it matters (the evidence), what to do.
The remedy is the last line, because Pulumi prints it last.
"""

from __future__ import annotations

from typing import ClassVar, Final


def to_printable(text: str) -> str:
    """Keep control characters, which a state or a program may hold, from the terminal, and leave no line empty."""
    lines = (line for line in text.splitlines() if line.strip())
    return "\n".join("".join(each if each.isprintable() else ascii(each)[1:-1] for each in line) for line in lines)


RENEWED_KEY_HINT: Final = (
    "If it was renewed already: `pulumi destroy` and `pulumi refresh` use the configuration of the last update; "
    "run `pulumi up` once, or add `--run-program`."
)
"""What else to do about credentials that are rejected."""


class TrustError(Exception):
    """Base of all errors of this package.

    Args:
        what: What happened, one sentence.
        why: Why it matters, with the evidence: fingerprints, status, places searched. Never a secret.
        remedy: What to do, down to the line to paste.
    """

    is_tolerated_without_changes: ClassVar[bool] = False
    """Whether a command with nothing to do may go on with a warning (the service could not be read)."""

    def __init__(self, what: str, why: str, remedy: str) -> None:
        self.what, self.why, self.remedy = to_printable(what), to_printable(why), to_printable(remedy)
        super().__init__(self.what, self.why, self.remedy)

    def __str__(self) -> str:
        """The three parts, a line each, the remedy last."""
        return f"{self.what}\n{self.why}\n{self.remedy}"


class Refused(TrustError):
    """The program asks for something that would be unsafe or cannot be done.

    Args:
        prop: The property of the resource that is to blame: a `CheckFailure` names it.
    """

    def __init__(self, what: str, why: str, remedy: str, *, prop: str = "generation") -> None:
        super().__init__(what, why, remedy)
        self.prop = prop


class SecretGiven(Refused):
    """An argument holds a private key, a token or credentials, which Pulumi would show and keep.

    `prop` is empty: Pulumi prints the value of a property that a `CheckFailure` names.
    """

    def __init__(self, what: str, why: str, remedy: str) -> None:
        super().__init__(what, why, remedy, prop="")


class ConfigurationError(TrustError):
    """A setting or a service key is malformed."""


class CredentialsMissing(ConfigurationError):
    """No service key was found in any of the places."""

    is_tolerated_without_changes = True


class NoUserToken(ConfigurationError):
    """No token of the user can be had as whom destinations are tried."""


class WrongSubaccount(Refused):
    """The connection's token is for another subaccount than the resource belongs to."""

    def __init__(self, what: str, why: str, remedy: str, *, prop: str = "subaccount_id") -> None:
        super().__init__(what, why, remedy, prop=prop)


class CredentialsRejected(TrustError):
    """The token service or the Destination service answered 401, or the binding's certificate has expired."""

    is_tolerated_without_changes = True


class NotAuthorized(TrustError):
    """The Destination service answered 403."""

    is_tolerated_without_changes = True


class ServiceUnavailable(TrustError):
    """No connection, a time-out, 429, 5xx, or an answer of the Cloud Foundry router in place of the service's.

    Args:
        not_sent: The request provably never reached the service, or was refused with 429: it may be repeated.
        retry_after: Seconds to wait before that, as the service asked.
        is_final: It was tried often enough: once, where a setting stands in the way (TLS, a proxy).
    """

    is_tolerated_without_changes = True

    def __init__(
        self,
        what: str,
        why: str,
        remedy: str,
        *,
        not_sent: bool = False,
        retry_after: float | None = None,
        is_final: bool = False,
    ) -> None:
        super().__init__(what, why, remedy)
        self.not_sent = not_sent
        self.retry_after = retry_after
        self.is_final = is_final


class UnexpectedResponse(TrustError):
    """The answer is not one that SAP's OpenAPI file describes: a proxy's page, an empty certificate.

    Args:
        refused: It has a status that refuses the request, a 4xx.
    """

    is_tolerated_without_changes = True
    not_sent = False
    """Whether it is the token service's, so that the request that needs the token was not sent."""

    def __init__(self, what: str, why: str, remedy: str, *, client_error: bool = False) -> None:
        super().__init__(what, why, remedy)
        self.client_error = client_error


class UnreadableState(TrustError):
    """What Pulumi recorded of a resource is nothing that this provider wrote."""


class OfflineRefused(TrustError):
    """Something is due, and `btp-trust:offline` is set."""


class SlotsChanged(TrustError):
    """The slots hold other certificates than the plan was made for: somebody else acted."""


class TargetChanged(TrustError):
    """The identity provider in the target is not that of the plan, or of the write: somebody else acted."""


class WriteNotApplied(TrustError):
    """A write was sent, and the slots are as they were.

    Either its answer was lost, then the slots were watched for a while; or it was refused, then they were read once.
    """


class EntityIDTaken(WriteNotApplied):
    """A registration was refused: another identity provider there, perhaps an inactive one, has the entity ID."""


class OutcomeUnknown(TrustError):
    """A write was sent, its answer was lost, and the slots could not be read afterwards."""


class EngineExited(TrustError):
    """Pulumi was killed and left this plugin behind; a write that was due was not sent."""


class RollbackFailed(TrustError):
    """A target refused what signs since the swap, and swapping back did not succeed: users may be affected now."""


class StaleRead(TrustError):
    """What was read contradicts itself, or a swap that this stack has just made: a reading is stale."""

    is_tolerated_without_changes = True
