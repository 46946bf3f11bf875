"""What all stacks of the fleet have once they are prepared, in one stack: `fleet.stacks` takes it apart."""

from pathlib import Path

import pulumi

import btp_trust as trust
from btp_trust_fleet.table.reading import FILE_NAME, read_fleet

keep = pulumi.ResourceOptions(protect=True)

for row in read_fleet(Path(FILE_NAME)).stacks:
    name = row.connection
    upcoming = trust.PassiveTrustCertificate(f"{name}-next", connection=name, generation=row.passive or "", opts=keep)
    rotation = trust.RotationTrigger(
        f"{name}-rotation", connection=name, generation=row.generation, candidate=upcoming, opts=keep
    )
    signing = trust.ActiveTrustCertificate(f"{name}-signing", connection=name, rotation=rotation)
    pulumi.export(name, signing.fingerprint)
