"""Pulumi resources for the trust certificates of the SAP BTP Destination service.

import btp_trust as trust

upcoming = trust.PassiveTrustCertificate("next", generation="2028-11")
rotation = trust.RotationTrigger("rotation", generation="2026-11", candidate=upcoming)
signing = trust.ActiveTrustCertificate("signing", rotation=rotation)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

__all__ = [
    "ActiveTrustCertificate",
    "Attested",
    "CommunicationSystemTrust",
    "HandOver",
    "PassiveTrustCertificate",
    "RotationTrigger",
    "SwitchesAtRotation",
    "Target",
    "TrustedIdentityProvider",
    "__version__",
    "hand_over",
    "write_hand_over",
]
_MODULES: Final = {
    "ActiveTrustCertificate": "resources",
    "Attested": "resources",
    "CommunicationSystemTrust": "resources",
    "HandOver": "handover.hand_over",
    "PassiveTrustCertificate": "resources",
    "RotationTrigger": "resources",
    "SwitchesAtRotation": "resources",
    "Target": "handover.target",
    "TrustedIdentityProvider": "resources",
    "hand_over": "handover.program",
    "write_hand_over": "handover.folder",
}
"""{name: its module}: imported on first use, as the plugin needs none of them, and most programs some."""


if TYPE_CHECKING:
    __version__: str
    from btp_trust.handover.folder import write_hand_over
    from btp_trust.handover.hand_over import HandOver
    from btp_trust.handover.program import hand_over
    from btp_trust.handover.target import Target
    from btp_trust.resources import (
        ActiveTrustCertificate,
        Attested,
        CommunicationSystemTrust,
        PassiveTrustCertificate,
        RotationTrigger,
        SwitchesAtRotation,
        TrustedIdentityProvider,
    )
else:  # hidden from type checkers, which would otherwise accept any name

    def __getattr__(name: str) -> object:
        """Import a name on first use."""
        if name == "__version__":  # the one place of the version is pyproject.toml; reading metadata takes milliseconds
            return import_module("importlib.metadata").version("btp-trust")
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"btp_trust.{_MODULES[name]}"), name)
