"""Retire, destroy, decommission: a reviewer reads in the preview what is deleted, what stays, and who is affected."""

from __future__ import annotations

import json

import pytest

from btp_trust_emulator import Emulator
from support.pulumi_project import PASSIVE, PulumiProject, program, rotation_program

REGISTRATION = "TrustedIdentityProvider"
PROTECTED = ", opts=pulumi.ResourceOptions(protect=True)"
REFUSED = "cannot be deleted because it is protected"


def rotate(project: PulumiProject) -> tuple[str, str]:
    """Prepare and rotate to 2028-11; return the certificate that signed before, and the signer, by eight digits."""
    project.deploy(rotation_program("2028-11", "2026-11"))
    project.deploy(rotation_program("2028-11", "2028-11"))
    signer, earlier = project.slots()
    assert signer
    assert earlier
    return earlier[:8], signer[:8]


def last_day(project: PulumiProject, name: str) -> str:
    """Return the last day of a resource's certificate, as its output has it."""
    return str(project.state()[name]["outputs"]["not_after"])[:10]


def property_line(lines: list[str], name: str) -> str:
    """Return the line of one property of a resource."""
    (line,) = (each for each in lines if each.startswith((f"{name} :", f"{name}:")))
    return line


def test_retirement_says_what_is_lost(project: PulumiProject) -> None:
    """Stdout names what is deleted and that the signer stays; the line of the trigger adds its generation."""
    project.deploy(rotation_program("2028-11", "2026-11"))
    day = last_day(project, "signing")
    earlier, signer = rotate(project)
    project.up()
    project.write(rotation_program(None, "2028-11"))

    reviewed = project.preview("--diff")
    removal = property_line(reviewed.diff_lines(PASSIVE), "removal")

    assert project.label in property_line(reviewed.diff_lines(PASSIVE), "subaccount")
    assert removal.startswith(f'removal : "deletes passive {earlier} (expires {day})')
    assert removal.endswith('the signer stays"')
    assert f"passive {earlier} (2026-11, expires {day}) is deleted, and a rollback to it becomes impossible" in reviewed
    assert f"deleted passive {earlier} (expires {day}); {signer} (2028-11" in project.up()
    assert project.slots()[1] is None


def test_overwriting_says_what_is_lost(project: PulumiProject) -> None:
    """A generation over the earlier signer is no deletion, so `protect` lets it through: its preview says what ends."""
    earlier, _ = rotate(project)
    project.deploy(rotation_program("2028-11", "2028-11", passive=PROTECTED))
    project.write(rotation_program("2030-11", "2028-11", passive=PROTECTED))

    reviewed = project.preview("--diff")
    replaced = next(line for line in reviewed.diff_lines(PASSIVE) if line.startswith("~ replaces"))

    assert f'=> "{earlier}, exists since ' in replaced
    assert replaced.endswith('rolling back to it ends"')
    assert "rolling back to '2026-11' ends" in reviewed


def test_destruction_says_what_is_lost(project: PulumiProject) -> None:
    """The preview shows what the passive slot loses, by name, fingerprint and date, and which certificate stays."""
    earlier, signer = rotate(project)
    project.up()
    whole = dict(zip(("2028-11", "2026-11"), project.slots(), strict=True))

    reviewed = project.pulumi("destroy", "--preview-only", "--diff")

    removal = property_line(reviewed.diff_lines(PASSIVE), "removal")
    assert removal.startswith(f'removal : "deletes passive {earlier} (expires ')
    assert removal.endswith('the signer stays"')
    for generation, fingerprint in whole.items():
        assert f'{generation}: "{fingerprint}"' in reviewed
    assert f'fingerprint: "{whole["2028-11"]}"' in reviewed
    done = project.pulumi("destroy", "--yes", "--skip-preview")
    assert f"{signer} stays the active certificate" in done
    assert project.slots() == (whole["2028-11"], None)


@pytest.mark.parametrize("options", [(), ("--skip-preview",)], ids=["with preview", "without preview"])
def test_protection_stops_a_destruction(project: PulumiProject, options: tuple[str, ...]) -> None:
    """A destruction by mistake keeps both certificates and the names; the next deployment restores the rest."""
    rotate(project)
    text = rotation_program("2028-11", "2028-11", passive=PROTECTED, trigger=PROTECTED)
    project.deploy(text)
    slots = project.slots()

    assert REFUSED in project.pulumi("destroy", "--yes", *options, status=1)

    assert project.slots() == slots
    assert {"next", "rotation"} <= project.state().keys()
    project.up()
    assert project.has_no_changes_after_refresh()


@pytest.fixture
def billing(emulator: Emulator, project: PulumiProject) -> str:
    """Return the GUID of another subaccount, to whose XSUAA the project has a connection."""
    guid = emulator.create_subaccount(subdomain="acme-billing", generate=True).guid
    key = emulator.api_access_key(guid)
    project.known_secrets.add(key["clientsecret"])
    project.variables["BTP_TRUST_SERVICE_KEY_BILLING"] = json.dumps(key)
    return guid


def registration_program(options: str) -> str:
    """Write the program that registers the subaccount in another one, with these options."""
    return program(
        f'billing = trust.TrustedIdentityProvider("billing", connection="billing", origin_key="shop"{options})',
        'signing = trust.ActiveTrustCertificate("signing")',
    )


def test_decommissioning_says_that_users_go(project: PulumiProject, billing: str) -> None:
    """The preview names the identity provider, the other subaccount and its users; what is protected stays."""
    project.deploy(registration_program(PROTECTED))
    reviewed = project.pulumi("destroy", "--preview-only", "--diff", status=None)
    assert REFUSED in reviewed
    removal = property_line(reviewed.diff_lines(REGISTRATION), "removal")
    assert "deletes identity provider 'shop'" in removal
    assert "with its users there and their role collection assignments" in removal
    assert f"acme-billing ({billing[:8]})" in property_line(reviewed.diff_lines(REGISTRATION), "subaccount")

    project.deploy(registration_program(', on_delete="deactivate"'))
    reviewed = project.pulumi("destroy", "--preview-only", "--diff")
    removal = property_line(reviewed.diff_lines(REGISTRATION), "removal")
    assert "which keeps its users and their role collections" in removal
    done = project.pulumi("destroy", "--yes", "--skip-preview")
    assert "identity provider 'shop' is inactive; it keeps its users there" in done
    assert project.emulator.target(billing).certificates == {}
