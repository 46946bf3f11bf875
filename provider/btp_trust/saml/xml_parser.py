"""A parser of small XML documents, for subclasses. Pure.

Expat streams: the cost of a document is that of its text, at any depth.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.parsers import expat


class XmlParser:
    """Calls its methods for each part of a document. Names are `<namespace> <local name>`.

    Args:
        text: The document.

    Raises:
        ValueError: `text` is malformed XML, or has a document type. The message repeats nothing of it.
    """

    def __init__(self, text: str) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.characters
        try:
            parser.Parse(text, True)  # noqa: FBT003 - the positional argument `isfinal` of expat: the document is complete
        except (expat.ExpatError, UnicodeEncodeError):
            raise ValueError("it cannot be read as XML") from None

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Handle the start of an element."""

    def end(self, name: str) -> None:
        """Handle the end of an element."""

    def characters(self, text: str) -> None:
        """Handle text between tags; the text of one element may come in several calls."""


def _refuse_doctype(*_: object) -> None:
    # Entities could expand to any size, or read files; only a document type can declare them.
    raise ValueError("it is XML with a document type declaration, which metadata does not need")
