"""The residue of an interruption: everything that a resumed command can observe."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from btp_trust_emulator import Slots
from support.crash_matrix.counts import Counts, slots_in_words
from support.pulumi_project import PulumiProject

VOLATILE_KEYS = {"created", "modified", "sourcePosition", "stackTrace", "time"}
"""Keys that Pulumi writes with a new value in each run."""
PROVIDER = "pulumi:providers:"


def residue(project: PulumiProject, before: Slots, counts: Counts, trusted: Sequence[str] = ()) -> str:
    """Return slots, trusted certificates, Pulumi's state and the counts so far, as a text.

    Two cells with equal residues continue alike, so one of them is resumed for both.
    """
    file = project.folder / f"backend/.pulumi/stacks/project/{project.stack}.json"
    deployment = json.loads(file.read_text())["checkpoint"]["latest"]
    slots = slots_in_words(before, project.emulator.slots(project.guid))
    text = json.dumps(
        [slots, trusted, counts.swaps, counts.generated, sorted(counts.lost), _without_volatile_keys(deployment)],
        sort_keys=True,
    )
    for resource in deployment.get("resources", []):
        if resource["type"].startswith(PROVIDER):
            text = text.replace(resource["id"], "made at random")
    return text


def _without_volatile_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_volatile_keys(content) for name, content in value.items() if name not in VOLATILE_KEYS}
    return [_without_volatile_keys(content) for content in value] if isinstance(value, list) else value
