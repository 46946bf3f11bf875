"""Names of inputs, outputs, configuration keys and errors stay as the design note lists them."""

from __future__ import annotations

import pytest

from support import frozen_names

CODE = frozen_names.names_of_code()


@pytest.mark.parametrize("title", CODE)
def test_names_are_those_listed(title: str) -> None:
    """A name of the note that the code lacks was renamed or removed; one that the note lacks is to be added there."""
    noted = frozen_names.names_of_note().get(title, set())

    assert noted - CODE[title] == set(), "frozen: give these names back"
    assert CODE[title] - noted == set(), "add these names: PYTHONPATH=tests python -m support.frozen_names"


def test_list_has_no_other_rows() -> None:
    """The note lists what the code is compared with, and nothing else."""
    assert frozen_names.names_of_note().keys() == CODE.keys()
