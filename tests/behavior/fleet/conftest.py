"""A fake of Pulumi's command line, first on the PATH of this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.fake_pulumi_runs import FakePulumiRuns
from support.stack_runs import use_environment


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePulumiRuns:
    """The fake, without an answer yet."""
    fake = FakePulumiRuns(tmp_path / "program")
    use_environment(monkeypatch, fake.environ)
    return fake
