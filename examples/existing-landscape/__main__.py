import pulumi

import btp_trust as trust

SUBACCOUNTS = ("development", "production")

signing = {name: trust.ActiveTrustCertificate(f"{name}-signing", connection=name) for name in SUBACCOUNTS}

for name, certificate in signing.items():
    pulumi.export(
        name,
        {
            "subaccount_id": certificate.subaccount_id,
            "fingerprint": certificate.fingerprint,
            "not_after": certificate.not_after,
            "issuer_name": certificate.issuer_name,
            "certificate": certificate.certificate,
            "metadata": certificate.metadata,
        },
    )
