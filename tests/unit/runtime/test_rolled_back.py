"""Rotations that are yet to begin, after one of the same command was rolled back."""

from __future__ import annotations

import pytest

from btp_trust.errors import Refused
from btp_trust.runtime.rolled_back import RolledBackRotations


def test_rollback_withholds_other_subaccounts() -> None:
    """Those of other subaccounts; a repeated update of the same one gets its own error."""
    rotations = RolledBackRotations()
    rotations.refuse_rotation("lyon", "b")
    rotations.record("turin", "acme-turin: 'b' is being rolled back.")
    rotations.record("turin", "acme-turin: Generation 'b' was rejected.")
    rotations.refuse_rotation("turin", "b")
    with pytest.raises(Refused, match="another rotation of this deployment had to be rolled back") as raised:
        rotations.refuse_rotation("lyon", "b")
    assert "acme-turin: Generation 'b' was rejected." in raised.value.why
    assert "being rolled back" not in raised.value.why
