"""The matrix of a pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest

from btp_trust.errors import ConfigurationError
from btp_trust_cli.options import Pipeline
from btp_trust_fleet.choice import choose_stacks, chosen_of
from btp_trust_fleet.matrix import MOST, matrix_document
from support.fleet_samples import sample_fleet, wide_table


def test_rows_of_github(tmp_path: Path) -> None:
    """Each stack is a job, with what its wave declares."""
    fleet = sample_fleet(tmp_path)
    stacks = chosen_of(fleet, choose_stacks(fleet, "3", ()))
    assert matrix_document(stacks, Pipeline.GITHUB, None) == {
        "include": [
            {
                "name": "acme-prod",
                "stack": "live",
                "connection": "production",
                "wave": "production",
                "generation": "2028-11",
                "passive": "2028-11",
            }
        ]
    }


def test_variables_of_gitlab(tmp_path: Path) -> None:
    """A hidden job that the jobs of a child pipeline extend; variables are texts."""
    fleet = sample_fleet(tmp_path, wide_table(1))
    document = matrix_document(chosen_of(fleet, None), Pipeline.GITLAB, 1)
    (variables,) = document[".fleet"]["parallel"]["matrix"]
    assert (variables["FLEET_STACK"], variables["FLEET_PASSIVE"]) == ("s0", "")


@pytest.mark.parametrize("pipeline", Pipeline)
def test_large_fleets_are_split(tmp_path: Path, pipeline: Pipeline) -> None:
    """Each stack is in one chunk; a matrix that would be too large is refused with the number of chunks."""
    fleet = sample_fleet(tmp_path, wide_table(600))
    stacks, most = chosen_of(fleet, None), MOST[pipeline]
    with pytest.raises(ConfigurationError, match="--chunk 1 to --chunk 3"):
        matrix_document(stacks, pipeline, None)
    with pytest.raises(ConfigurationError, match="There is no chunk 4"):
        matrix_document(stacks, pipeline, 4)
    names = []
    for chunk in (1, 2, 3):
        document = matrix_document(stacks, pipeline, chunk)
        rows = document["include"] if pipeline is Pipeline.GITHUB else document[".fleet"]["parallel"]["matrix"]
        assert len(rows) <= most
        names += [row.get("stack") or row["FLEET_STACK"] for row in rows]
    assert names == [stack.stack for stack in stacks]


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    """With one of the table that is like it."""
    fleet = sample_fleet(tmp_path)
    with pytest.raises(ConfigurationError, match=r"lacks the wave 'canar'.*\n.*\n.*for example canary"):
        choose_stacks(fleet, "canar", ())
    with pytest.raises(ConfigurationError, match=r"lacks the stack 'zzzz'.*\n.*\n.*example acme-dev, acme-qa, live"):
        choose_stacks(fleet, None, ["zzzz"])
    assert choose_stacks(fleet, "1", ["acme-prod"]) == frozenset({"acme-dev", "live"})
