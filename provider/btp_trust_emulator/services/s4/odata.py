"""OData V4 of SAP: responses, errors, and the query options of one entity set."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec

from btp_trust_emulator.messages import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

_JSON = "application/json;odata.metadata=minimal;charset=utf-8"
_HEADERS = {"odata-version": "4.0"}
_FILTER = re.compile(r"(\w+) eq (?:'((?:[^']|'')*)'|([0-9a-fA-F-]{36}))")
_OPTIONS = {"$filter", "$expand", "$select", "$format"}


class ODataError(Exception):
    """A request is refused: status, SAP's code, and a message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.response = json(status, {"error": {"code": code, "message": message}})


def json(status: int, content: Any, headers: Mapping[str, str] | None = None, note: str | None = None) -> Response:
    """Return a response with a JSON body."""
    return Response(status, msgspec.json.encode(content), _JSON, {**_HEADERS, **(headers or {})}, note)


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """The system query options of a request: `where` is property and value of its filter."""

    where: tuple[str, str] | None = None
    expand: tuple[str, ...] = ()
    select: tuple[str, ...] = field(default=())

    def select_from(self, entity: Mapping[str, object]) -> dict[str, object]:
        """Return the entity with the selected properties; control information and expanded entities stay."""
        if not self.select:
            return dict(entity)
        kept = {*self.select, *self.expand}
        return {name: value for name, value in entity.items() if name in kept or name.startswith("@")}


def query_options(query: str, properties: frozenset[str], navigations: frozenset[str]) -> QueryOptions:
    """Return the options in a query; options without `$`, such as `sap-client`, are left to others.

    Raises:
        ODataError: an option is unknown, or names an unknown property.
    """
    options = {name: value for name, value in parse_qsl(query) if name.startswith("$")}
    if unknown := sorted(options.keys() - _OPTIONS):
        raise ODataError(501, "/IWBEP/CM_V4_COS/014", f"System query option {unknown[0]} is unsupported")
    expand, select = _names(options.get("$expand", "")), _names(options.get("$select", ""))
    for name in (*(name for name in expand if name not in navigations), *(set(select) - properties)):
        raise _unknown_property(name)
    return QueryOptions(_where(options.get("$filter"), properties), expand, select)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _where(text: str | None, properties: frozenset[str]) -> tuple[str, str] | None:
    if text is None:
        return None
    match = _FILTER.fullmatch(text.strip())
    if match is None:
        raise ODataError(400, "/IWBEP/CM_V4_COS/056", f"The filter {text} is not supported")
    if match[1] not in properties:
        raise _unknown_property(match[1])
    return match[1], match[3] or match[2].replace("''", "'")


def _unknown_property(name: str) -> ODataError:
    return ODataError(400, "/IWBEP/CM_V4_COS/005", f"Property {name} does not exist in type CommunicationSystems")
