"""Take the state of one stack with many subaccounts apart: a stack for each. Pure."""

from __future__ import annotations

import json
from typing import Any

PROJECT, TOGETHER = "project", "dev"
"""The project, and the stack that is taken apart."""


def split_state(state: str, names: list[str]) -> dict[str, str]:
    """Return {subaccount: state of its stack}: a deployment of each program alone would have left the same.

    Args:
        state: The file of the stack, whose resources are named SUBACCOUNT-RESOURCE, and its outputs SUBACCOUNT.
        names: The subaccounts, also the names of their stacks.
    """
    document = json.loads(state)
    return {name: _rename(json.dumps(_only(document, name)), name) for name in names}


def _only(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the state without the resources of others."""
    latest = document["checkpoint"]["latest"]
    resources = [_with_output(each, name) for each in latest["resources"] if _belongs(each["urn"], name)]
    return {**document, "checkpoint": {**document["checkpoint"], "latest": {**latest, "resources": resources}}}


def _belongs(urn: str, name: str) -> bool:
    """Tell whether a resource is of this subaccount, or is the stack itself or its provider."""
    return urn.rpartition("::")[2].startswith(f"{name}-") or "dynamic/btp-trust:" not in urn


def _with_output(resource: dict[str, Any], name: str) -> dict[str, Any]:
    if resource["type"] != "pulumi:pulumi:Stack":
        return resource
    return {**resource, "outputs": {"fingerprint": resource["outputs"][name]}}


def _rename(text: str, name: str) -> str:
    for old, new in (
        (f"urn:pulumi:{TOGETHER}::", f"urn:pulumi:{name}::"),
        (f"::{PROJECT}-{TOGETHER}", f"::{PROJECT}-{name}"),
        (f"/{PROJECT}/{TOGETHER}", f"/{PROJECT}/{name}"),
        (f"::{name}-", "::"),
    ):
        text = text.replace(old, new)
    return text
