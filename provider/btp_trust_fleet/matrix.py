"""The stacks of a fleet as the matrix of a pipeline's jobs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from btp_trust.errors import ConfigurationError
from btp_trust_cli.options import Pipeline
from btp_trust_fleet.table.fleet import FleetStack

MOST: Final = {Pipeline.GITHUB: 256, Pipeline.GITLAB: 200}
"""{system: how many jobs a matrix may have there}"""


def matrix_document(stacks: Sequence[FleetStack], pipeline: Pipeline, chunk: int | None) -> dict[str, Any]:
    """Return the matrix of one chunk of the stacks.

    Args:
        stacks: All of them.
        pipeline: The form: `strategy.matrix` of GitHub; for GitLab a hidden job `.fleet` that others extend.
        chunk: The number of the chunk, from 1 on; None: they have to fit into one.

    Raises:
        ConfigurationError: They are too many for one matrix, or there are fewer chunks.
    """
    rows = [_row(stack) for stack in _chunk(stacks, MOST[pipeline], chunk)]
    if pipeline is Pipeline.GITHUB:
        return {"include": rows}
    variables = [{f"FLEET_{name.upper()}": value for name, value in row.items()} for row in rows]
    return {".fleet": {"parallel": {"matrix": variables}}}


def _chunk(stacks: Sequence[FleetStack], most: int, chunk: int | None) -> Sequence[FleetStack]:
    chunks = -(-len(stacks) // most)
    if chunk is None and chunks > 1:
        raise ConfigurationError(
            f"{len(stacks)} stacks are too many for one matrix.",
            f"A matrix may have {most} jobs.",
            f"Take {chunks} jobs with a matrix each: --chunk 1 to --chunk {chunks}; or choose one wave: --wave NAME.",
        )
    number = chunk or 1
    if number > chunks:
        raise ConfigurationError(
            f"There is no chunk {number}.",
            f"{len(stacks)} stacks in chunks of {most} are {chunks}.",
            f"Take --chunk 1 to --chunk {chunks}.",
        )
    return stacks[(number - 1) * most : number * most]


def _row(stack: FleetStack) -> dict[str, str]:
    return {
        "name": stack.name,
        "stack": stack.stack,
        "connection": stack.connection,
        "wave": stack.wave,
        "generation": stack.generation,
        "passive": stack.passive or "",
    }
