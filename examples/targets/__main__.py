import pulumi

import btp_trust as trust

# Pulumi refuses to delete these three: certificates, people's users there and the names of generations would be lost.
keep = pulumi.ResourceOptions(protect=True)

upcoming = trust.PassiveTrustCertificate("next", generation="2028-11", opts=keep)

# A target with an API: another subaccount, in whose XSUAA the certificates are registered.
billing = trust.TrustedIdentityProvider("billing", connection="billing", origin_key="shop", passive=upcoming, opts=keep)

rotation = trust.RotationTrigger(
    "rotation",
    generation="2026-11",
    candidate=upcoming,
    trusted_by={"billing": billing.trusted, "s4": trust.Attested.from_file("trust/s4.yaml")},
    verify_destinations=["assertion", "billing", "s4"],  # the first one shows which certificate signs
    verify_now="2028-10",  # a new text verifies them in the next deployment
    list_affected=True,
    opts=keep,
)
signing = trust.ActiveTrustCertificate("signing", rotation=rotation)

# A target without an API: its administrator gets a page and files, and attests in trust/s4.yaml what it shows.
# Its owner has found out that it holds two certificates, which SAP's documentation leaves open.
s4 = trust.Target(
    "s4", kind="communication-system", system="my300123.s4hana.cloud.sap", holds=2, owner="S/4 basis team"
)
hand_over = trust.hand_over(s4, certificate=upcoming, replaces=signing)
hand_over.apply(lambda content: pulumi.runtime.is_dry_run() or trust.write_hand_over(content, "hand-over"))

pulumi.export("signs", rotation.generation)
pulumi.export("verified", rotation.verified)
