"""Writes of communication systems: prepare all that can fail before, then set what a block trusts with one request.

A PATCH sets a value, so it may be repeated, after a reading: a lost response, a 5xx or an outdated ETag is followed by
one. The field is as wanted: done. It is as before: sent again. It is another one: another client wrote meanwhile.

Public programs write other entities with PATCH; this one is untried. So `prepare_write` rehearses: it sends what the
field holds already. Authorization, CSRF token, ETag and the accepted properties are then known while all is as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from btp_trust.certificate import Certificate
from btp_trust.errors import (
    EngineExited,
    OutcomeUnknown,
    Refused,
    ServiceUnavailable,
    SystemChanged,
    SystemRefused,
    TrustError,
    UnexpectedResponse,
    WriteNotApplied,
)
from btp_trust.runtime.communication_systems import CommunicationSystem
from btp_trust.service import certificate_field
from btp_trust.service.certificate_field import FieldFormat
from btp_trust.service.communication_systems import SystemTrust, TrustBlock

_NAMES: Final = ("subject", "issuer", "field")
"""What is written: of a `SystemTrust`, and the properties of a `TrustBlock`."""


def prepare_write(
    system: CommunicationSystem,
    certificate: Certificate,
    expected: str,
    certificate_format: FieldFormat | None,
    *,
    rehearse: bool,
) -> PreparedWrite:
    """Prepare to let a block trust a certificate, so that one request is left.

    Args:
        system: The block.
        certificate: What it is to trust.
        expected: What the field holds, see `certificate_field.identity`.
        certificate_format: How the certificate is written where the field leaves that open.
        rehearse: Write what the field holds already, to know that it can be written.

    Raises:
        SystemChanged: The field holds something else.
        SystemRefused: The rehearsal was refused.
        Refused: The format of the field is unknown.
        EngineExited: Pulumi's engine has exited.
        TrustError: The system could not be read, or gave no CSRF token.
    """
    with system.lock:
        before = _require_expected(system, system.read(), expected)
        wanted = _wanted(before, certificate, _require_format(system, before, certificate_format))
        write = PreparedWrite(system, before, wanted, _written_names(before))
        system.client.fetch_csrf_token()
        return write.rehearsed() if rehearse and before.field.strip() else write


class PreparedWrite(Struct):
    """One write of one block; `send` sends it."""

    system: CommunicationSystem
    before: SystemTrust
    wanted: SystemTrust
    names: tuple[str, ...]
    """The properties that are sent; the field alone if the system refuses the names."""
    reads_first: bool = False
    """Whether the state before is uncertain, and its ETag unknown."""
    is_rehearsal: bool = False
    """Whether it writes what stands there, so that a reading cannot show that it was done."""
    _is_uncertain: bool = False
    """Whether a request was sent whose outcome is unknown."""

    def rehearsed(self) -> PreparedWrite:
        """Write what the field holds already; return the write for the state after that."""
        rehearsal = PreparedWrite(self.system, self.before, self.before, self.names, is_rehearsal=True)
        rehearsal.send()
        now = _require_expected(self.system, self.system.read(), certificate_field.identity(self.before.field))
        return PreparedWrite(self.system, now, self.wanted, rehearsal.names)

    def reversed(self) -> PreparedWrite:
        """Return the write that sets the block back to exactly what stood there before."""
        return PreparedWrite(self.system, self.wanted, self.before, self.names, reads_first=True)

    def send(self) -> SystemTrust:
        """Send the write, and return what the block trusts then.

        Raises:
            SystemRefused: It was refused with a 4xx: nothing was changed.
            SystemChanged: Another client wrote at the same time.
            WriteNotApplied: All attempts are used up, and the field is as before.
            OutcomeUnknown: A response was lost, and the system could not be read afterwards.
            EngineExited: Pulumi's engine has exited before the request.
            TrustError: The request certainly did not reach the system, or the logon was rejected.
        """
        with self.system.lock:
            try:
                return self.system.retry_policy.run_with_retries(self._attempt, _is_repeatable)
            except (ServiceUnavailable, SystemRefused, UnexpectedResponse) as error:
                if self.is_rehearsal or not self._is_uncertain:
                    raise
                return self._resolve(error)

    def _attempt(self) -> SystemTrust:
        if self._is_uncertain or self.reads_first:
            now = self._read_again()
            if _same(now, self.wanted) and not self.is_rehearsal:
                return now
            self.before, self.reads_first = now, False
        # Asked before each attempt: the pauses between attempts may outlast the engine.
        if self.system.engine_exited():
            raise self._engine_exited_error()
        self._patch()
        # Taken as written, with an ETag that nobody has seen.
        return self.system.record_reading(replace(self.wanted, uuid=self.before.uuid, etag=None))

    def _patch(self) -> None:
        """Send the properties; the field alone if the system refuses the names beside it."""
        try:
            self._send_names()
        except SystemRefused as error:
            if error.status != HTTPStatus.BAD_REQUEST or self.names == _NAMES[-1:]:
                raise
            self.names = _NAMES[-1:]
            self._send_names()

    def _send_names(self) -> None:
        client, block = self.system.client, self.system.block
        was_uncertain, self._is_uncertain = self._is_uncertain, True
        try:
            client.patch(self.before.uuid, self.before.etag, _properties(block, self.wanted, self.names))
        except SystemRefused as error:
            # An outdated ETag is followed by a reading; any other refusal is the system's answer.
            self._is_uncertain = was_uncertain or error.status == HTTPStatus.PRECONDITION_FAILED
            raise
        except TrustError as error:
            self._is_uncertain = was_uncertain or not getattr(error, "not_sent", False)
            raise

    def _read_again(self) -> SystemTrust:
        now = self.system.read()
        if not (_same(now, self.before) or _same(now, self.wanted)):
            raise _changed(self.system, certificate_field.identity(self.before.field), now)
        return now

    def _resolve(self, cause: TrustError) -> SystemTrust:
        """Read once more after the last attempt, and return the field if it is as wanted."""
        now = None
        with suppress(ServiceUnavailable):
            now = self._read_again()
        if now is not None and _same(now, self.wanted):
            return now
        kind = OutcomeUnknown if now is None else WriteNotApplied
        state = "It could not be read afterwards" if now is None else "It trusts what it trusted before"
        raise kind(
            f"The certificate of {self.system.label} could not be set: {cause.what}",
            f"{state}: {certificate_field.describe(self.before.field)}. Wanted: "
            f"{certificate_field.describe(self.wanted.field)}. {cause.why}",
            "Run the same command again once the system answers: it reads the system first. To act at once, let its "
            "administrator upload the certificate.",
        )

    def _engine_exited_error(self) -> EngineExited:
        return EngineExited(
            f"The certificate of {self.system.label} was not sent: Pulumi has ended in the meantime.",
            "The state would miss its outcome, and another run may have begun. It trusts "
            f"{certificate_field.describe(self.before.field)}.",
            "Run `pulumi cancel` if the stack is locked, then `pulumi up` again: it reads the system first.",
        )


def _is_repeatable(error: BaseException) -> bool:
    """Whether the request may be sent again after a reading."""
    if isinstance(error, SystemRefused):
        return error.status == HTTPStatus.PRECONDITION_FAILED
    return isinstance(error, ServiceUnavailable)


def _same(now: SystemTrust, other: SystemTrust) -> bool:
    """Whether both hold the same certificate or key: a system may write the same one in another form."""
    return certificate_field.identity(now.field) == certificate_field.identity(other.field)


def _require_expected(system: CommunicationSystem, now: SystemTrust, expected: str) -> SystemTrust:
    if certificate_field.identity(now.field) != expected:
        raise _changed(system, expected, now)
    return now


def _changed(system: CommunicationSystem, expected: str, now: SystemTrust) -> SystemChanged:
    return SystemChanged(
        f"{system.label} changed since this was planned: another client wrote.",
        f"Planned for: {certificate_field.describe_identity(expected)}. "
        f"Found: {certificate_field.describe(now.field)}. It stays as found.",
        "Run `pulumi preview` and read the new plan; the change may have had a reason.",
    )


def _require_format(system: CommunicationSystem, now: SystemTrust, given: FieldFormat | None) -> FieldFormat:
    """Return the format in which a certificate is written: that of the field, else the given one."""
    if (found := certificate_field.tell_format(now.field) or given) is None:
        raise Refused(
            f"The format of the certificate field of {system.label} is unknown.",
            f"It holds {certificate_field.describe(now.field)}, which shows no format.",
            'Upload a certificate there once, which shows the format; or give certificate_format="certificate" '
            '(DER in base64), "pem" or "key" (the public key alone).',
            prop="certificate_format",
        )
    return found


def _wanted(before: SystemTrust, certificate: Certificate, format_: FieldFormat) -> SystemTrust:
    subject, issuer = certificate.names
    return replace(
        before, subject=subject, issuer=issuer, field=certificate_field.encode(certificate, format_), etag=None
    )


def _written_names(before: SystemTrust) -> tuple[str, ...]:
    """Return what is written: the names beside the field where the system has them, or holds nothing yet."""
    has_names = bool(before.subject or before.issuer) or not before.field.strip()
    return _NAMES if has_names else _NAMES[-1:]


def _properties(block: TrustBlock, trust: SystemTrust, names: tuple[str, ...]) -> Mapping[str, str]:
    return {getattr(block, name): getattr(trust, name) for name in names}
