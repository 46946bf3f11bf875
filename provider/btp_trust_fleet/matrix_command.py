"""`btp-trust fleet matrix`: gather and print."""

from __future__ import annotations

import json

from btp_trust_cli.exit_codes import Severity
from btp_trust_cli.options import Pipeline
from btp_trust_cli.terminal import Terminal
from btp_trust_fleet.choice import chosen_of
from btp_trust_fleet.matrix import matrix_document
from btp_trust_fleet.surroundings import FleetRequest


def run_matrix(
    request: FleetRequest, pipeline: Pipeline, chunk: int | None, terminal: Terminal | None = None
) -> Severity:
    """Print the matrix in a line, as a step's output takes it.

    Raises:
        ConfigurationError: The table is unusable, or the stacks are too many for one matrix.
    """
    stacks = chosen_of(request.fleet, request.chosen)
    document = matrix_document(stacks, pipeline, chunk)
    (terminal or Terminal.of_process()).show(f"{json.dumps(document, ensure_ascii=False)}\n")
    return Severity.OK
