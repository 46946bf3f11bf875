"""Make a hand-over of a target and one or two certificates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

import msgspec

from btp_trust.certificate import Certificate, parse_pem
from btp_trust.errors import Refused
from btp_trust.formatting import format_day
from btp_trust.handover.certificate_view import CertificateView
from btp_trust.handover.files import File, build_files
from btp_trust.handover.markdown import render_markdown
from btp_trust.handover.target import Target
from btp_trust.handover.target_types import TARGET_TYPES, Capacity
from btp_trust.handover.tasks import Phase, Task, removal_task, upload_task
from btp_trust.secret_guard.guard import refuses_secret_arguments

MARGIN_DAYS: Final = 30


class Attestation(msgspec.Struct, frozen=True):
    """A file with which the target's team says that it trusts the certificate."""

    path: str
    """`trust/<target>.yaml`, in the repository of the program."""
    content: str
    """YAML: `fingerprint` and, if known, `ticket`; `by` and `on` are there to be filled in."""


class FieldValue(msgspec.Struct, frozen=True):
    """Something to enter."""

    field: str
    """The label on the target's screen."""
    value: str


class HandOver(msgspec.Struct, frozen=True, kw_only=True):
    """All that a target's administrator needs: plain data, public, the same for the same certificates."""

    target: Target
    phase: Phase
    holds: Capacity
    """How many certificates the target can hold: as documented, or as you found out."""
    issuer_name: str
    """Common name of the certificate: provider name, issuer and entity ID."""
    new: CertificateView
    old: CertificateView | None = None
    """What signs until the swap; None if that is unknown, or is the new one."""
    upload_by: str | None = None
    """The last day for the upload, YYYY-MM-DD; for a target that holds one certificate, for the swap itself."""
    values: tuple[FieldValue, ...]
    """What to enter, in the order of the screen. No mapping: Pulumi would sort it."""
    files: tuple[File, ...]
    upload: Task
    after_retirement: Task
    """The second task: remove the old certificate."""
    attestation: Attestation | None = None
    """None for a target that holds one certificate: before the swap, there is nothing true to attest."""
    notices: tuple[str, ...] = ()
    """What is unusual about the pair of certificates."""

    @classmethod
    @refuses_secret_arguments
    def of(
        cls,
        target: Target,
        *,
        certificate: str,
        replaces: str | None = None,
        upload_by: date | str | None = None,
        margin_days: int = MARGIN_DAYS,
    ) -> HandOver:
        """Make it of plain values.

        Args:
            target: The system.
            certificate: PEM of the certificate to be handed over.
            replaces: PEM of the certificate that signs; the same as `certificate` once that signs.
            upload_by: The last day, a date or YYYY-MM-DD. Without it: `margin_days` before the certificate that
                signs expires, but at most half of the time between the new one's making and that.
            margin_days: Days, not negative.

        Raises:
            Refused: No certificate can be read, they are of two issuers, or the day or the margin is none.
        """
        new = _parse_certificate(certificate, "certificate")
        replaced = None if replaces is None else _parse_certificate(replaces, "replaces")
        if replaced is not None and replaced.issuer_name != new.issuer_name:
            raise _different_issuers(new, replaced)
        old = None if replaced is None or replaced.fingerprint == new.fingerprint else replaced
        phase = Phase.UNCOMPARED if replaced is None else Phase.SIGNS if old is None else Phase.BEFORE_SWAP
        by = None if phase is Phase.SIGNS else _upload_deadline(new, old, upload_by, margin_days)
        return _build(target, phase, new, old, by)

    @classmethod
    @refuses_secret_arguments
    def from_dict(cls, data: Mapping[str, Any]) -> HandOver:
        """Read what `to_dict` wrote, such as a stack's output.

        Raises:
            Refused: It is something else.
        """
        try:
            return msgspec.convert(data, cls, strict=False)  # numbers come back from Pulumi as floats
        except msgspec.ValidationError as error:
            raise Refused(
                "This is no hand-over.",
                f"{error}.",
                "Give what `hand_over` returned, or the stack output that it was exported to: "
                "pulumi stack output <name> --json.",
                prop="hand_over",
            ) from None

    def to_dict(self) -> dict[str, Any]:
        """Write it as plain data, with its page."""
        data: dict[str, Any] = msgspec.to_builtins(self)
        return {**data, "page": self.page}

    @property
    def page(self) -> str:
        """All of it as Markdown, for a ticket; the files' content is not in it."""
        return render_markdown(self)


