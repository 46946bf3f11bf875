import pulumi

import btp_trust as trust

# Pulumi refuses to delete these three: certificates, people's users there and the names of generations would be lost.
keep = pulumi.ResourceOptions(protect=True)

upcoming = trust.PassiveTrustCertificate("next", generation="2028-11", opts=keep)

# A target with an API that holds two certificates: another subaccount, in whose XSUAA they are registered.
billing = trust.TrustedIdentityProvider("billing", connection="billing", origin_key="shop", passive=upcoming, opts=keep)

# A target with an API that holds one: a communication system of S/4HANA Cloud, which changes over with the signer.
s4 = trust.CommunicationSystemTrust("s4", connection="s4", system="BTP_SHOP")

rotation = trust.RotationTrigger(
    "rotation",
    generation="2026-11",
    candidate=upcoming,
    trusted_by={"billing": billing.trusted, "erp": trust.Attested.from_file("trust/erp.yaml")},
    switches=[s4],
    verify_destinations=["assertion", "billing", "erp", "s4"],  # the first one shows which certificate signs
    verify_now="2028-10",  # a new text verifies them in the next deployment
    list_affected=True,
    opts=keep,
)
signing = trust.ActiveTrustCertificate("signing", rotation=rotation)

# A target without an API: its administrator gets a page and files, and attests in trust/erp.yaml what it shows.
erp = trust.Target("erp", kind="abap-on-premise", system="ERP", client="100", owner="ERP basis team")
hand_over = trust.hand_over(erp, certificate=upcoming, replaces=signing)
hand_over.apply(lambda content: pulumi.runtime.is_dry_run() or trust.write_hand_over(content, "hand-over"))

pulumi.export("signs", rotation.generation)
pulumi.export("verified", rotation.verified)
