"""Writes of communication systems: prepare all that can fail before, then set what a block trusts with one request.

A PATCH sets a value, so it may be repeated, after a reading: a lost response, a 5xx or an outdated ETag is followed by
one. The field is as wanted: done. It is as before: sent again. It is another one: another client wrote meanwhile.

Public programs write other entities with PATCH; this one is untried. So `prepare_write` rehearses: it sends what the
field holds already. Authorization, CSRF token, ETag and the accepted properties are then known while all is as it was.
An answer of success is no proof: OData lets a service accept a property and ignore what was sent. So `confirm` reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from btp_trust.certificate import Certificate
from btp_trust.errors import ServiceUnavailable, SystemChanged, SystemRefused, TrustError, UnexpectedResponse
from btp_trust.runtime import system_write_messages as messages
from btp_trust.service import certificate_field
from btp_trust.service.certificate_field import FieldFormat
from btp_trust.service.communication_systems import SystemTrust, TrustBlock

if TYPE_CHECKING:
    from btp_trust.runtime.communication_systems import CommunicationSystem

_READING_DELAY: Final = 2.0
"""Seconds after which a reading has to show a write; calls are refused meanwhile if the service has ignored it."""
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

    def confirm(self) -> SystemTrust:
        """Read what the block trusts after `send`; a failed reading leaves the answer of the write as the evidence.

        Raises:
            SystemChanged: Another client wrote since.
            WriteNotApplied: The system accepted the write, and the field is as before.
        """
        with self.system.lock:
            try:
                now = self._read_until_wanted()
            except SystemChanged:
                raise
            except TrustError:
                return self.system.record_reading(self._as_written())
            if not _same(now, self.wanted):
                raise messages.ignored(self.system, self.before, self.wanted)
            return now

    def _read_until_wanted(self) -> SystemTrust:
        """Read, and for some seconds again: a part of the service may show a write later than another one."""
        now = self._read_again()
        pauses = self.system.retry_policy.poll(_READING_DELAY)
        while not _same(now, self.wanted) and next(pauses, None) is not None:
            now = self._read_again()
        return now

    def _attempt(self) -> SystemTrust:
        if self._is_uncertain or self.reads_first:
            now = self._read_again()
            if _same(now, self.wanted) and not self.is_rehearsal:
                return now
            self.before, self.reads_first = now, False
        # Asked before each attempt: the pauses between attempts may outlast the engine.
        if self.system.engine_exited():
            raise messages.engine_exited(self.system, self.before)
        self._patch()
        return self.system.record_reading(self._as_written())

    def _as_written(self) -> SystemTrust:
        """Return the block as the answer of success says, with an ETag that nobody has seen."""
        return replace(self.wanted, uuid=self.before.uuid, etag=None)

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
            raise messages.changed(self.system, certificate_field.identity(self.before.field), now)
        return now

    def _resolve(self, cause: TrustError) -> SystemTrust:
        """Read once more after the last attempt, and return the field if it is as wanted."""
        now = None
        with suppress(ServiceUnavailable):
            now = self._read_again()
        if now is not None and _same(now, self.wanted):
            return now
        raise messages.unresolved(self.system, self.before, self.wanted, now, cause)


def _is_repeatable(error: BaseException) -> bool:
    """Whether the request may be sent again after a reading."""
    if isinstance(error, SystemRefused):
        return error.status == HTTPStatus.PRECONDITION_FAILED
    return isinstance(error, ServiceUnavailable)


def _same(now: SystemTrust, other: SystemTrust) -> bool:
    """Whether both hold the same certificate or key: a system may write the same one in another form."""
    return certificate_field.is_same(now.field, other.field)


def _require_expected(system: CommunicationSystem, now: SystemTrust, expected: str) -> SystemTrust:
    if certificate_field.identity(now.field) != expected:
        raise messages.changed(system, expected, now)
    return now


def _require_format(system: CommunicationSystem, now: SystemTrust, given: FieldFormat | None) -> FieldFormat:
    """Return the format in which a certificate is written: that of the field, else the given one."""
    if (found := certificate_field.tell_format(now.field) or given) is None:
        raise messages.unknown_format(system, now)
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
