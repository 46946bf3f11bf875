"""The page for a ticket: any names and owners are shown as they are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from btp_trust import HandOver, Target
from btp_trust.handover.markdown import code_span, escape_markdown
from btp_trust.handover.target_types import TARGET_TYPES
from support.certificates import certificate, names

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
HARMLESS = {"text", "code_inline", "strong_open", "strong_close", "text_special"}

lines = names | st.text("\\`*_[]()<>&|~#!$ -+.1a", min_size=1).filter(str.strip)
"""Texts in one line, many of them with characters that have a meaning in Markdown."""


def inline(page: str) -> Iterator[Token]:
    """Yield the inline parts of a page."""
    return (child for token in MARKDOWN.parse(page) for child in token.children or ())


def shown(markdown: str) -> str:
    """Return what a reader sees of a paragraph."""
    (paragraph,) = (token for token in MARKDOWN.parse(markdown) if token.type == "inline")
    assert paragraph.children is not None
    assert {child.type for child in paragraph.children} <= HARMLESS
    return "".join(child.content for child in paragraph.children)


@given(plain=lines)
@example(plain="a|b")
@example(plain="&amp; <b> [x](y) ~~z~~")
def test_text_is_shown_unchanged(plain: str) -> None:
    """An escaped text is shown as it is, free of markup, in a paragraph and in a cell."""
    assert shown(f"Owner: {escape_markdown(plain)}") == f"Owner: {plain.rstrip(' ')}"
    table = MARKDOWN.parse(f"| a | b |\n| --- | --- |\n| {escape_markdown(plain)} | end |\n")
    cells = [token for token in table if token.type == "inline"][2:]
    assert ["".join(part.content for part in cell.children or ()) for cell in cells] == [plain.strip(" "), "end"]


@given(plain=lines)
@example(plain="`")
@example(plain=" ` ")
@example(plain="``a")
def test_code_is_shown_unchanged(plain: str) -> None:
    """Code is shown as it is, with any backticks in it."""
    (code,) = (child for child in inline(f"Value: {code_span(plain)} end") if child.type == "code_inline")
    assert code.content == plain


@given(
    kind=st.sampled_from(sorted(TARGET_TYPES)),
    issuer=lines,
    system=lines,
    entry=lines,
    owner=lines,
    ticket=st.none() | lines,
)
def test_names_keep_shape_of_page(
    *, kind: str, issuer: str, system: str, entry: str, owner: str, ticket: str | None
) -> None:
    """The page has the headings, tables and lists of plain names for any names, and only its own markup."""

    def tokens(hand_over: HandOver) -> list[Token]:
        return [token for token in MARKDOWN.parse(hand_over.page) if token.type != "inline"]

    def hand_over_of(issuer: str, system: str, entry: str, owner: str, ticket: str | None) -> HandOver:
        target = Target("s4", kind=kind, system=system, entry=entry, owner=owner, ticket=ticket)  # type: ignore[arg-type]
        pems = (certificate(serial, issuer=issuer) for serial in (1, 2))
        return HandOver.of(target, certificate=next(pems), replaces=next(pems))

    unusual = hand_over_of(issuer, system, entry, owner, ticket)
    usual = hand_over_of("issuer", "system", "entry", "owner", None if ticket is None else "ticket")
    assert [token.type for token in tokens(unusual)] == [token.type for token in tokens(usual)]
    assert {child.type for child in inline(unusual.page)} <= HARMLESS | {"softbreak"}
    cells = ["".join(part.content for part in token.children or ()) for token in MARKDOWN.parse(unusual.page)]
    assert {name.strip(" ") for name in (system, entry, owner, ticket or owner)} <= set(cells)


@pytest.mark.parametrize("kind", sorted(TARGET_TYPES))
def test_page_has_its_parts(kind: str) -> None:
    """The page has the parts of a ticket in the order of the work, and the titles of its sources."""
    page = HandOver.of(
        Target("s4", kind=kind, system="my300123"),  # type: ignore[arg-type]
        certificate=certificate(2),
        replaces=certificate(1),
    ).page
    assert [line for line in page.splitlines() if line.startswith("#") and not line.startswith("# Fill")] == [
        "# Give s4 the new trust certificate",
        "## Which is which",
        "## Enter this",
        "## Files",
        "## Steps",
        "## Say that it is done",
        "## A second task: remove the old certificate",
        "## Sources",
    ]
    assert all(f"- {escape_markdown(source)}" in page.splitlines() for source in TARGET_TYPES[kind].sources)
    assert "BEGIN CERTIFICATE" not in page
