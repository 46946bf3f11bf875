"""Statuses of subaccounts with chosen contents, for the tests of the command line."""

from __future__ import annotations

from dataclasses import replace

from btp_trust.active.schema import ActiveState
from btp_trust.certificate import Certificate
from btp_trust.errors import NotAuthorized
from btp_trust.rotation.schema import RotationState
from btp_trust.runtime.expiry_limits import ExpiryLimits
from btp_trust.trusted_by.statements import Observation
from btp_trust_cli.landscape import SubaccountStatus, by_urgency
from btp_trust_cli.recorded import RecordedSubaccount
from support.fake_engine import make_certificate, make_snapshot

GUID = "11111111-2222-4333-8444-555555555555"
OLD, YOUNG = make_certificate("a"), make_certificate("b", created_on_day=600)
ERROR = NotAuthorized("GET was refused: 403.", "The token is for other things.", "Use another key.")


def status(active: Certificate | None = OLD, passive: Certificate | None = None, *, day: int = 100) -> SubaccountStatus:
    """Return the status of a subaccount that the environment reaches."""
    snapshot = make_snapshot(active, passive, day=day)
    return SubaccountStatus("prod", None, ExpiryLimits(), GUID, "acme-prod", snapshot, snapshot.now)


ROTATION = RotationState(
    fingerprint=OLD.fingerprint,
    generation="2026-01",
    trusted_by={
        "s4": Observation.of(OLD.fingerprint, YOUNG.fingerprint),
        "hr": Observation.of(OLD.fingerprint),
    },
)
NAMES = {"2026-01": OLD.fingerprint, "2028-01": YOUNG.fingerprint}
ROTATING = replace(
    status(OLD, YOUNG, day=690), recorded=RecordedSubaccount(GUID, "prod", rotation=ROTATION, bound_names=NAMES)
)
RENEWED = replace(
    status(YOUNG, day=610),
    name="acme-test",
    connection="test",
    recorded=RecordedSubaccount(GUID, "test", active=ActiveState(fingerprint=OLD.fingerprint)),
)
CLOSED = replace(status(), name="acme-closed", connection="closed", snapshot=None, error=ERROR)
FINE = replace(status(make_certificate("c", created_on_day=600), day=610), name="acme-fine", connection="fine")
ALL = by_urgency(replace(each, stack="live") for each in (ROTATING, RENEWED, CLOSED, FINE))
