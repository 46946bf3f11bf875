"""HandOver: everything that a target's administrator needs, made of a target and one or two certificates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

import msgspec

from btp_trust.certificate import Certificate, parse_pem
from btp_trust.errors import Refused
from btp_trust.formatting import format_day
from btp_trust.handover.attestation import AttestationForm, build_attestation
from btp_trust.handover.certificate_view import CertificateView
from btp_trust.handover.files import File, build_files
from btp_trust.handover.markdown import render_markdown
from btp_trust.handover.target import Target
from btp_trust.handover.target_types import TARGET_TYPES, Capacity
from btp_trust.handover.tasks import FieldValue, Phase, Task, removal_task, upload_task
from btp_trust.secret_guard.guard import refuses_secret_arguments

MARGIN_DAYS: Final = 30


class HandOver(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a target's administrator needs: plain public data, the same for the same certificates."""

    target: Target
    phase: Phase
    holds: Capacity
    """How many certificates the target can hold: as documented, or as given by `Target.holds`."""
    subaccount: str | None = None
    """The subaccount whose certificate it is, in words."""
    issuer_name: str
    """Common name of the certificate: provider name, issuer and entity ID."""
    new: CertificateView
    old: CertificateView | None = None
    """The certificate that signs until the swap; None if it is unknown, or equals `new`."""
    upload_by: str | None = None
    """The last day for the upload, YYYY-MM-DD; for a target that holds one certificate, for the swap itself."""
    values: tuple[FieldValue, ...]
    """The values to enter, in the order of the screen; a tuple, because Pulumi sorts mappings."""
    files: tuple[File, ...]
    upload: Task
    after_retirement: Task
    """The second task: remove the old certificate."""
    attestation: AttestationForm | None = None
    """None for a target that holds one certificate: before the swap, an attestation would be untrue."""
    notices: tuple[str, ...] = ()
    """Warnings about the pair of certificates."""

    @classmethod
    @refuses_secret_arguments
    def of(
        cls,
        target: Target,
        *,
        certificate: str,
        replaces: str | None = None,
        subaccount: str | None = None,
        upload_by: date | str | None = None,
        margin_days: int = MARGIN_DAYS,
    ) -> HandOver:
        """Make a hand-over of plain values.

        Args:
            target: The system.
            certificate: PEM of the certificate to hand over.
            replaces: PEM of the active certificate; the same as `certificate` once that signs.
            subaccount: The subaccount whose certificates they are, in words: an output `subaccount`.
            upload_by: The last day, a date or YYYY-MM-DD. Default: `margin_days` before the active certificate
                expires, but at most half of the time between the creation of the new one and that expiry.
            margin_days: Days, 0 or more.

        Raises:
            Refused: A certificate, the subaccount, the day or the margin is invalid, or the two certificates have
                different issuers.
        """
        if subaccount is not None:
            _check_subaccount(subaccount)
        new = _parse_certificate(certificate, "certificate")
        replaced = None if replaces is None else _parse_certificate(replaces, "replaces")
        # The issuer name holds the subaccount's GUID, so two names are two subaccounts.
        if replaced is not None and replaced.issuer_name != new.issuer_name:
            raise _different_issuers(new, replaced)
        old = None if replaced is None or replaced.fingerprint == new.fingerprint else replaced
        phase = Phase.UNCOMPARED if replaced is None else Phase.SIGNS if old is None else Phase.BEFORE_SWAP
        deadline = None if phase is Phase.SIGNS else _upload_deadline(new, old, upload_by, margin_days)
        return _build(target, phase, new, old, deadline, subaccount=subaccount)

    @classmethod
    @refuses_secret_arguments
    def from_dict(cls, data: Mapping[str, Any]) -> HandOver:
        """Read a mapping of `to_dict`, such as a stack's output.

        Raises:
            Refused: `data` is something else.
        """
        try:
            return msgspec.convert(data, cls, strict=False)  # Pulumi's wire turns integers into floats
        except msgspec.ValidationError as error:
            raise Refused(
                "This is not a hand-over.",
                f"{error}.",
                "Give what `hand_over` returned, or the stack output that it was exported to: "
                "pulumi stack output <name> --json.",
                prop="hand_over",
            ) from None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, the page included."""
        data: dict[str, Any] = msgspec.to_builtins(self)
        return {**data, "page": self.page}

    @property
    def page(self) -> str:
        """The hand-over as Markdown, for a ticket; the contents of the files are left out."""
        return render_markdown(self)


def _build(
    target: Target,
    phase: Phase,
    new: Certificate,
    old: Certificate | None,
    deadline: str | None,
    *,
    subaccount: str | None,
) -> HandOver:
    target_type, holds = TARGET_TYPES[target.kind], target.capacity
    files = tuple(build_files(target.name, target_type.forms, new, old, target.key_name))
    placeholders = _placeholders(target, new, files, holds)
    new_view, old_view = CertificateView.of(new), None if old is None else CertificateView.of(old)
    return HandOver(
        target=target,
        phase=phase,
        holds=holds,
        subaccount=subaccount,
        issuer_name=new.issuer_name,
        new=new_view,
        old=old_view,
        upload_by=deadline,
        values=tuple(FieldValue(label, value.format_map(placeholders)) for label, value in target_type.fields.items()),
        files=files,
        upload=upload_task(
            target_type, placeholders, holds=holds, phase=phase, deadline=deadline, new=new_view, old=old_view
        ),
        after_retirement=removal_task(target_type, placeholders, holds=holds, new=new_view, old=old_view),
        attestation=None if holds is Capacity.ONE else build_attestation(target, new, subaccount),
        notices=() if old is None or old.not_after < new.not_after else (_expiry_notice(new, old),),
    )


def _placeholders(target: Target, new: Certificate, files: tuple[File, ...], holds: Capacity) -> dict[str, str]:
    """Return the values for the placeholders of a target type's texts."""
    # `upload`: metadata has both certificates in one file; other formats add the new one to the target's entry.
    names = {file.holds: file.name for file in files if file.form is TARGET_TYPES[target.kind].forms[0]}
    only = names["new"]
    issuer = new.issuer_name or "the issuer of your assertions, which this certificate leaves out"
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
        f"({format_day(old.not_after)}). Unless this is a rollback, the two have been mixed up."
    )


