"""A subaccount that trusts another one, on the real command line: registered, gated, rotated, retired."""

from __future__ import annotations

import json

import httpx
import pytest

from btp_trust_emulator import Emulator
from support.pulumi_project import TRIGGER, PulumiProject, program

REGISTRATION = "TrustedIdentityProvider"


@pytest.fixture
def target(emulator: Emulator, project: PulumiProject) -> str:
    """Another subaccount, with a connection to its XSUAA and a destination that leads to it."""
    guid = emulator.create_subaccount(generate=True).guid
    key = emulator.api_access_key(guid)
    project.known_secrets.add(key["clientsecret"])
    project.variables["BTP_TRUST_SERVICE_KEY_BILLING"] = json.dumps(key)
    emulator.create_user(project.guid, "joe", "secret")
    emulator.create_destination(project.guid, emulator.target(guid).properties("to-billing"))
    return guid


def year(prepared: str | None, signs: str) -> str:
    """Write the program: the prepared and the declared generation."""
    passive, candidate = (", passive=upcoming", ", candidate=upcoming") if prepared else ("", "")
    return program(
        *([f'upcoming = trust.PassiveTrustCertificate("next", generation="{prepared}")'] if prepared else []),
        f'billing = trust.TrustedIdentityProvider("billing", connection="billing", origin_key="shop"{passive})',
        f'rotation = trust.RotationTrigger("rotation", generation="{signs}"{candidate}, '
        'trusted_by={"billing": billing.trusted})',
        'signing = trust.ActiveTrustCertificate("signing", rotation=rotation)',
    )


def accepted(project: PulumiProject) -> bool:
    """Whether the target accepts the signer: the destination's token is fetched by an assertion."""
    emulator = project.emulator
    key = emulator.service_key(project.guid)
    form = {"grant_type": "client_credentials"}
    token = httpx.post(f"{key['url']}/oauth/token", data=form, auth=(key["clientid"], key["clientsecret"])).json()
    headers = {
        "Authorization": f"Bearer {token['access_token']}",
        "X-user-token": emulator.user_token(project.guid, "joe"),
    }
    url = f"{key['uri']}/destination-configuration/v1/destinations/to-billing"
    return "error" not in httpx.get(url, headers=headers).json()["authTokens"][0]


def test_rotation_with_trusting_subaccount(project: PulumiProject, target: str) -> None:
    """Through a rotation the target trusts both certificates, accepts each assertion, and is quiet in between."""
    emulator = project.emulator
    assert not accepted(project)
    project.deploy(year(None, "2026-11"))
    assert project.has_no_changes()
    assert accepted(project)

    project.write(year("2028-11", "2028-11"))
    assert "error: " in project.preview(status=1)
    project.deploy(year("2028-11", "2026-11"))
    assert set(emulator.target(target).certificates) == set(project.slots())
    assert project.has_no_changes()
    assert accepted(project)
    old, new = project.slots()

    project.write(year("2028-11", "2028-11"))
    assert "billing: yes, observed" in project.preview()
    emulator.clear_journal()
    project.up()
    assert project.slots() == (new, old)
    assert project.writes() == ["POST rotateCertificate"]
    assert project.has_no_changes()
    assert accepted(project)

    project.write(year(None, "2028-11"))
    retirement = project.preview("--diff", "--save-plan", "plan.json")
    assert any(line.startswith(f'- {old}: "expires ') for line in retirement.diff_lines(REGISTRATION))
    assert [line for line in retirement.diff_lines(REGISTRATION) if line.startswith("- step")] == []
    # Nowhere: the trigger's statement about the target is unknown until the registration is written.
    assert f'~ {new}: "trusted" => [unknown]' in retirement
    assert [line for line in retirement.lost_lines if str(new) in line] == []
    retired = project.up("--diff", "--plan", "plan.json")
    lost = [line for line in retired.diff_lines(TRIGGER) if line.startswith("- ")]
    assert lost == ['- candidate : "2028-11"', f'- {old}: "trusted"']
    assert list(emulator.target(target).certificates) == [new]
    assert project.slots() == (new, None)
    assert project.has_no_changes()
    assert accepted(project)
    project.pulumi("destroy", "--yes")
    assert emulator.target(target).certificates == {}


def test_rename_keeps_registration(project: PulumiProject, target: str) -> None:
    """A rename, a replacement and a move into a component keep the registration."""
    emulator = project.emulator
    text = year("2028-11", "2026-11")
    project.deploy(text)
    before = emulator.target(target).certificates
    assert accepted(project)
    emulator.clear_journal()

    renamed = text.replace('TrustedIdentityProvider("billing"', 'TrustedIdentityProvider("shop"')
    component = renamed.replace('origin_key="shop"', 'origin_key="shop", opts=pulumi.ResourceOptions(parent=group)')
    component = component.replace(
        "upcoming =", 'group = pulumi.ComponentResource("test:index:Group", "group")\nupcoming ='
    )
    project.deploy(renamed)
    said = project.deploy(f"import pulumi\n{component}")
    assert "has taken over" in said
    urn = next(each["urn"] for each in project.state().values() if "TrustedIdentityProvider" in each["urn"])
    project.up("--target-replace", urn)
    assert emulator.target(target).certificates == before
    assert project.writes() == []
    assert accepted(project)
    assert project.has_no_changes()
