"""Pulumi resources for the trust certificates of the SAP BTP Destination service.

import btp_trust as trust

upcoming = trust.PassiveTrustCertificate("next", generation="2028-11")
rotation = trust.RotationTrigger("rotation", generation="2026-11", candidate=upcoming)
signing = trust.ActiveTrustCertificate("signing", rotation=rotation)
"""

from btp_trust.resources import (
    ActiveTrustCertificate,
    Attested,
    PassiveTrustCertificate,
    RotationTrigger,
    SwitchesAtRotation,
)

__all__ = [
    "ActiveTrustCertificate",
    "Attested",
    "PassiveTrustCertificate",
    "RotationTrigger",
    "SwitchesAtRotation",
    "__version__",
]
__version__ = "0.1.0"
