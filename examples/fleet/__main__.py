import pulumi

import btp_trust as trust
from btp_trust_fleet.program import declared_stack

row = declared_stack()
keep = pulumi.ResourceOptions(protect=True)

upcoming = None
if row.passive:
    upcoming = trust.PassiveTrustCertificate("next", connection=row.connection, generation=row.passive, opts=keep)
rotation = trust.RotationTrigger(
    "rotation", connection=row.connection, generation=row.generation, candidate=upcoming, opts=keep
)
signing = trust.ActiveTrustCertificate("signing", connection=row.connection, rotation=rotation)

pulumi.export("fingerprint", signing.fingerprint)
