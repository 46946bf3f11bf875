"""A hand-over as a Markdown page, for a ticket. Every text from outside is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from btp_trust.handover.attestation import AttestationForm
from btp_trust.handover.certificate_view import CertificateView
from btp_trust.handover.files import File
from btp_trust.handover.target import Target
from btp_trust.handover.target_types import TARGET_TYPES, Capacity
from btp_trust.handover.tasks import FieldValue, Phase, Task

_MARKDOWN_CHARACTERS: Final = re.compile(r"([\\`*_\[\]<>&|~#!$])")
_FILE_CONTENTS: Final = {
    "new": "the new certificate",
    "old": "the old certificate, for a rollback",
    "both": "both, for the time in which either may sign",
}
_CAPACITIES: Final = {
    Capacity.TWO: "two: add the new one, keep the old one",
    Capacity.ONE: "one: the new one replaces the old one",
    Capacity.UNKNOWN: "unknown",
}
_CERTIFICATE_ROWS: Final = {
    "not_before": "Valid from",
    "not_after": "Valid to",
    "sha1": "SHA-1",
    "sha256": "SHA-256",
    "serial_hexadecimal": "Serial number, hexadecimal",
    "serial_hexadecimal_unsigned": "the same bytes without sign",
    "serial_decimal": "Serial number, decimal",
    "serial_decimal_unsigned": "the same bytes without sign",
}
"""{field of CertificateView: label}."""
_ALREADY_SIGNING: Final = (
    "This certificate signs already. Any other one with the same subject is not the one that signs."
)
_NO_COMPARISON: Final = "Any other certificate with the same subject is not the one to hand over."


class PageContent(Protocol):
    """The parts of a hand-over that the page shows: those of HandOver, which has their descriptions."""

    # Read-only properties: the fields of a frozen struct satisfy them.
    @property
    def target(self) -> Target: ...  # noqa: D102
    @property
    def phase(self) -> Phase: ...  # noqa: D102
    @property
    def holds(self) -> Capacity: ...  # noqa: D102
    @property
    def subaccount(self) -> str | None: ...  # noqa: D102
    @property
    def issuer_name(self) -> str: ...  # noqa: D102
    @property
    def new(self) -> CertificateView: ...  # noqa: D102
    @property
    def old(self) -> CertificateView | None: ...  # noqa: D102
    @property
    def values(self) -> Sequence[FieldValue]: ...  # noqa: D102
    @property
    def files(self) -> Sequence[File]: ...  # noqa: D102
    @property
    def upload(self) -> Task: ...  # noqa: D102
    @property
    def after_retirement(self) -> Task: ...  # noqa: D102
    @property
    def attestation(self) -> AttestationForm | None: ...  # noqa: D102
    @property
    def notices(self) -> Sequence[str]: ...  # noqa: D102


def render_markdown(hand_over: PageContent) -> str:
    """Render the page."""
    return "\n".join(_lines(hand_over))


def _lines(hand_over: PageContent) -> Iterator[str]:
    yield from _introduction_lines(hand_over)
    yield from ("", "## Which is which", "", *_comparison_lines(hand_over))
    fields = [(escape_markdown(entry.field), _code_cell(entry.value)) for entry in hand_over.values]
    yield from ("", "## Enter this", "", *_table_lines(("Field", "Value"), fields))
    files = [(_code_cell(file.name), _FILE_CONTENTS[file.holds]) for file in hand_over.files]
    yield from ("", "## Files", "", *_table_lines(("File", "Holds"), files))
    yield from ("", "## Steps", "", *_task_lines(hand_over.upload))
    yield from ("", "## Say that it is done", "", *_attestation_lines(hand_over))
    yield from ("", "## A second task: remove the old certificate", "", *_task_lines(hand_over.after_retirement))
    yield from ("", "## Sources", "", "From SAP's documentation, by title:", "")
    yield from (f"- {escape_markdown(source)}" for source in TARGET_TYPES[hand_over.target.kind].sources)
    yield ""


def _introduction_lines(hand_over: PageContent) -> Iterator[str]:
    title = escape_markdown(TARGET_TYPES[hand_over.target.kind].title)
    yield f"# Give {escape_markdown(hand_over.target.name)} the new trust certificate"
    yield ""
    name = "" if hand_over.subaccount is None else f"{escape_markdown(hand_over.subaccount)}, "
    yield (
        f"The subaccount {name}{code_span(hand_over.issuer_name)} signs what its applications send to {title} in a "
        "user's name. Its certificate changes, and the target must trust the new one."
    )
    for notice in hand_over.notices:
        yield from ("", f"**Look twice:** {escape_markdown(notice)}")
    yield from ("", *_table_lines(("", ""), list(_summary_rows(hand_over))))


def _comparison_lines(hand_over: PageContent) -> Iterator[str]:
    if hand_over.old is None:
        yield _ALREADY_SIGNING if hand_over.phase is Phase.SIGNS else _NO_COMPARISON
    else:
        yield "Subject and issuer of both are the same. These tell them apart:"
    yield from ("", *_certificate_table(hand_over))


def _summary_rows(hand_over: PageContent) -> Iterator[tuple[str, str]]:
    target, target_type = hand_over.target, TARGET_TYPES[hand_over.target.kind]
    rows = {
        "System": target.system,
        "Client": target.client,
        "Entry": target.entry,
        "Owner": target.owner,
        "Ticket": target.ticket,
    }
    yield from ((label, escape_markdown(value)) for label, value in rows.items() if value is not None)
    yield ("When", escape_markdown(hand_over.upload.when))
    evidence = "as its owner has found out" if target.holds else target_type.capacity_evidence
    yield ("Certificates that fit", escape_markdown(f"{_CAPACITIES[hand_over.holds]} ({evidence.rstrip('.')})"))


def _certificate_table(hand_over: PageContent) -> Iterator[str]:
    certificates = [hand_over.new] if hand_over.old is None else [hand_over.new, hand_over.old]
    rows = [
        (label, *(_code_cell(getattr(certificate, name)) for certificate in certificates))
        for name, label in _CERTIFICATE_ROWS.items()
    ]
    return _table_lines(("", "New: hand over", "Old: signs until the swap")[: len(certificates) + 1], rows)


def _task_lines(task: Task) -> Iterator[str]:
    yield from (escape_markdown(task.when), "")
    yield from (f"{number}. {escape_markdown(step)}" for number, step in enumerate(task.steps, 1))
    if task.checks:
        yield from ("", "Where to check:", "")
        yield from (f"- {escape_markdown(check)}" for check in task.checks)


def _attestation_lines(hand_over: PageContent) -> Iterator[str]:
    if hand_over.attestation is None:
        yield (
            "Tell the person who deploys the rotation. There is nothing to attest before the swap: the target has room "
            "for one certificate."
        )
        return
    yield f"Fill this in and commit it as {code_span(hand_over.attestation.path)}:"
    yield from ("", "```yaml", *hand_over.attestation.content.splitlines(), "```")


def _table_lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |"


def escape_markdown(plain: str) -> str:
    """Escape a text, so that it is shown as it is, in a paragraph, a list or a cell."""
    return _MARKDOWN_CHARACTERS.sub(r"\\\1", plain)


def code_span(plain: str) -> str:
    """Write a text as code, with any backticks in it, in a paragraph or a list."""
    # CommonMark, 6.1: the fence is longer than each run of backticks inside; one blank at both ends is dropped.
    longest = max((len(run) for run in re.findall("`+", plain)), default=0)
    needs_blanks = plain.strip(" ") and (plain.startswith(("`", " ")) or plain.endswith(("`", " ")))
    fence, blank = "`" * (longest + 1), " " if needs_blanks else ""
    return f"{fence}{blank}{plain}{blank}{fence}"


def _code_cell(plain: str) -> str:
    """Write a text as code in a table cell, which a bar would end, even in code."""
    return code_span(plain).replace("|", r"\|")
