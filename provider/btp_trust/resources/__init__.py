"""The resources that a program declares, one module each; they run in the process of the program."""

from btp_trust.resources.active import ActiveTrustCertificate
from btp_trust.resources.communication_system import CommunicationSystemTrust
from btp_trust.resources.identity_provider import TrustedIdentityProvider
from btp_trust.resources.passive import PassiveTrustCertificate
from btp_trust.resources.rotation import RotationTrigger
from btp_trust.resources.trusted_by import Attested, SwitchesAtRotation

__all__ = [
    "ActiveTrustCertificate",
    "Attested",
    "CommunicationSystemTrust",
    "PassiveTrustCertificate",
    "RotationTrigger",
    "SwitchesAtRotation",
    "TrustedIdentityProvider",
]
