"""`btp-trust fleet matrix`: gather and print."""

from __future__ import annotations

import json

import yaml

from btp_trust_cli.exit_codes import Severity
from btp_trust_cli.options import Pipeline
from btp_trust_cli.terminal import Terminal
from btp_trust_fleet.choice import chosen_of
from btp_trust_fleet.matrix import matrix_document
from btp_trust_fleet.surroundings import FleetRequest


def run_matrix(
    request: FleetRequest, pipeline: Pipeline, chunk: int | None, terminal: Terminal | None = None
) -> Severity:
    """Print the matrix: JSON in a line, as a step's output of GitHub takes it, or YAML for a file of GitLab.

    Raises:
        ConfigurationError: The table is unusable, or the stacks are too many for one matrix.
    """
    stacks = chosen_of(request.fleet, request.chosen)
    document = matrix_document(stacks, pipeline, chunk)
    is_yaml = pipeline is Pipeline.GITLAB
    text = yaml.safe_dump(document, sort_keys=False) if is_yaml else f"{json.dumps(document, ensure_ascii=False)}\n"
    (terminal or Terminal.of_process()).show(text)
    return Severity.OK
