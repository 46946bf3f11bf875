"""Show the whole life of a trust certificate, with the real Pulumi command line and the emulator: `make demo`.

Each step shows a pull request, the commands of a pipeline and their output, and checks their results. All files are in
a temporary folder, which is removed in the end.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from demo_environment import DEPLOY, EXAMPLES, DemoEnvironment, run_demo

if TYPE_CHECKING:
    from collections.abc import Sequence

RESOURCES = """\
keep = pulumi.ResourceOptions(protect=True)
upcoming = trust.PassiveTrustCertificate("next", generation="2028-11", opts=keep)
rotation = trust.RotationTrigger("rotation", generation="2026-11", candidate=upcoming, opts=keep)
signing = trust.ActiveTrustCertificate("signing", rotation=rotation)
"""
EXPORT = 'pulumi.export("next_certificate", upcoming.certificate)\n'


def first_certificate(demo: DemoEnvironment) -> None:
    """Generate a certificate in an empty subaccount."""
    demo.set_date("2026-11-25")
    demo.step(
        "Generate the first certificate",
        "A new subaccount starts without a certificate. A signing key is only generated on request:",
    )
    demo.pulumi("stack init dev")
    demo.pulumi("config set --secret btp-trust:serviceKey", stdin=demo.service_key)
    demo.pulumi("preview", "a new signing key is generated only on request", status=1)
    demo.pull_request("Generate the first certificate", ('"signing")', '"signing", generate=True)'))
    demo.pulumi("up --yes --skip-preview", "2 created", "fingerprint")
    demo.expect_slots("first", None)


def adopt(demo: DemoEnvironment) -> None:
    """Adopt with another stack."""
    demo.step(
        "Adopt it",
        "Most subaccounts have a certificate already. A new stack adopts it: here a second one, destroyed at the end.",
    )
    demo.pulumi("stack init second")
    demo.pulumi("config set --secret btp-trust:serviceKey", stdin=demo.service_key)
    demo.pulumi(DEPLOY, "2 created")
    demo.pulumi("stack output fingerprint", str(demo.slots()["active"]))
    demo.pulumi("destroy --yes --skip-preview", "stays the active certificate", "2 deleted")
    demo.pulumi("stack select dev")
    demo.expect_slots("first", None)


def change_from_outside(demo: DemoEnvironment) -> None:
    """Report a renewal by a colleague, then accept it."""
    demo.set_date("2026-11-27")
    demo.step(
        "Notice a change from outside",
        "A colleague renews the certificate in the cockpit. Every command says so, until a deployment records it:",
    )
    demo.act_in_cockpit("generate_active")
    change = ("which this stack recorded as the signer", "renewed the certificate in place", "Ask who did that")
    demo.pulumi("preview", *change, "1 to update")
    demo.pulumi("refresh --preview-only", *change)
    demo.expect_slots("2026-11", None)
    demo.step("Accept it", "The team asks the colleague, gives the certificate to the targets, and records it.")
    demo.pulumi(DEPLOY, "1 updated")
    demo.pulumi("preview --refresh --expect-no-changes", "2 unchanged")
    demo.expect_slots("2026-11", None)


def expiry(demo: DemoEnvironment) -> None:
    """Warn of a certificate that expires soon."""
    demo.set_date("2028-11-01", "12:00")
    demo.step(
        "Be warned of the expiry",
        "Two years later the certificate expires in four weeks. Every command says so, and what to do next:",
    )
    demo.pulumi(
        "preview --expect-no-changes", "expires in 25 days", 'Prepare a successor: generation="2028-11"', "2 unchanged"
    )
    demo.expect_slots("2026-11", None)


def prepare(demo: DemoEnvironment) -> None:
    """Generate the successor."""
    demo.step(
        "Prepare",
        "From now on, the program declares three resources.",
        "The new certificate is passive; its text, the output `next_certificate`, goes into the target systems.",
    )
    demo.pull_request(
        "Prepare 2028-11",
        ('signing = trust.ActiveTrustCertificate("signing", generate=True)\n', RESOURCES),
        (
            'pulumi.export("certificate", signing.certificate)\n',
            f'pulumi.export("certificate", signing.certificate)\n{EXPORT}',
        ),
    )
    demo.pulumi("preview", "generate '2028-11' in the empty passive slot", "2 to create", "1 to update")
    demo.pulumi(DEPLOY, "2 created", "1 updated")
    demo.pulumi("preview --expect-no-changes", "4 unchanged")
    demo.expect_slots("2026-11", "2028-11")


def rotate(demo: DemoEnvironment) -> None:
    """Swap, after a preview of all changes."""
    demo.step(
        "Rotate",
        "The targets trust both certificates now. One word declares the signer, and the preview shows the swap.",
    )
    demo.pull_request("Rotate to 2028-11", ('"rotation", generation="2026-11"', '"rotation", generation="2028-11"'))
    demo.pulumi(
        "preview --diff",
        '+ step : "rotate: passive',
        "+ only_if_active",
        "~ fingerprint:",
        "~ not_after :",
        "2 to update",
    )
    demo.pulumi(DEPLOY, "2 updated")
    demo.pulumi("preview --expect-no-changes", "4 unchanged")
    demo.pulumi("preview --expect-no-changes --refresh", "4 unchanged")
    demo.expect_slots("2028-11", "2026-11")


def refuse_unprepared_rotation(demo: DemoEnvironment) -> None:
    """Refuse a pull request that changes both names."""
    demo.step(
        "Refuse a careless pull request",
        "A pull request prepares the next certificate and declares it the signer at once.",
    )
    demo.pull_request(
        "Renew",
        ('"next", generation="2028-11"', '"next", generation="2030-11"'),
        ('"rotation", generation="2028-11"', '"rotation", generation="2030-11"'),
    )
    demo.pulumi("preview", "To prepare and to rotate are two deployments", status=1)
    demo.revert("Renew")
    demo.expect_slots("2028-11", "2026-11")


def drift(demo: DemoEnvironment) -> None:
    """Report a swap by a colleague, then undo it."""
    demo.set_date("2028-11-08")
    demo.step(
        "Notice drift",
        "A colleague swaps the certificates in the cockpit. The drift is reported, and only undone on request:",
    )
    demo.act_in_cockpit("rotate")
    demo.pulumi("preview", "should sign, but", "somebody else swapped", 'To undo it: on_drift="restore"')
    demo.expect_slots("2026-11", "2028-11")
    demo.step("Restore", "The team decides to restore the signer that the program declares.")
    demo.pull_request("Restore", ("candidate=upcoming,", 'candidate=upcoming, on_drift="restore",'))
    demo.pulumi("preview", "restore: passive")
    demo.pulumi(DEPLOY, "updated")
    demo.revert("Restore")
    demo.pulumi(DEPLOY, "1 updated")
    demo.expect_slots("2028-11", "2026-11")


def roll_back(demo: DemoEnvironment) -> None:
    """Roll back, and rotate again."""
    demo.step("Roll back", "A target was forgotten and rejects its users. To roll back, revert the pull request.")
    demo.revert("Rotate to 2028-11")
    demo.pulumi("preview", "roll back: passive", "2 to update")
    demo.pulumi(DEPLOY, "2 updated")
    demo.expect_slots("2026-11", "2028-11")
    demo.step("Rotate again", "The target trusts the certificate now: revert the revert.")
    demo.revert('Revert "Rotate to 2028-11"')
    demo.pulumi(DEPLOY, "rotate: passive", "2 updated")
    demo.expect_slots("2028-11", "2026-11")


def protect(demo: DemoEnvironment) -> None:
    """Refuse a destruction by mistake."""
    demo.step(
        "Destroy by mistake",
        "Somebody destroys the wrong stack. Pulumi refuses to delete what is protected, so nothing is lost.",
    )
    demo.pulumi("destroy --yes", "cannot be deleted because it is protected", status=1)
    demo.pulumi("preview --expect-no-changes", "4 unchanged")
    demo.expect_slots("2028-11", "2026-11")


def retire(demo: DemoEnvironment) -> None:
    """Remove the old certificate."""
    demo.set_date("2028-12-01")
    demo.step(
        "Retire",
        "The old certificate has expired. It may stay until the next cycle. Once deleted, it is gone for rollbacks.",
    )
    demo.pull_request(
        "Allow the retirement", ('"next", generation="2028-11", opts=keep)', '"next", generation="2028-11")')
    )
    demo.pulumi(DEPLOY, "4 unchanged")
    demo.pull_request(
        "Retire 2026-11",
        ('upcoming = trust.PassiveTrustCertificate("next", generation="2028-11")\n', ""),
        (", candidate=upcoming", ""),
        (EXPORT, ""),
    )
    demo.pulumi("preview --diff", "a rollback to it becomes impossible", "1 to delete")
    demo.pulumi(DEPLOY, "deleted passive", "1 deleted")
    demo.expect_slots("2028-11", None)


def next_cycle(demo: DemoEnvironment) -> None:
    """Prepare and rotate again, two years later."""
    demo.set_date("2030-10-01")
    demo.step(
        "Prepare the next cycle",
        "For almost two years the program stays as it is. Then the certificate expires in a month.",
    )
    demo.pulumi("preview --expect-no-changes", "3 unchanged")
    demo.pull_request(
        "Prepare 2030-11",
        (
            "rotation = ",
            'upcoming = trust.PassiveTrustCertificate("next", generation="2030-11", opts=keep)\nrotation = ',
        ),
        ('"rotation", generation="2028-11"', '"rotation", generation="2028-11", candidate=upcoming'),
    )
    demo.pulumi(DEPLOY, "generate '2030-11' in the empty passive slot", "1 created")
    demo.expect_slots("2028-11", "2030-11")
    demo.step("Rotate in the next cycle", "One word again.")
    demo.pull_request("Rotate to 2030-11", ('"rotation", generation="2028-11"', '"rotation", generation="2030-11"'))
    demo.pulumi("preview", "rotate: passive", "2 to update")
    demo.pulumi(DEPLOY, "2 updated")
    demo.pulumi("preview --expect-no-changes", "4 unchanged")
    demo.expect_slots("2030-11", "2028-11")


def watch(demo: DemoEnvironment) -> None:
    """Show the status now and before the next expiry."""
    demo.step(
        "See the next one coming",
        "The command line reads all subaccounts of a stack. Nothing is due now, and a step will be in two years:",
    )
    demo.btp_trust("status", "OK: 1 subaccount, 1 OK", "prepare from 2032-08-02")
    demo.btp_trust("status --as-of 2032-09-01", "WARNING", 'Prepare a successor: generation="2032-10"', status=1)
    demo.expect_slots("2030-11", "2028-11")


STEPS = (
    first_certificate,
    adopt,
    change_from_outside,
    expiry,
    prepare,
    rotate,
    refuse_unprepared_rotation,
    drift,
    roll_back,
    protect,
    retire,
    next_cycle,
    watch,
)


def main(words: Sequence[str]) -> int:
    """Run the steps; return 0 if all succeed."""
    return run_demo(
        words,
        EXAMPLES / "quickstart",
        STEPS,
        "The life of a trust certificate: real commands, an emulated subaccount, a copy of examples/quickstart.",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