def _upload_deadline(
    new: Certificate, old: Certificate | None, upload_by: date | str | None, margin_days: int
) -> str | None:
    if margin_days < 0:
        raise _invalid_margin(margin_days)
    if upload_by is not None:
        return _format_day(upload_by)
    if old is None:
        return None
    # If less than twice the margin is left, half of that time is for the upload.
    available = max(old.not_after - new.not_before, timedelta(0))
    return format_day(old.not_after - min(timedelta(days=margin_days), available / 2))


def _format_day(day: date | str) -> str:
    try:
        return f"{day if isinstance(day, date) else date.fromisoformat(day):%Y-%m-%d}"
    except (TypeError, ValueError):
        raise Refused(
            f"`upload_by` is not a day: {day!r}.",
            "The page tells people until when the certificate must be in the target.",
            'Give a datetime.date, or a text such as "2028-10-31"; or leave it out, and it follows from the expiry.',
            prop="upload_by",
        ) from None


def _check_subaccount(subaccount: object) -> None:
    if not isinstance(subaccount, str) or not subaccount.strip() or not subaccount.isprintable():
        raise Refused(
            f"`subaccount` cannot be {subaccount!r}.",
            "The page tells people by it whose certificate they upload.",
            "Give the output `subaccount` of a resource, or one line of printable text.",
            prop="subaccount",
        )


def _invalid_margin(margin_days: int) -> Refused:
    return Refused(
        f"`margin_days` cannot be {margin_days!r}.",
        "It is how many days before the expiry the certificate must be in the target.",
        "Give a whole number of days, 0 or more.",
        prop="margin_days",
    )


def _parse_certificate(pem: object, prop: str) -> Certificate:
    if not isinstance(pem, str):
        raise not_a_certificate_error(prop, f"a {type(pem).__name__} is not text")
    try:
        return parse_pem(pem)
    except ValueError as error:
        raise not_a_certificate_error(prop, str(error)) from None


def not_a_certificate_error(prop: str, reason: str) -> Refused:
    """Build the refusal of an argument that is not a certificate."""
    return Refused(
        f"`{prop}` is not a certificate.",
        f"All files are made of it, and {reason}.",
        "Give an ActiveTrustCertificate or a PassiveTrustCertificate, or the PEM text of a certificate.",
        prop=prop,
    )


def _different_issuers(new: Certificate, replaced: Certificate) -> Refused:
    return Refused(
        "The two certificates are of different issuers.",
        f"`certificate` is of {new.issuer_name}, `replaces` of {replaced.issuer_name}: these are two "
        "subaccounts, whose certificates never replace each other.",
        "Give the certificates of one subaccount.",
        prop="replaces",
    )
