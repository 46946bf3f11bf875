"""The JSON schema of `fleet.yaml`, by which editors complete and check it."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from btp_trust_fleet.table.schema import FleetFile

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def fleet_schema() -> str:
    """Return the schema, as `docs/reference/fleet.schema.json` and `btp-trust fleet schema` have it."""
    schema: dict[str, Any] = {"$schema": _DIALECT, "title": "A fleet of btp-trust", **msgspec.json.schema(FleetFile)}
    return f"{json.dumps(schema, indent=2)}\n"
