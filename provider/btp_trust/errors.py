"""Errors, one class for each remedy: what the user does.

    TrustError
    ├── Refused                 change the program
    │   ├── SecretGiven         … take a secret out of it, and renew that
    │   ├── WrongSubaccount     … or point the resource and the connection to one subaccount
    │   └── WrongTenant         … or to one S/4HANA tenant
    ├── ConfigurationError      fix the configuration or the service key
    │   ├── CredentialsMissing  … or give one at all
    │   └── NoUserToken         … or a user as whom destinations are verified
    ├── CredentialsRejected     renew the service key, unlock the user       401
    ├── NotAuthorized           ask for a role                               403
    ├── ServiceUnavailable      wait, run again                              no connection, timeout, 429, 5xx, router
    ├── UnexpectedResponse      report it, with the evidence of the message  a response that the API does not describe
    ├── UnreadableState         restore the state of the stack, or start over
    ├── OfflineRefused          turn `btp-trust:offline` off
    ├── SlotsChanged            read the new plan; another client changed the slots
    ├── TargetChanged           read the new plan; another client changed what another subaccount trusts
    ├── SystemChanged           read the new plan; another client changed what a communication system trusts
    ├── SystemRefused           change the communication system, or what it is sent: it says what it refuses
    ├── WriteNotApplied         run again: a write was sent, was refused or got no response; the slots are as before
    │   └── EntityIDTaken       … once the identity provider that has the entity ID is adopted or deleted
    ├── OutcomeUnknown          wait, run again: a write was sent and the slots could not be read afterwards
    ├── EngineExited            run again: Pulumi was killed before a write, which was therefore withheld
    ├── RollbackFailed          act now: a target rejects the active certificate, and the rollback failed
    └── StaleRead               wait, run again: a reading contradicts itself or the recorded swap

Each message has three parts in a fixed order: what happened, why it matters (the evidence), what to do.
The remedy is the last line, because Pulumi prints it last.
"""

from __future__ import annotations

from typing import ClassVar, Final, Self

from btp_trust.parsing.urls import hide_credentials


def to_printable(text: str) -> str:
    """Escape control characters, which a state or a program may hold, drop empty lines, and hide secrets of URLs."""
    lines = (line for line in hide_credentials(text).splitlines() if line.strip())
    return "\n".join(
        "".join(character if character.isprintable() else ascii(character)[1:-1] for character in line)
        for line in lines
    )


RENEWED_KEY_HINT: Final = (
    "If it was renewed already: `pulumi destroy` and `pulumi refresh` use the configuration of the last update; "
    "run `pulumi up` once, or add `--run-program`."
)
"""The other remedy for rejected credentials."""


class TrustError(Exception):
    """Base of all errors of this package.

    Args:
        what: What happened, one sentence.
        why: Why it matters, with the evidence: fingerprints, status, places searched. Never a secret.
        remedy: What to do, down to the line to paste.
    """

    is_tolerated_without_changes: ClassVar[bool] = False
    """Whether a command with nothing to do may go on with a warning: the service could not be read."""

    def __init__(self, what: str, why: str, remedy: str) -> None:
        self.what, self.why, self.remedy = to_printable(what), to_printable(why), to_printable(remedy)
        super().__init__(self.what, self.why, self.remedy)

    def prefixed(self, subject: str) -> Self:
        """Return the same error with a subject in front; a copy, as resources of several subjects may share one."""
        # By hand: Dask, in the process of a fleet's driver, changes how `copy` treats exceptions.
        error = self.__class__.__new__(self.__class__)
        error.__dict__.update(self.__dict__)
        error.what = f"{to_printable(subject)}{self.what}"
        error.args = (error.what, self.why, self.remedy)
        return error

    def __str__(self) -> str:
        """The three parts, a line each, the remedy last."""
        return f"{self.what}\n{self.why}\n{self.remedy}"


class Refused(TrustError):
    """The program asks for something unsafe or impossible.

    Args:
        prop: The property of the resource to blame: a `CheckFailure` names it.
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
    """No service key, or no communication user, was found in any of the places."""

    is_tolerated_without_changes = True


class NoUserToken(ConfigurationError):
    """The user as whom destinations are verified has no token."""


class WrongSubaccount(Refused):
    """The connection's token is for another subaccount than the resource belongs to."""

    def __init__(self, what: str, why: str, remedy: str, *, prop: str = "subaccount_id") -> None:
        super().__init__(what, why, remedy, prop=prop)


class WrongTenant(Refused):
    """The connection reaches another S/4HANA tenant than that of the communication system."""


class CredentialsRejected(TrustError):
    """A service or a tenant responded with 401, or the certificate of a binding or communication user has expired."""

    is_tolerated_without_changes = True


class NotAuthorized(TrustError):
    """A service or a tenant responded with 403."""

    is_tolerated_without_changes = True


class ServiceUnavailable(TrustError):
    """No connection, a timeout, 429, 5xx, or a response of the Cloud Foundry router in place of the service's.

    Args:
        not_sent: The request certainly stayed here, or was refused with 429: it may be repeated.
        retry_after: Seconds to wait before that, as the service asked.
        is_permanent: All attempts were made; a setting that blocks the connection (TLS, a proxy) gets only one.
        status: Status of the response; None without one.
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
        is_permanent: bool = False,
        status: int | None = None,
    ) -> None:
        super().__init__(what, why, remedy)
        self.not_sent = not_sent
        self.status = status
        self.retry_after = retry_after
        self.is_permanent = is_permanent


class UnexpectedResponse(TrustError):
    """The response differs from all that SAP's OpenAPI file describes: a proxy's page, an empty certificate.

    Args:
        client_error: It has a 4xx status.
    """

    is_tolerated_without_changes = True
    not_sent = False
    """Whether the token service sent it, so that the request that needs the token stayed here."""

    def __init__(self, what: str, why: str, remedy: str, *, client_error: bool = False) -> None:
        super().__init__(what, why, remedy)
        self.client_error = client_error


class UnreadableState(TrustError):
    """The state of a resource has another form than this provider writes."""


class OfflineRefused(TrustError):
    """A write is due, and `btp-trust:offline` is set."""


class SlotsChanged(TrustError):
    """The slots hold other certificates than those of the plan: another client wrote meanwhile."""


class TargetChanged(TrustError):
    """The identity provider in the target differs from that of the plan or of the write: another client wrote."""


class SystemChanged(TrustError):
    """A communication system trusts another certificate than that of the plan: another client wrote meanwhile."""


class SystemRefused(TrustError):
    """A communication system refused a write with a 4xx, so that nothing was changed.

    Args:
        status: The status of its response.
    """

    def __init__(self, what: str, why: str, remedy: str, *, status: int = 400) -> None:
        super().__init__(what, why, remedy)
        self.status = status


class WriteNotApplied(TrustError):
    """A write was sent, and the slots are as they were.

    The slots were read once after a refusal, and for a while after a lost response.
    """


class EntityIDTaken(WriteNotApplied):
    """A registration was refused: another identity provider of that subaccount, perhaps inactive, has the entity ID."""


class OutcomeUnknown(TrustError):
    """A write was sent, its response was lost, and the slots could not be read afterwards."""


class EngineExited(TrustError):
    """Pulumi was killed and left this plugin behind, which therefore withheld a write, or stopped a command."""


class RollbackFailed(TrustError):
    """A target rejected the new signer after a swap, and the rollback failed: users may be affected now."""


class StaleRead(TrustError):
    """A reading contradicts itself, or a swap that this stack has just made."""

    is_tolerated_without_changes = True
