"""Three resources of this provider for each subaccount."""

import json
import os
from pathlib import Path

import btp_trust as trust

for name, passive in json.loads(Path(os.environ["FLEET_SUBACCOUNTS"]).read_text()).items():
    upcoming = trust.PassiveTrustCertificate(f"{name}-next", generation="b", adopt=passive, connection=name)
    rotation = trust.RotationTrigger(
        f"{name}-rotation", generation=os.environ["FLEET_SIGNER"], candidate=upcoming, connection=name
    )
    trust.ActiveTrustCertificate(f"{name}-signing", rotation=rotation, connection=name)
