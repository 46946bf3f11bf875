import pulumi

import btp_trust as trust

signing = trust.ActiveTrustCertificate("signing")

pulumi.export("fingerprint", signing.fingerprint)
pulumi.export("not_after", signing.not_after)
pulumi.export("issuer_name", signing.issuer_name)
pulumi.export("certificate", signing.certificate)
