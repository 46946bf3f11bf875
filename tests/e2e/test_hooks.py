"""An `ErrorHook` that retries, on the real command line: the engine calls the provider again in the same process."""

from __future__ import annotations

import pytest

from btp_trust_emulator import Emulator, FaultKind
from support.pulumi_project import PulumiProject, program

BASE = "/destination-configuration/v1/saml2Metadata"
RETRYING = """
calls = 0


def again(_: pulumi.ErrorHookArgs) -> bool:
    global calls
    calls += 1
    pulumi.log.info(f"failure number {calls}")
    return calls < 4


hook = pulumi.ErrorHook("again", again)
opts = pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(on_error=[hook]))
"""


def retrying(prepared: str, signs: str) -> str:
    """Write a program in which each failure is retried."""
    return program(
        RETRYING,
        f'upcoming = trust.PassiveTrustCertificate("next", generation="{prepared}", opts=opts)',
        f'rotation = trust.RotationTrigger("rotation", generation="{signs}", candidate=upcoming, opts=opts)',
    )


@pytest.mark.parametrize(
    ("prepared", "signs", "path"),
    [("2028-11", "2028-11", "rotateCertificate"), ("2030-11", "2026-11", "certificate/passive")],
)
def test_retry_hook_sends_one_write(
    project: PulumiProject, emulator: Emulator, prepared: str, signs: str, path: str
) -> None:
    """An error hook that retries after a lost response ends with the same error each time, after one write."""
    project.deploy(retrying("2028-11", "2026-11"))
    emulator.advance(3600)
    project.set_config("btp-trust:resolveTimeout", "1")
    project.write(retrying(prepared, signs))
    emulator.clear_journal()
    emulator.fault(FaultKind.DO_THEN_CLOSE, method="POST", path=f"{BASE}/{path}")
    emulator.fault(FaultKind.STALE_AFTER_WRITE, subaccount=project.guid, seconds=50)

    said = project.up(status=None)

    assert said.status != 0
    assert "failure number 4" in said
    assert "WriteNotApplied" in said
    assert len(project.writes()) == 1
    emulator.clear_faults()
    emulator.advance(61)
    project.up()
    assert len(project.writes()) == 1
    assert project.has_no_changes_after_refresh()
