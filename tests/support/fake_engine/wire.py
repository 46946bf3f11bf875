"""Property bags on their way between the engine and a provider."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pulumi.output import UNKNOWN
from pulumi.runtime import rpc

from btp_trust.resources.trusted_by import serialize_statements
from support.fake_engine.report import Bag


def round_trip(bag: Bag | None) -> Bag:
    """Encode and decode a property bag: numbers become floats, marks of unknown values become UNKNOWN."""
    return decode_unknowns(json.loads(json.dumps(bag), parse_int=float))  # type: ignore[no-any-return]


def apply_ignore_changes(ignored: Iterable[str], old: Bag, news: Bag) -> Bag:
    """Replace the ignored arguments ("*": all) by the inputs of the last deployment, as `ignore_changes` does."""
    kept = {*old, *news} if "*" in ignored else set(ignored)
    return {name: value for name, value in news.items() if name not in kept} | {
        name: round_trip(old)[name] for name in kept if name in old
    }


def decode_unknowns(value: Any) -> Any:
    """Replace Pulumi's mark of an unknown value by UNKNOWN, at any depth."""
    if isinstance(value, dict):
        return {name: decode_unknowns(content) for name, content in value.items()}
    if isinstance(value, list):
        return [decode_unknowns(content) for content in value]
    return UNKNOWN if value == rpc.UNKNOWN else value


def serialize_trusted(trusts: Any) -> Any:
    """Serialize the statement of a target as a program does; an unknown value stays unknown."""
    return trusts if trusts is UNKNOWN else serialize_statements({"target": trusts}, None)["target"]  # type: ignore[index]
