"""The resources that a program declares, a module each."""

from btp_trust.resources.active import ActiveTrustCertificate
from btp_trust.resources.passive import PassiveTrustCertificate
from btp_trust.resources.trigger import RotationTrigger

__all__ = ["ActiveTrustCertificate", "PassiveTrustCertificate", "RotationTrigger"]
