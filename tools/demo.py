"""Show a trust certificate's whole life, with the real Pulumi command line and the emulator: `make demo`.

Each step shows a pull request, the commands that a pipeline runs, what they print, and checks that they do what the
step says. Nothing outside a temporary folder is read or written, and nothing is left behind.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from demo_environment import DEPLOY, EXAMPLES, DemoEnvironment, run_demo

if TYPE_CHECKING:
    from collections.abc import Sequence

RESOURCES = """\
upcoming = trust.PassiveTrustCertificate("next", generation="2028-11")
rotation = trust.RotationTrigger("rotation", generation="2026-11", candidate=upcoming)
signing = trust.ActiveTrustCertificate("signing", rotation=rotation)
"""
EXPORT = 'pulumi.export("next_certificate", upcoming.certificate)\n'


def first_certificate(demo: DemoEnvironment) -> None:
    """Generate, in a subaccount that has none."""
    demo.set_date("2026-11-25")
    demo.step(
        "Generate the first certificate",
        "A new subaccount has no certificate yet. A signing key is never made unasked:",
    )
    demo.pulumi("stack init dev")
    demo.pulumi("config set --secret btp-trust:serviceKey", stdin=demo.service_key)
    demo.pulumi("preview", "a new signing key is never made unasked", status=1)
    demo.pull_request("Generate the first certificate", ('"signing")', '"signing", generate=True)'))
    demo.pulumi("up --yes --skip-preview", "2 created", "fingerprint")
    demo.expect_slots("2026-11", None)


def adopt(demo: DemoEnvironment) -> None:
    """Adopt with another stack."""
    demo.step(
        "Adopt it",
        "Most subaccounts have a certificate. A stack that meets one adopts it: here a second stack, which then goes.",
    )
    demo.pulumi("stack init second")
    demo.pulumi("config set --secret btp-trust:serviceKey", stdin=demo.service_key)
    demo.pulumi(DEPLOY, "2 created")
    demo.pulumi("stack output fingerprint", str(demo.slots()["active"]))
    demo.pulumi("destroy --yes --skip-preview", "stays the active certificate", "2 deleted")
    demo.pulumi("stack select dev")
    demo.expect_slots("2026-11", None)


def prepare(demo: DemoEnvironment) -> None:
    """Mint the successor."""
    demo.set_date("2028-11-01")
    demo.step(
        "Prepare",
        "Two years later the certificate has four weeks left. From the first rotation on, the program has three lines.",
        "The new certificate signs nothing yet; `next_certificate` is what goes into the target systems.",
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
    """Swap, after a preview that names everything."""
    demo.step(
        "Rotate",
        "The targets trust both certificates now. One word says which one signs, and the preview what happens.",
    )
    demo.pull_request("Rotate to 2028-11", ('"rotation", generation="2026-11"', '"rotation", generation="2028-11"'))
    demo.pulumi("preview --diff", '+ step : "rotate: passive', "~ fingerprint:", "~ not_after :", "2 to update")
    demo.pulumi(DEPLOY, "2 updated")
    demo.pulumi("preview --expect-no-changes", "4 unchanged")
    demo.pulumi("preview --expect-no-changes --refresh", "4 unchanged")
    demo.expect_slots("2028-11", "2026-11")


def refuse_unprepared_rotation(demo: DemoEnvironment) -> None:
    """Refuse a pull request that bumps both names."""
    demo.step("Refuse a careless pull request", "Somebody prepares the next certificate and makes it sign in one go.")
    demo.pull_request(
        "Renew",
        ('"next", generation="2028-11"', '"next", generation="2030-11"'),
        ('"rotation", generation="2028-11"', '"rotation", generation="2030-11"'),
    )
    demo.pulumi("preview", "To prepare and to rotate are two deployments", status=1)
    demo.revert("Renew")
    demo.expect_slots("2028-11", "2026-11")


def drift(demo: DemoEnvironment) -> None:
    """Report what a colleague did, then undo it."""
    demo.set_date("2028-11-08")
    demo.step(
        "Notice drift", "A colleague swaps the certificates in the cockpit. That is reported, and not undone unasked:"
    )
    demo.act_in_cockpit("rotate")
    demo.pulumi("preview", "should sign, but", "somebody else swapped", 'To undo it: on_drift="restore"')
    demo.expect_slots("2026-11", "2028-11")
    demo.step("Restore", "The team decides that the program is right.")
    demo.pull_request("Restore", ("candidate=upcoming)", 'candidate=upcoming, on_drift="restore")'))
    demo.pulumi("preview", "put back: passive")
    demo.pulumi(DEPLOY, "updated")
    demo.revert("Restore")
    demo.pulumi(DEPLOY, "1 updated")
    demo.expect_slots("2028-11", "2026-11")


def roll_back(demo: DemoEnvironment) -> None:
    """Go back, and forth again."""
    demo.step("Roll back", "A target was forgotten: its users are refused. The way back is to revert the pull request.")
    demo.revert("Rotate to 2028-11")
    demo.pulumi("preview", "roll back: passive", "2 to update")
    demo.pulumi(DEPLOY, "2 updated")
    demo.expect_slots("2026-11", "2028-11")
    demo.step("Rotate again", "The target has the certificate now: revert the revert.")
    demo.revert('Revert "Rotate to 2028-11"')
    demo.pulumi(DEPLOY, "rotate: passive", "2 updated")
    demo.expect_slots("2028-11", "2026-11")


def retire(demo: DemoEnvironment) -> None:
    """Remove the old certificate."""
    demo.set_date("2028-12-01")
    demo.step(
        "Retire",
        "The old certificate has expired. It may stay until the next cycle; or it goes, and rolling back ends.",
    )
    demo.pull_request(
        "Retire 2026-11",
        ('upcoming = trust.PassiveTrustCertificate("next", generation="2028-11")\n', ""),
        (", candidate=upcoming", ""),
        (EXPORT, ""),
    )
    demo.pulumi("preview --diff", "there is no way back to it", "1 to delete")
    demo.pulumi(DEPLOY, "deleted passive", "1 deleted")
    demo.expect_slots("2028-11", None)


def next_cycle(demo: DemoEnvironment) -> None:
    """Do it again, two years later."""
    demo.set_date("2030-10-01")
    demo.step("Prepare the next cycle", "Nothing happens for almost two years. Then a month is left.")
    demo.pulumi("preview --expect-no-changes", "3 unchanged")
    demo.pull_request(
        "Prepare 2030-11",
        ("rotation = ", 'upcoming = trust.PassiveTrustCertificate("next", generation="2030-11")\nrotation = '),
        ('generation="2028-11")', 'generation="2028-11", candidate=upcoming)'),
    )
    demo.pulumi(DEPLOY, "generate '2030-11' in the empty passive slot", "1 created")
    demo.expect_slots("2028-11", "2030-11")
    demo.step("Rotate in the next cycle", "One word again.")
    demo.pull_request("Rotate to 2030-11", ('"rotation", generation="2028-11"', '"rotation", generation="2030-11"'))
    demo.pulumi("preview", "rotate: passive", "2 to update")
    demo.pulumi(DEPLOY, "2 updated")
    demo.pulumi("preview --expect-no-changes", "4 unchanged")
    demo.expect_slots("2030-11", "2028-11")


STEPS = (first_certificate, adopt, prepare, rotate, refuse_unprepared_rotation, drift, roll_back, retire, next_cycle)


def main(words: Sequence[str]) -> int:
    """Play the story; 0 if each step did what it says."""
    return run_demo(
        words,
        EXAMPLES / "quickstart",
        STEPS,
        "The life of a trust certificate: real commands, an emulated subaccount, a copy of examples/quickstart.",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
