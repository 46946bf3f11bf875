"""A resource that is deleted before it is replaced: Pulumi calls diff with values that are still unknown."""

from __future__ import annotations

import json

import pytest

from btp_trust import property_bag
from btp_trust_emulator import Emulator
from support.pulumi_project import CommandOutput, PulumiProject, program

TARGET = '''
class Store(pulumi.dynamic.ResourceProvider):
    """A target that is replaced for each new number; its output repeats its input."""

    def diff(self, _id, olds, news):
        changes = olds["number"] != news["number"]
        return pulumi.dynamic.DiffResult(changes, ["number"] if changes else [], delete_before_replace=True)

    def create(self, props):
        return pulumi.dynamic.CreateResult("store", {"number": props["number"], "said": props["says"]})


class Target(pulumi.dynamic.Resource):
    said: pulumi.Output[dict]

    def __init__(self, name, number, says):
        super().__init__(Store(), name, {"number": number, "says": says, "said": None})
'''


@pytest.fixture
def target(emulator: Emulator, project: PulumiProject) -> str:
    """Create another subaccount, with a connection to its XSUAA."""
    guid = emulator.create_subaccount().guid
    key = emulator.api_access_key(guid)
    project.known_secrets.add(key["clientsecret"])
    project.variables["BTP_TRUST_SERVICE_KEY_BILLING"] = json.dumps(key)
    return guid


def assert_no_sentinel(output: CommandOutput) -> None:
    """Assert that the output has no placeholder of an unknown value, and no complaint about the state."""
    assert [sentinel for sentinel in property_bag._SENTINELS if sentinel in output.text] == []
    assert "state" not in output.diagnostics


def outputs_of_ours(project: PulumiProject) -> dict[str, object]:
    """Return the outputs of this package's resources as {name: outputs}."""
    resources = project.state().items()
    return {name: each["outputs"] for name, each in resources if "dynamic/btp-trust" in each["urn"]}


def program_with_target(number: int, says: dict[str, object], **arguments: dict[str, str]) -> str:
    """Write a program with these arguments from outputs of a target: {resource: {argument: key}}."""
    options = {
        name: "".join(f', {argument}=s4.said["{key}"]' for argument, key in own.items())
        for name, own in arguments.items()
    }
    return program(
        TARGET,
        f's4 = Target("s4", {number}, {says!r})',
        f'upcoming = trust.PassiveTrustCertificate("next"{options["passive"]})',
        'billing = trust.TrustedIdentityProvider("billing", connection="billing", '
        f"passive=upcoming{options['trusted']})",
        f'rotation = trust.RotationTrigger("rotation", candidate=upcoming{options["trigger"]}, '
        'trusted_by={"s4": s4.said["trusts"], "c4c": trust.Attested(s4.said["trusts"], "Ada", "2026-11-30")})',
        f'signing = trust.ActiveTrustCertificate("signing", rotation=rotation{options["active"]})',
    )


def test_arguments_may_come_from_replaced_target(project: PulumiProject, target: str) -> None:
    """All arguments may be unknown in diff at once; check then finds the same values, and nothing is due."""
    active = str(project.slots()[0])
    says = {
        "prepared": "2028-11",
        "signs": "2026-11",
        "names": {"1999-11": "ab" * 32},
        "trusts": active,
        "guid": project.guid,
        "other": target,
        "report": "report",
        "word": "shop",
        "layout": "x509-data",
        "yes": True,
        "none": [],
        "old": "ab" * 32,
    }
    arguments = {
        "passive": {"generation": "prepared", "replace": "old", "subaccount_id": "guid"},
        "trusted": {
            "origin_key": "word",
            "name": "word",
            "entity_id": "word",
            "metadata_layout": "layout",
            "adopt": "word",
            "subaccount_id": "other",
            "source_subaccount_id": "guid",
        },
        "trigger": {
            "generation": "signs",
            "known_generations": "names",
            "on_drift": "report",
            "verify_destinations": "none",
            "on_verification_failure": "report",
            "verify_now": "word",
            "list_affected": "yes",
            "subaccount_id": "guid",
        },
        "active": {"generate": "yes", "renew_fingerprint": "old", "accept_outage": "yes", "subaccount_id": "guid"},
    }
    project.deploy(program_with_target(1, says, **arguments))
    before = outputs_of_ours(project)
    project.emulator.clear_journal()

    project.write(program_with_target(2, says, **arguments))
    preview = project.preview(status=1)
    assert_no_sentinel(preview)
    assert "`generation` is not known in this preview." in preview.message[0]
    update = project.up()
    assert_no_sentinel(update)
    assert "+-1 replaced" in update
    assert project.writes() == []
    assert outputs_of_ours(project) == before
    assert project.has_no_changes()


def test_unreviewed_values_may_be_unknown(project: PulumiProject) -> None:
    """Targets, `verify_now` and a recorded subaccount may be unknown in a preview, which shows the rest."""
    active = str(project.slots()[0])
    says = {"trusts": active, "guid": project.guid, "word": "1"}

    def text(number: int, signs: str = "2026-11") -> str:
        return program(
            TARGET,
            f's4 = Target("s4", {number}, {says!r})',
            'same = {"subaccount_id": s4.said["guid"]}',
            'upcoming = trust.PassiveTrustCertificate("next", "2028-11", **same)',
            f'rotation = trust.RotationTrigger("rotation", "{signs}", candidate=upcoming, **same, '
            'verify_now=s4.said["word"], trusted_by={"s4": s4.said["trusts"], "sf": "ab" * 32})',
            'signing = trust.ActiveTrustCertificate("signing", rotation=rotation, **same)',
        )

    project.deploy(text(1))
    project.emulator.clear_journal()
    project.write(text(2, "2028-11"))
    refused = project.preview(status=1)
    assert_no_sentinel(refused)
    assert "resource 'rotation' has a problem: " in refused.message[0]
    project.write(text(2))
    shown = project.preview("--diff")
    assert_no_sentinel(shown)
    assert "~ verify_now" in shown
    assert "Unknown" not in shown.diagnostics
    update = project.pulumi("up", "--yes")
    assert_no_sentinel(update)
    assert "+-1 replaced" in update
    assert project.writes() == []
    assert project.has_no_changes()


def test_replaced_registration_feeds_trigger(project: PulumiProject, target: str) -> None:
    """A registration that is replaced by force stays as it is, and the trigger accepts its output once known."""
    text = program(
        'upcoming = trust.PassiveTrustCertificate("next", generation="2028-11")',
        'billing = trust.TrustedIdentityProvider("billing", connection="billing", origin_key="shop", passive=upcoming, '
        "opts=pulumi.ResourceOptions(delete_before_replace=True))",
        'rotation = trust.RotationTrigger("rotation", generation="2026-11", candidate=upcoming, '
        'trusted_by={"billing": billing.trusted})',
        'signing = trust.ActiveTrustCertificate("signing", rotation=rotation)',
    )
    project.deploy(text)
    before = project.emulator.target(target).certificates
    urn = project.state()["billing"]["urn"]
    project.emulator.clear_journal()

    for output in (
        project.preview("--diff", "--replace", urn),
        project.up("--replace", urn),
        project.pulumi("up", "--yes", "--replace", urn),
    ):
        assert_no_sentinel(output)
        assert "+-1" in output
    assert project.emulator.target(target).certificates == before
    assert project.writes() == []
    assert project.has_no_changes()

    project.write(text.replace('origin_key="shop"', 'origin_key="store"'))
    refused = project.up(status=1)
    assert_no_sentinel(refused)
    assert "Origin key 'shop' cannot become 'store'." in refused
