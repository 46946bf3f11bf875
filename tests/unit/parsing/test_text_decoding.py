"""Text as other programs hand it over: read as it was meant, or refused as no text."""

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
def test_what_says_its_encoding_is_read_in_it(text: str, encoding: str) -> None:
    """By its mark, or as UTF-8."""
    assert decode(text.encode(encoding)) == text


@given(text=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1), mark=st.booleans())
def test_ascii_is_read_in_every_encoding(text: str, *, mark: bool) -> None:
    """UTF-16 without a mark shows itself by its first character."""
    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "cp1252"):
        assert decode(text.encode(encoding)) == text
    assert strip_byte_order_mark(f"\ufeff{text}" if mark else text) == text


@given(text=st.text(st.characters(min_codepoint=0xE0, max_codepoint=0xFF, exclude_characters="\u00ef"), min_size=1))
@example(text="Schl\u00fcssel")
def test_other_letters_of_windows_are_no_crash(text: str) -> None:
    """A sentence of a command line may have them."""
    assert decode(f"x{text}!".encode("latin-1")) == f"x{text}!"


@pytest.mark.parametrize("octets", [b"\xfe\xed\xfe\xed\0\0\0\2", b"\xff\xfe\0", b"\xff\x01", b"\xff\xfe\0\0\xff"])
def test_what_is_no_text_is_refused(octets: bytes) -> None:
    """Without an error of the decoder behind it, which holds all of it."""
    with pytest.raises(ValueError, match="no text") as caught:
        decode(octets)
    assert caught.value.__context__ is None


@given(octets=st.binary())
def test_any_bytes_are_a_text_or_refused(octets: bytes) -> None:
    """And never with NUL in it."""
    try:
        text = decode(octets)
    except ValueError:
        return
    assert "\0" not in text


@given(text=st.text())
def test_what_is_visible_has_no_marks_and_one_kind_of_blanks(text: str) -> None:
    """Nothing else changes."""
    found = strip_invisible(text)
    assert not [each for each in found if unicodedata.category(each) == "Cf" or each == "\0"]
    assert not [each for each in found if unicodedata.category(each).startswith("Z") and each != " "]
    assert strip_invisible(found) == found


@pytest.mark.parametrize("escaped", [r"\n", r"\\n", r"\r\n", r"\\\\r\\\\n", r"\r"])
def test_an_escaped_line_break_is_one(escaped: str) -> None:
    """However often it was."""
    assert unescape_line_breaks(f"a{escaped}b") == "a\nb"


def test_a_row_of_backslashes_takes_no_time() -> None:
    """It is looked at once, and not from each of them on."""
    row = "\\" * 100_000
    assert unescape_line_breaks(row) == row
    assert unescape_line_breaks(f"{row}u000a") == "\n"
