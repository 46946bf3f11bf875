"""The lists of destinations: all of them, their names, or a page (parameters of SAP's API description).

`$filter` and `$includeMetadata` are refused: an emulator that ignored them would return more than the real service.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import parse_qsl

import msgspec
from msgspec import UNSET, UnsetType

from btp_trust_emulator.messages import Response, json, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from btp_trust_emulator.backend.destination import Destination

_NOT_EMULATED = {"$filter", "$includeMetadata"}
_PAGING_PARAMETERS = {"$pageSize", "$pageCount", "$entityCount"}
_PAGE_SIZE = 10


class _Query(msgspec.Struct, frozen=True, rename=lambda name: f"${name}"):
    """The parameters, by their names without the dollar sign."""

    page: Annotated[int, msgspec.Meta(ge=1)] | UnsetType = UNSET
    pageSize: Annotated[int, msgspec.Meta(ge=1, le=1000)] | UnsetType = UNSET  # noqa: N815 - SAP's names
    pageCount: Literal["true", "false"] | UnsetType = UNSET  # noqa: N815 - same
    entityCount: Literal["true", "false"] | UnsetType = UNSET  # noqa: N815 - same
    select: Literal["Name"] | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class _Page:
    number: int
    size: int
    entities: int

    @property
    def count(self) -> int:
        """The number of pages."""
        return -(-self.entities // self.size)

    def links(self, path: str) -> dict[str, str]:
        """Return the header with the previous and the next page."""
        neighbours = {"previous": self.number - 1, "next": self.number + 1}
        links = [
            f"<{path}?$page={number}&$pageSize={self.size}>; rel='{name}'"
            for name, number in neighbours.items()
            if 1 <= number <= self.count
        ]
        return {"link": ", ".join(links)} if links else {}


def list_response(destinations: Sequence[Destination], path: str, query: str) -> Response:
    """Return the destinations that the query asks for, at the path below the service's own."""
    given = parse_qsl(query, keep_blank_values=True)
    try:
        parameters = msgspec.convert(dict(given), _Query, strict=False)
    except msgspec.ValidationError as exc:
        return plain(400, str(exc))
    if refusal := _query_error([name for name, _ in given]):
        return plain(400, refusal)
    if parameters.select is not UNSET:
        return json(200, [{"Name": destination.name} for destination in destinations])
    if parameters.page is UNSET:
        return json(200, [destination.properties for destination in destinations])
    page = _Page(
        parameters.page, _PAGE_SIZE if parameters.pageSize is UNSET else parameters.pageSize, len(destinations)
    )
    start = (page.number - 1) * page.size
    entries = [destination.properties for destination in destinations[start : start + page.size]]
    counts = {"page-count": (parameters.pageCount, page.count), "entity-count": (parameters.entityCount, page.entities)}
    headers = {name: str(number) for name, (asked, number) in counts.items() if asked == "true"}
    return json(200, entries, {**headers, **page.links(path)})


def _query_error(names: Sequence[str]) -> str | None:
    """Return why parameters with these names are refused."""
    if not_emulated := _NOT_EMULATED & set(names):
        return f"{min(not_emulated)} is not emulated."
    if len(set(names)) < len(names):
        return "A parameter is given twice."
    if _PAGING_PARAMETERS & set(names) and "$page" not in names:
        return "Parameters of pages need $page."
    return "$page and $select cannot be combined." if {"$page", "$select"} <= set(names) else None
