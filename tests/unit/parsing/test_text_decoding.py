"""Text as other programs write it: decoded as it was meant, or refused as binary."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from btp_trust.parsing.text_decoding import decode, strip_byte_order_mark, strip_invisible, unescape_line_breaks

MARKED = ["utf-8-sig", "utf-16", "utf-32", "utf-8"]
plain = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\ufeff\ufffe\ufffd\u00ef", exclude_categories=["Cs"])
)


@given(text=plain, encoding=st.sampled_from(MARKED))
def test_decodes_by_the_byte_order_mark(text: str, encoding: str) -> None:
    """Content without a mark is UTF-8."""
    assert decode(text.encode(encoding)) == text


@given(text=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1), mark=st.booleans())
def test_decodes_ascii_in_every_encoding(text: str, *, mark: bool) -> None:
    """The first character of UTF-16 shows the encoding where the mark is missing."""
    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "cp1252"):
        assert decode(text.encode(encoding)) == text
    assert strip_byte_order_mark(f"\ufeff{text}" if mark else text) == text


@given(text=st.text(st.characters(min_codepoint=0xE0, max_codepoint=0xFF, exclude_characters="\u00ef"), min_size=1))
@example(text="Schl\u00fcssel")
def test_decodes_latin_1(text: str) -> None:
    """A sentence of a command line may have such letters."""
    assert decode(f"x{text}!".encode("latin-1")) == f"x{text}!"


@pytest.mark.parametrize("octets", [b"\xfe\xed\xfe\xed\0\0\0\2", b"\xff\xfe\0", b"\xff\x01", b"\xff\xfe\0\0\xff"])
def test_refuses_binary_content(octets: bytes) -> None:
    """The error has no cause: a decoder's error holds all of the content."""
    with pytest.raises(ValueError, match="no text") as caught:
        decode(octets)
    assert caught.value.__context__ is None


@given(octets=st.binary())
def test_decodes_or_refuses_any_bytes(octets: bytes) -> None:
    """And removes NUL."""
    try:
        text = decode(octets)
    except ValueError:
        return
    assert "\0" not in text


@given(text=st.text())
def test_strips_invisible_characters(text: str) -> None:
    """Marks are removed and blanks are made usual; a second pass changes nothing."""
    visible = strip_invisible(text)
    assert not [mark for mark in visible if unicodedata.category(mark) == "Cf" or mark == "\0"]
    assert not [blank for blank in visible if unicodedata.category(blank).startswith("Z") and blank != " "]
    assert strip_invisible(visible) == visible


@pytest.mark.parametrize("escaped", [r"\n", r"\\n", r"\r\n", r"\\\\r\\\\n", r"\r"])
def test_unescapes_line_breaks(escaped: str) -> None:
    """The backslash may have been escaped several times."""
    assert unescape_line_breaks(f"a{escaped}b") == "a\nb"


def test_unescapes_many_backslashes_fast() -> None:
    """The expression looks at them once, in linear time."""
    row = "\\" * 100_000
    assert unescape_line_breaks(row) == row
    assert unescape_line_breaks(f"{row}u000a") == "\n"
