"""XML from strangers, read element by element: a document type, and so an entity, is refused. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from xml.parsers import expat


class XmlReader:
    """Collects what it needs of a document: a subclass says what. Names are `<namespace> <local name>`.

    Args:
        text: The document.

    Raises:
        ValueError: It is not well-formed, or has a document type. The message does not repeat the text.
    """

    def __init__(self, text: str) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartDoctypeDeclHandler = _forbid
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.characters
        try:
            parser.Parse(text, True)  # noqa: FBT003 - expat has no name for it: this is all of the document
        except (expat.ExpatError, UnicodeEncodeError):
            raise ValueError("it cannot be read as XML") from None

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Meet the beginning of an element."""

    def end(self, name: str) -> None:
        """Meet the end of an element."""

    def characters(self, text: str) -> None:
        """Meet some text."""


def _forbid(*_: object) -> None:
    raise ValueError("it is XML with a document type declaration, which metadata does not need")
