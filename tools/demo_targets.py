"""Show a rotation with two targets, with the real Pulumi command line and the emulator: `make demo-targets`.

The second act of the demo. One target has an API, the other an administrator. After each step Jane calls both, as
applications do: through destinations, with assertions signed by the subaccount's active certificate.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Final

import httpx

from demo_environment import DEPLOY, EXAMPLES, DemoEnvironment, expect, run_demo, say

if TYPE_CHECKING:
    from collections.abc import Sequence

JANE: Final = {"name": "jane@example.com", "password": "of-jane"}
ASSERTION: Final = {
    "Name": "assertion",
    "Type": "HTTP",
    "URL": "https://s4.example.com",
    "Authentication": "SAMLAssertion",
    "audience": "https://s4.example.com",
    "authnContextClassRef": "urn:oasis:names:tc:SAML:2.0:ac:classes:PreviousSession",
}
"""A destination that returns the assertion itself, which shows the signer."""
ATTESTATION: Final = "trust/s4.yaml"
RETIRED: Final = (
    ('upcoming = trust.PassiveTrustCertificate("next", generation="2028-11")\n\n', ""),
    (", passive=upcoming", ""),
    ("    candidate=upcoming,\n", ""),
    ("hand_over = trust.hand_over(s4, certificate=upcoming, replaces=signing)\n", ""),
    (
        'hand_over.apply(lambda content: pulumi.runtime.is_dry_run() or trust.write_hand_over(content, "hand-over"))\n',
        "",
    ),
)


def prepare(demo: DemoEnvironment) -> None:
    """Generate the successor; the target with an API gets it at once."""
    _set_up(demo)
    demo.set_date("2028-10-25")
    demo.step(
        "Prepare",
        "The active certificate expires in a month. Two targets trust it: billing, another subaccount, whose trust",
        "the program manages; and s4, whose trust only its administrator can change.",
    )
    keys = {"billing": demo.call_control_plane("GET", f"subaccounts/{_billing(demo)}/api-access-key")}
    demo.pulumi("stack init dev")
    demo.pulumi("config set --secret btp-trust:serviceKey", stdin=demo.service_key)
    demo.pulumi("config set --secret btp-trust:connections", stdin=demo.secret("connections.json", json.dumps(keys)))
    demo.pulumi("config set --secret btp-trust:user", stdin=demo.secret("jane.json", json.dumps(JANE)))
    demo.pulumi("preview", "generate '2028-11' in the empty passive slot", "to create")
    demo.pulumi(DEPLOY, "5 created", ": billing: verified: ")
    demo.pulumi("preview --expect-no-changes", "5 unchanged")
    demo.expect_slots("2026-11", "2028-11")
    _call_as_jane(demo)


def refuse_early_rotation(demo: DemoEnvironment) -> None:
    """Refuse a swap while a target lacks the certificate."""
    demo.step("Refuse to rotate too early", "A pull request declares the new signer before s4 trusts it:")
    demo.pull_request("Rotate to 2028-11", ('    generation="2026-11"', '    generation="2028-11"'))
    demo.pulumi("preview", "is not known to be trusted by s4", "would reject every user", status=1)
    demo.expect_slots("2026-11", "2028-11")


def hand_over(demo: DemoEnvironment) -> None:
    """Hand the certificate over to the administrator of s4, who attests that s4 trusts it."""
    demo.step(
        "Hand over",
        "The deployment has written a page and a file for the administrator of s4. The page has these steps:",
    )
    _show_steps(demo)
    _upload(demo, demo.certificates()["passive"])
    say("", "Ada, the administrator of s4, has done this and attests it. The pull request above can now be deployed.")
    _attest(demo, "2028-11")
    demo.expect_slots("2026-11", "2028-11")


def rotate(demo: DemoEnvironment) -> None:
    """Swap, and verify."""
    demo.set_date("2028-11-01")
    demo.step(
        "Rotate",
        "Both targets trust both certificates. The deployment swaps, and verifies each target as the user Jane:",
    )
    demo.pulumi(
        "preview",
        "s4: yes, attested by Ada",
        "billing: yes, observed",
        "assertion, billing, s4 will be verified as the user; a target's rejection rolls back",
    )
    demo.pulumi(DEPLOY, ": billing: verified: ", ": s4: verified: ")
    demo.pulumi("preview --expect-no-changes", "5 unchanged")
    demo.expect_slots("2028-11", "2026-11")
    _call_as_jane(demo)


def retire(demo: DemoEnvironment) -> None:
    """Remove the old certificate, in the subaccount and in both targets."""
    demo.set_date("2028-12-01")
    demo.step("Retire", "The old certificate has expired. The deployment removes it from billing, then deletes it.")
    old = str(demo.slots()["passive"])
    demo.pull_request(
        "Allow the retirement", ('"next", generation="2028-11", opts=keep)', '"next", generation="2028-11")')
    )
    demo.pulumi(DEPLOY, "5 unchanged")
    demo.pull_request("Retire 2026-11", *RETIRED)
    demo.pulumi(DEPLOY, "deleted passive", "1 deleted")
    say("", "The page of the hand-over has a second task: Ada removes the old certificate from s4.")
    demo.call_control_plane("DELETE", f"targets/s4/certificates/{old}")
    expect(_trusted(demo, _billing(demo)) == _trusted(demo, "s4"), "both targets trust the new certificate alone")
    demo.pulumi("preview --expect-no-changes", "4 unchanged")
    demo.expect_slots("2028-11", None)
    _call_as_jane(demo)


def next_cycle(demo: DemoEnvironment) -> None:
    """Prepare again, two years later, with a wrong attestation."""
    demo.set_date("2030-10-01")
    demo.step(
        "Prepare the next cycle",
        "Two years later Ada uploads the certificate to the wrong system, and attests that s4 trusts it.",
    )
    demo.revert("Retire 2026-11")
    demo.revert("Allow the retirement")
    demo.pull_request("Prepare 2030-11", ('"next", generation="2028-11"', '"next", generation="2030-11"'))
    demo.pulumi(DEPLOY, "generate '2030-11' in the empty passive slot", "1 created")
    demo.call_control_plane("PUT", "targets/s4/misreported", {"fingerprints": [demo.slots()["passive"]]})
    _upload(demo, demo.certificates()["passive"])
    _attest(demo, "2030-11")
    demo.expect_slots("2028-11", "2030-11")


def roll_back_after_rejection(demo: DemoEnvironment) -> None:
    """Roll back automatically, keep the evidence, and leave the targets alone afterwards."""
    demo.set_date("2030-10-08")
    demo.step(
        "Notice a wrong attestation", "By the attestation, s4 trusts the new certificate. The deployment verifies it:"
    )
    demo.pull_request("Rotate to 2030-11", ('    generation="2028-11"', '    generation="2030-11"'))
    demo.pulumi("preview", "s4: yes, attested by Ada", "billing: yes, observed")
    demo.pulumi(
        DEPLOY,
        "Generation '2030-11' was rejected by the target of s4, and was rolled back.",
        'Revert the change of `generation` (generation="2028-11")',
        status=1,
    )
    demo.expect_slots("2028-11", "2030-11")
    _call_as_jane(demo)
    demo.step("Keep the failure", "The failure is in the state. The pipeline deploys another change:")
    demo.pull_request("Add an output", ('"signs", rotation', '"signing", rotation'))
    before = len(demo.call_control_plane("GET", "journal")["entries"])
    demo.pulumi(DEPLOY, "was rejected by the target of s4, and was rolled back.", status=1)
    since = demo.call_control_plane("GET", "journal")["entries"][before:]
    writes = [entry for entry in since if "/destinations/" in entry["path"] or "rotateCertificate" in entry["path"]]
    expect(since and not writes, "the deployment neither swaps nor probes a destination")
    demo.expect_slots("2028-11", "2030-11")


def repair(demo: DemoEnvironment) -> None:
    """Revert, repair the target, rotate again."""
    demo.step("Revert", "The program matches the service again, and other changes can be deployed.")
    demo.revert("Rotate to 2030-11")
    demo.pulumi(DEPLOY, "updated")
    demo.pulumi("preview --expect-no-changes", "5 unchanged")
    demo.expect_slots("2028-11", "2030-11")
    demo.set_date("2030-10-15")
    demo.step("Rotate in the next cycle", "Ada has uploaded the certificate to the right system.")
    demo.call_control_plane("PUT", "targets/s4/misreported", {"fingerprints": []})
    demo.revert('Revert "Rotate to 2030-11"')
    demo.pulumi("preview", "s4: rejected at 2030-10-08T", status=1)
    say("", "The attestation is older than the rejection. Ada looks again, and attests it anew.")
    _attest(demo, "2030-11")
    demo.pulumi("preview", "was rejected by s4 at 2030-10-08T", "s4: yes, attested since by Ada on 2030-10-15")
    demo.pulumi(DEPLOY, ": billing: verified: ", ": s4: verified: ")
    demo.pulumi("preview --expect-no-changes", "5 unchanged")
    demo.expect_slots("2030-11", "2028-11")
    _call_as_jane(demo)


STEPS = (prepare, refuse_early_rotation, hand_over, rotate, retire, next_cycle, roll_back_after_rejection, repair)


def _set_up(demo: DemoEnvironment) -> None:
    """Create the starting point: a certificate, Jane, two targets with destinations, one that returns the assertion."""
    demo.set_date("2026-11-25")
    demo.act_in_cockpit("generate_active")
    jane = {"user_name": JANE["name"], "password": JANE["password"]}
    demo.call_control_plane("POST", f"subaccounts/{demo.subaccount}/users", jane)
    billing = demo.call_control_plane("POST", "subaccounts", {"subdomain": "acme-billing"})["guid"]
    demo.call_control_plane("POST", "targets", {"name": "s4"})
    _upload(demo, demo.certificates()["active"])
    for name, target in {"s4": "s4", "billing": billing}.items():
        _create_destination(demo, _properties(name, demo.call_control_plane("GET", f"targets/{target}")))
    _create_destination(demo, ASSERTION)


def _create_destination(demo: DemoEnvironment, properties: dict[str, str]) -> None:
    demo.call_control_plane("POST", f"subaccounts/{demo.subaccount}/destinations", {"properties": properties})


def _billing(demo: DemoEnvironment) -> str:
    """Return the GUID of the other subaccount."""
    guids = [str(account["guid"]) for account in demo.call_control_plane("GET", "subaccounts")["subaccounts"]]
    return next(guid for guid in guids if guid != demo.subaccount)


def _properties(name: str, target: dict[str, str]) -> dict[str, str]:
    """Return the properties of a destination to a target."""
    return {
        "Name": name,
        "Type": "HTTP",
        "URL": target["url"],
        "ProxyType": "Internet",
        "Authentication": "OAuth2SAMLBearerAssertion",
        "audience": target["entity_id"],
        "clientKey": target["client_id"],
        "tokenServiceURL": target["token_service_url"],
        "tokenServiceUser": target["client_id"],
        "tokenServicePassword": target["client_secret"],
        "authnContextClassRef": "urn:oasis:names:tc:SAML:2.0:ac:classes:PreviousSession",
    }


def _upload(demo: DemoEnvironment, certificate: str | None) -> None:
    demo.call_control_plane("POST", "targets/s4/certificates", {"certificate": certificate})


def _trusted(demo: DemoEnvironment, target: str) -> list[str]:
    return sorted(demo.call_control_plane("GET", f"targets/{target}")["certificates"])


def _show_steps(demo: DemoEnvironment) -> None:
    """Print the steps of the page for the administrator."""
    (page,) = (demo.program / "hand-over").glob("s4.*/README.md")
    _, _, steps = page.read_text().partition("## Steps\n")
    say(*(f"  {line}" for line in steps.partition("\nWhere to check")[0].splitlines() if line))


def _attest(demo: DemoEnvironment, generation: str) -> None:
    """Complete the attestation that the hand-over has prepared, and commit it."""
    prefix = str(demo.slots()["passive"])[:8]
    text = (demo.program / "hand-over" / f"s4.{prefix}" / ATTESTATION).read_text()
    filled = text.replace("by:", "by: Ada", 1).replace('"on":', f'"on": {demo.today()}', 1)
    demo.commit(f"s4 has the certificate of {generation}", ATTESTATION, filled)


def _call_as_jane(demo: DemoEnvironment) -> None:
    """Call both targets through destinations, as an application does; both must accept the assertion."""
    key = demo.call_control_plane("GET", f"subaccounts/{demo.subaccount}/service-key")
    with httpx.Client(trust_env=False) as client:

        def token(**form: str) -> str:
            response = client.post(f"{key['url']}/oauth/token", data=form, auth=(key["clientid"], key["clientsecret"]))
            return str(response.json()["access_token"])

        headers = {
            "Authorization": f"Bearer {token(grant_type='client_credentials')}",
            "X-user-token": token(grant_type="password", username=JANE["name"], password=JANE["password"]),
        }
        for name in ("billing", "s4"):
            url = f"{key['uri']}/destination-configuration/v1/destinations/{name}"
            issued = client.get(url, headers=headers).json()["authTokens"][0]
            expect(not issued.get("error"), f"{name} accepts Jane: {issued}")
    say("", "Jane calls billing and s4: both accept her.")


def main(words: Sequence[str]) -> int:
    """Run the steps; return 0 if all succeed."""
    return run_demo(
        words,
        EXAMPLES / "targets",
        STEPS,
        "A rotation with two targets: real commands, emulated subaccounts, a copy of examples/targets.",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
