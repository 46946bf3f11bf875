"""What an interruption leaves behind: all that a resumed command can meet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from btp_trust_emulator import Slots
from support.crash_matrix.counts import Counts, slots_in_words
from support.pulumi_project import PulumiProject

VOLATILE_KEYS = {"created", "modified", "sourcePosition", "stackTrace", "time"}
"""What Pulumi writes down of itself, anew in each run."""
PROVIDER = "pulumi:providers:"


def residue(project: PulumiProject, before: Slots, counts: Counts, trusted: Sequence[str] = ()) -> str:
    """Return what slots, target and Pulumi's state hold, and what was done so far: equal texts, equal matters.

    Two cells that leave the same behind go on alike, for nothing else is left of either.
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
        return {name: _without_volatile_keys(each) for name, each in value.items() if name not in VOLATILE_KEYS}
    return [_without_volatile_keys(each) for each in value] if isinstance(value, list) else value
