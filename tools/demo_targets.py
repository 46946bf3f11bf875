"""Show a rotation with three targets, with the real Pulumi command line and the emulator: `make demo-targets`.

The second act of the demo. The program registers the certificates in one target, switches the second one over with the
signer, and waits for the administrator of the third. After each step Jane calls all of them.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

from demo_environment import DEPLOY, EXAMPLES, DemoEnvironment, expect, run_demo, say
from demo_users import JANE, call_all, calling_all_the_time, create_destinations, destination

if TYPE_CHECKING:
    from collections.abc import Sequence

TARGETS: Final = ("billing", "s4", "erp")
ASSERTION: Final = {
    "Name": "assertion",
    "Type": "HTTP",
    "URL": "https://erp.example.com",
    "Authentication": "SAMLAssertion",
    "audience": "https://erp.example.com",
    "authnContextClassRef": "urn:oasis:names:tc:SAML:2.0:ac:classes:PreviousSession",
}
"""A destination that returns the assertion itself, which shows the signer."""
ATTESTATION: Final = "trust/erp.yaml"
TENANT: Final = "s4/my300123"
SYSTEM: Final = "BTP_SHOP"
SWITCH: Final = f"s4/{SYSTEM} (oauth2)"
SYSTEMS_PATH: Final = (
    f"/{TENANT}/sap/opu/odata4/sap/aps_com_cs_a4c_odata/srvd_a2x/sap/aps_com_cs_a4c_odata/0001/CommunicationSystems"
)
RETIRED: Final = (
    ('upcoming = trust.PassiveTrustCertificate("next", generation="2028-11")\n\n', ""),
    (", passive=upcoming", ""),
    ("    candidate=upcoming,\n", ""),
    ("hand_over = trust.hand_over(erp, certificate=upcoming, replaces=signing)\n", ""),
    (
        'hand_over.apply(lambda content: pulumi.runtime.is_dry_run() or trust.write_hand_over(content, "hand-over"))\n',
        "",
    ),
)


def prepare(demo: DemoEnvironment) -> None:
    """Generate the successor; the target that holds two gets it at once."""
    _set_up(demo)
    demo.set_date("2028-10-25")
    demo.step(
        "Prepare",
        "The active certificate expires in a month. Three targets trust it: billing, another subaccount, which holds",
        "two certificates; s4, which holds one and has an API; and erp, which only its administrator can change.",
    )
    keys = {
        "billing": demo.call_control_plane("GET", f"subaccounts/{_billing(demo)}/api-access-key"),
        "s4": demo.call_control_plane("GET", f"{TENANT}/communication-user"),
    }
    demo.pulumi("stack init dev")
    demo.pulumi("config set --secret btp-trust:serviceKey", stdin=demo.service_key)
    demo.pulumi("config set --secret btp-trust:connections", stdin=demo.secret("connections.json", json.dumps(keys)))
    demo.pulumi("config set --secret btp-trust:user", stdin=demo.secret("jane.json", json.dumps(JANE)))
    demo.pulumi("preview", "generate '2028-11' in the empty passive slot", "to create")
    demo.pulumi(DEPLOY, "6 created", ": billing: verified: ", "adopt what is there, and send nothing")
    demo.pulumi("preview --expect-no-changes", "6 unchanged")
    demo.expect_slots("2026-11", "2028-11")
    call_all(demo, *TARGETS)


def refuse_early_rotation(demo: DemoEnvironment) -> None:
    """Refuse a swap while a target lacks the certificate."""
    demo.step("Refuse to rotate too early", "A pull request declares the new signer before erp trusts it:")
    demo.pull_request("Rotate to 2028-11", ('    generation="2026-11"', '    generation="2028-11"'))
    demo.pulumi("preview", "is not known to be trusted by erp", "would reject every user", status=1)
    demo.expect_slots("2026-11", "2028-11")


def hand_over(demo: DemoEnvironment) -> None:
    """Hand the certificate over to the administrator of erp, who attests that erp trusts it."""
    demo.step(
        "Hand over",
        "The deployment has written a page and a file for the administrator of erp. The page has these steps:",
    )
    _show_steps(demo)
    _upload(demo, demo.certificates()["passive"])
    say("", "Ada, the administrator of erp, has done this and attests it. The pull request above can now be deployed.")
    _attest(demo, "2028-11")
    demo.expect_slots("2026-11", "2028-11")


def refuse_unreachable_system(demo: DemoEnvironment) -> None:
    """Refuse a swap while the system that switches over cannot be reached."""
    demo.set_date("2028-11-01")
    demo.step("Wait for a system that cannot be reached", "s4 is down for maintenance:")
    demo.call_control_plane("POST", "faults", {"kind": "html", "path": SYSTEMS_PATH, "status": 503, "count": 99})
    demo.pulumi("preview", f"The swap waits until {SWITCH} can be read", status=1)
    demo.call_control_plane("DELETE", "faults")
    demo.expect_slots("2026-11", "2028-11")


def rotate(demo: DemoEnvironment) -> None:
    """Swap, switch s4 over, and verify."""
    demo.step(
        "Rotate",
        "s4 is back. The deployment swaps, lets s4 trust the new signer, and verifies each target as the user Jane:",
    )
    demo.pulumi(
        "preview --diff",
        "right after the swap each system gets the certificate that signs then",
        SWITCH,
        "erp: yes, attested by Ada",
        "billing: yes, observed",
        "assertion, billing, erp, s4 will be verified as the user; a target's rejection rolls back",
    )
    with calling_all_the_time(demo, "s4"):
        demo.pulumi(DEPLOY, f"{SWITCH} trusts ", ": billing: verified: ", ": s4: verified: ", ": erp: verified: ")
    demo.pulumi("preview --expect-no-changes", "6 unchanged")
    demo.expect_slots("2028-11", "2026-11")
    _expect_system_follows(demo)
    call_all(demo, *TARGETS)


def retire(demo: DemoEnvironment) -> None:
    """Remove the old certificate, in the subaccount and in both targets that hold two."""
    demo.set_date("2028-12-01")
    demo.step("Retire", "The old certificate has expired. The deployment removes it from billing, then deletes it.")
    old = str(demo.slots()["passive"])
    demo.pull_request(
        "Allow the retirement", ('"next", generation="2028-11", opts=keep)', '"next", generation="2028-11")')
    )
    demo.pulumi(DEPLOY, "6 unchanged")
    demo.pull_request("Retire 2026-11", *RETIRED)
    demo.pulumi(DEPLOY, "deleted passive", "1 deleted")
    say("", "The page of the hand-over has a second task: Ada removes the old certificate from erp.")
    demo.call_control_plane("DELETE", f"targets/erp/certificates/{old}")
    expect(_trusted(demo, _billing(demo)) == _trusted(demo, "erp"), "both targets trust the new certificate alone")
    demo.pulumi("preview --expect-no-changes", "5 unchanged")
    demo.expect_slots("2028-11", None)
    call_all(demo, *TARGETS)


def next_cycle(demo: DemoEnvironment) -> None:
    """Prepare again, two years later, with a wrong attestation."""
    demo.set_date("2030-10-01")
    demo.step(
        "Prepare the next cycle",
        "Two years later Ada uploads the certificate to the wrong system, and attests that erp trusts it.",
    )
    demo.revert("Retire 2026-11")
    demo.revert("Allow the retirement")
    demo.pull_request("Prepare 2030-11", ('"next", generation="2028-11"', '"next", generation="2030-11"'))
    demo.pulumi(DEPLOY, "generate '2030-11' in the empty passive slot", "1 created")
    demo.call_control_plane("PUT", "targets/erp/misreported", {"fingerprints": [demo.slots()["passive"]]})
    _upload(demo, demo.certificates()["passive"])
    _attest(demo, "2030-11")
    demo.expect_slots("2028-11", "2030-11")


def roll_back_after_rejection(demo: DemoEnvironment) -> None:
    """Roll back automatically, s4 included, keep the evidence, and leave the targets alone afterwards."""
    demo.set_date("2030-10-08")
    demo.step(
        "Notice a wrong attestation", "By the attestation, erp trusts the new certificate. The deployment verifies it:"
    )
    demo.pull_request("Rotate to 2030-11", ('    generation="2028-11"', '    generation="2030-11"'))
    demo.pulumi("preview", "erp: yes, attested by Ada", "billing: yes, observed")
    demo.pulumi(
        DEPLOY,
        "Generation '2030-11' was rejected by the target of erp, and was rolled back.",
        'Revert the change of `generation` (generation="2028-11")',
        status=1,
    )
    demo.expect_slots("2028-11", "2030-11")
    _expect_system_follows(demo)
    call_all(demo, *TARGETS)
    demo.step("Keep the failure", "The failure is in the state. The pipeline deploys another change:")
    demo.pull_request("Add an output", ('"signs", rotation', '"signing", rotation'))
    before = len(demo.call_control_plane("GET", "journal")["entries"])
    demo.pulumi(DEPLOY, "was rejected by the target of erp, and was rolled back.", status=1)
    since = demo.call_control_plane("GET", "journal")["entries"][before:]
    writes = [entry for entry in since if "/destinations/" in entry["path"] or "rotateCertificate" in entry["path"]]
    expect(since and not writes, "the deployment neither swaps nor probes a destination")
    demo.expect_slots("2028-11", "2030-11")


def refuse_certificate(demo: DemoEnvironment) -> None:
    """Roll back the signer and the system together, because the system refuses the certificate."""
    demo.step("Revert", "The program matches the service again, and other changes can be deployed.")
    demo.revert("Rotate to 2030-11")
    demo.pulumi(DEPLOY, "updated")
    demo.pulumi("preview --expect-no-changes", "6 unchanged")
    demo.expect_slots("2028-11", "2030-11")
    demo.set_date("2030-10-15")
    demo.step(
        "Roll back with a system that refuses",
        "Ada has uploaded the certificate to the right system. The certificate that erp had rejected needs a newer",
        "attestation. Now s4 takes certificates with SHA-256 alone, which shows only after the swap:",
    )
    demo.call_control_plane("PUT", "targets/erp/misreported", {"fingerprints": []})
    demo.revert('Revert "Rotate to 2030-11"')
    demo.pulumi("preview", "erp: rejected at 2030-10-08T", status=1)
    _attest(demo, "2030-11")
    demo.pulumi("preview", "was rejected by erp at 2030-10-08T", "erp: yes, attested since by Ada on 2030-10-15")
    demo.call_control_plane("PUT", f"{TENANT}/switches", {"certificate_profile": "sha-256"})
    with calling_all_the_time(demo, "s4"):
        demo.pulumi(DEPLOY, f"Generation '2030-11' was rolled back: {SWITCH} failed to switch over.", status=1)
    demo.expect_slots("2028-11", "2030-11")
    _expect_system_follows(demo)
    call_all(demo, *TARGETS)


def rotate_and_revert(demo: DemoEnvironment) -> None:
    """Rotate once s4 takes the certificate, then revert that."""
    demo.step("Rotate in the next cycle", "s4 takes the certificate now. A revert, and then the same change again:")
    demo.call_control_plane("PUT", f"{TENANT}/switches", {"certificate_profile": "any"})
    again = 'Revert "Revert "Rotate to 2030-11""'
    demo.revert(again)
    demo.pulumi(DEPLOY, "updated")
    demo.revert(f'Revert "{again}"')
    demo.pulumi(DEPLOY, f"{SWITCH} trusts ", ": billing: verified: ", ": s4: verified: ", ": erp: verified: ")
    demo.expect_slots("2030-11", "2028-11")
    _expect_system_follows(demo)
    demo.step("Roll back", "An application cannot cope. The same operation, reversed: the signer, and s4 with it.")
    demo.revert(f'Revert "Revert "{again}""')
    with calling_all_the_time(demo, "s4"):
        demo.pulumi(DEPLOY, f"{SWITCH} trusts ")
    demo.pulumi("preview --expect-no-changes", "6 unchanged")
    demo.expect_slots("2028-11", "2030-11")
    _expect_system_follows(demo)
    call_all(demo, *TARGETS)


STEPS = (
    prepare,
    refuse_early_rotation,
    hand_over,
    refuse_unreachable_system,
    rotate,
    retire,
    next_cycle,
    roll_back_after_rejection,
    refuse_certificate,
    rotate_and_revert,
)


def _set_up(demo: DemoEnvironment) -> None:
    """Create the starting point: a certificate, Jane, three targets with destinations, one that shows the signer."""
    demo.set_date("2026-11-25")
    demo.act_in_cockpit("generate_active")
    jane = {"user_name": JANE["name"], "password": JANE["password"]}
    demo.call_control_plane("POST", f"subaccounts/{demo.subaccount}/users", jane)
    billing = demo.call_control_plane("POST", "subaccounts", {"subdomain": "acme-billing"})["guid"]
    demo.call_control_plane("POST", "targets", {"name": "erp"})
    _upload(demo, demo.certificates()["active"])
    demo.call_control_plane("POST", "s4", {"name": TENANT.partition("/")[2]})
    demo.call_control_plane("POST", f"{TENANT}/systems", {"id": SYSTEM})
    certificate = {"certificate": demo.certificates()["active"]}
    demo.call_control_plane("PUT", f"{TENANT}/systems/{SYSTEM}/oauth2", certificate)
    create_destinations(
        demo,
        destination("billing", demo.call_control_plane("GET", f"targets/{billing}")),
        destination("erp", demo.call_control_plane("GET", "targets/erp")),
        destination("s4", _system(demo)["target"]),
        ASSERTION,
    )


def _billing(demo: DemoEnvironment) -> str:
    """Return the GUID of the other subaccount."""
    guids = [str(account["guid"]) for account in demo.call_control_plane("GET", "subaccounts")["subaccounts"]]
    return next(guid for guid in guids if guid != demo.subaccount)


def _system(demo: DemoEnvironment) -> dict[str, Any]:
    return demo.call_control_plane("GET", f"{TENANT}/systems/{SYSTEM}")


def _expect_system_follows(demo: DemoEnvironment) -> None:
    """Check that s4 trusts the signer."""
    trusted = _system(demo)["blocks"]["oauth2"]["trusted"]
    expect(trusted == demo.slots()["active"], f"s4 trusts the certificate that signs; found: {trusted}")


def _upload(demo: DemoEnvironment, certificate: str | None) -> None:
    demo.call_control_plane("POST", "targets/erp/certificates", {"certificate": certificate})


def _trusted(demo: DemoEnvironment, target: str) -> list[str]:
    return sorted(demo.call_control_plane("GET", f"targets/{target}")["certificates"])


def _show_steps(demo: DemoEnvironment) -> None:
    """Print the steps of the page for the administrator."""
    (page,) = (demo.program / "hand-over").glob("erp.*/README.md")
    _, _, steps = page.read_text().partition("## Steps\n")
    say(*(f"  {line}" for line in steps.partition("\nWhere to check")[0].splitlines() if line))


def _attest(demo: DemoEnvironment, generation: str) -> None:
    """Complete the attestation that the hand-over has prepared, and commit it."""
    prefix = str(demo.slots()["passive"])[:8]
    text = (demo.program / "hand-over" / f"erp.{prefix}" / ATTESTATION).read_text()
    filled = text.replace("by:", "by: Ada", 1).replace('"on":', f'"on": {demo.today()}', 1)
    demo.commit(f"erp has the certificate of {generation}", ATTESTATION, filled)


def main(words: Sequence[str]) -> int:
    """Run the steps; return 0 if all succeed."""
    return run_demo(
        words,
        EXAMPLES / "targets",
        STEPS,
        "A rotation with three targets: real commands, emulated systems, a copy of examples/targets.",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
