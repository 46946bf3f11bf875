"""Reading XML of strangers: no document type, no entities, no network, no document of unusual size."""

from __future__ import annotations

from typing import Any

from lxml import etree

_LARGEST = 512 * 1024


class NotReadable(ValueError):
    """The octets are no XML that is read here; the text says why."""


def read(octets: bytes) -> etree._Element:
    """The root of a document.

    Raises:
        NotReadable: it is not well-formed, larger than half a megabyte, or has a document type.
    """
    if len(octets) > _LARGEST:
        raise NotReadable("it is larger than half a megabyte")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(octets, parser)
    except (etree.XMLSyntaxError, ValueError) as exc:
        raise NotReadable("it is no well-formed XML") from exc
    tree: Any = root.getroottree()
    if tree.docinfo.doctype:
        raise NotReadable("it has a document type")
    return root
