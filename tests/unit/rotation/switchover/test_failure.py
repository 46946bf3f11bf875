"""The errors after a system that failed to switch over: three parts, with what to do."""

from __future__ import annotations

from datetime import timedelta

from btp_trust.certificate import parse_pem
from btp_trust.errors import ServiceUnavailable
from btp_trust.rotation.switchover.failure import SwitchFailure
from btp_trust.snapshot import Snapshot
from support import certificates
from support.fake_engine import assert_three_part_message

LOST = ServiceUnavailable("The answer was lost.", "No connection.", "Wait.")
FAILURE = SwitchFailure("new", "old", certificates.NOT_BEFORE, {"erp/BTP (oauth2)": LOST})


def test_unknown_rollback_says_when_to_look() -> None:
    """The systems stay as they are, and the next command reads them and the slots."""
    error = FAILURE.unknown(LOST, certificates.NOT_BEFORE + timedelta(minutes=1))

    assert_three_part_message(str(error), "erp/BTP (oauth2)", "2026-11-29T08:01:00Z")
    assert "it reads the slots and the systems" in error.remedy


def test_every_end_names_the_system() -> None:
    """A rollback that was done says when calls were refused; a failed one, that they are refused now."""
    signer = parse_pem(certificates.certificate())
    done = FAILURE.done({}, Snapshot("guid", signer, None, certificates.NOT_BEFORE + timedelta(seconds=3)))

    assert_three_part_message(str(done), "erp/BTP (oauth2)", signer.fingerprint)
    assert "from 2026-11-29T08:00:00Z to 2026-11-29T08:00:03Z" in done.why
    assert "calls are refused there now" in FAILURE.failed(LOST).what
