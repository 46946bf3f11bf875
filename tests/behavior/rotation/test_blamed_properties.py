"""Pulumi prints the whole value of a refused property in front of the sentence: only a short one is named."""

from __future__ import annotations

from typing import Any

import pytest

from support.fake_engine import CheckFailedError, Deployment, FakeEngine, program


@pytest.mark.parametrize(
    ("trigger", "blamed"),
    [
        pytest.param({"generation": "x"}, "generation", id="a short text"),
        pytest.param({"generation": "x" * 81}, "", id="a long text"),
        pytest.param({"on_drift": 3}, "on_drift", id="a number"),
        pytest.param({"trusted_by": {"s4": "no certificate"}}, "", id="a map"),
        pytest.param({"subaccount_id": "00000000-1111-4222-8333-00000000beef"}, "subaccount_id", id="a GUID"),
    ],
)
def test_only_short_values_are_blamed(engine: FakeEngine, trigger: dict[str, Any], blamed: str) -> None:
    """The sentence stays the same, and names the subaccount first."""
    engine.deploy(program(None, "a"))

    def refused(deployment: Deployment) -> None:
        deployment.trigger(**{"generation": "a", **trigger})

    with pytest.raises(CheckFailedError) as caught:
        engine.preview(refused)
    assert caught.value.prop == blamed
    first, *rest = caught.value.reason.splitlines()
    assert f"({engine.guid[:8]}): " in first
    assert len(rest) >= 2