def _build(target: Target, phase: Phase, new: Certificate, old: Certificate | None, by: str | None) -> HandOver:
    kind, holds = TARGET_TYPES[target.kind], target.capacity
    made = tuple(build_files(target.name, kind.forms, new, old, target.key_name))
    placeholders = _placeholders(target, new, made, holds)
    tells, old_tells = CertificateView.of(new), None if old is None else CertificateView.of(old)
    return HandOver(
        target=target,
        phase=phase,
        holds=holds,
        issuer_name=new.issuer_name,
        new=tells,
        old=old_tells,
        upload_by=by,
        values=tuple(FieldValue(label, value.format_map(placeholders)) for label, value in kind.fields.items()),
        files=made,
        upload=upload_task(kind, placeholders, holds=holds, phase=phase, by=by, new=tells, old=old_tells),
        after_retirement=removal_task(kind, placeholders, holds=holds, new=tells, old=old_tells),
        attestation=None if holds is Capacity.ONE else _attestation(target, new),
        notices=() if old is None or old.not_after < new.not_after else (_expiry_notice(new, old),),
    )


def _placeholders(target: Target, new: Certificate, made: tuple[File, ...], holds: Capacity) -> dict[str, str]:
    """Give what the texts of a kind name: in metadata both certificates go up together, elsewhere the new one."""
    names = {file.holds: file.name for file in made if file.form is TARGET_TYPES[target.kind].forms[0]}
    only = names["new"]
    issuer = new.issuer_name or "the issuer of your assertions, which this certificate does not name"
    return {
        "system": target.system if target.client is None else f"{target.system}, client {target.client}",
        "entry": target.entry or f"the one for {issuer}",
        "issuer": issuer,
        "only": only,
        "old": names.get("old", ""),
        "upload": only if holds is Capacity.ONE else names.get("both", only),
    }


def _expiry_notice(new: Certificate, old: Certificate) -> str:
    return (
        f"The certificate to hand over expires on {format_day(new.not_after)}, no later than the one that signs "
        f"({format_day(old.not_after)}). Unless this is a way back, the two have been mixed up."
    )


def _attestation(target: Target, new: Certificate) -> Attestation:
    """Write YAML; a JSON text in quotes is one in YAML too."""
    ticket = "" if target.ticket is None else f"ticket: {json.dumps(target.ticket)}\n"
    content = (
        "# Fill in both lines once the target shows this certificate; commit the file under this name.\n"
        f'fingerprint: "{new.fingerprint}"\n'
        "by:  # who has seen it there\n"
        '"on":  # the day, YYYY-MM-DD; without quotes, YAML 1.1 reads the key as true\n'
        f"{ticket}"
    )
    return Attestation(f"trust/{target.name}.yaml", content)


def _upload_deadline(
    new: Certificate, old: Certificate | None, given: date | str | None, margin_days: int
) -> str | None:
    if margin_days < 0:
        raise _invalid_margin(margin_days)
    if given is not None:
        return _format_day(given)
    if old is None:
        return None
    available = max(old.not_after - new.not_before, timedelta(0))
    return format_day(old.not_after - min(timedelta(days=margin_days), available / 2))


def _format_day(given: date | str) -> str:
    try:
        return f"{given if isinstance(given, date) else date.fromisoformat(given):%Y-%m-%d}"
    except (TypeError, ValueError):
        raise Refused(
            f"`upload_by` is no day: {given!r}.",
            "The page tells people until when the certificate must be in the target.",
            'Give a datetime.date, or a text such as "2028-10-31"; or nothing, and it follows from the expiry.',
            prop="upload_by",
        ) from None


def _invalid_margin(given: int) -> Refused:
    return Refused(
        f"`margin_days` cannot be {given!r}.",
        "It is how many days before the expiry the certificate must be in the target.",
        "Give a whole number of days, 0 or more.",
        prop="margin_days",
    )


def _parse_certificate(pem: object, prop: str) -> Certificate:
    if not isinstance(pem, str):
        raise not_a_certificate_error(prop, f"a {type(pem).__name__} is no text")
    try:
        return parse_pem(pem)
    except ValueError as error:
        raise not_a_certificate_error(prop, str(error)) from None


def not_a_certificate_error(prop: str, reason: str) -> Refused:
    """Say that this argument cannot be handed over."""
    return Refused(
        f"`{prop}` is not a certificate.",
        f"All files are made of it, and {reason}.",
        "Give an ActiveTrustCertificate or a PassiveTrustCertificate, or the PEM text of a certificate.",
        prop=prop,
    )


def _different_issuers(new: Certificate, replaced: Certificate) -> Refused:
    return Refused(
        "The two certificates are of different issuers.",
        f"`certificate` is of {new.issuer_name}, `replaces` of {replaced.issuer_name}: two subaccounts, and neither "
        "certificate takes the other's place.",
        "Give the certificates of one subaccount.",
        prop="replaces",
    )
