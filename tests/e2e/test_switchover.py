"""A communication system changes over with the signer: the real command line, as a reviewer and a pipeline see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from btp_trust_emulator import Emulator, S4Switches
from btp_trust_emulator.switches import CertificateProfile
from support.pulumi_project import TRIGGER, PulumiProject, rotation_program

NAME = "erp/BTP (oauth2)"
SYSTEM = "CommunicationSystemTrust"
ROTATE, PATCH = "POST rotateCertificate", "PATCH CommunicationSystems"


def switching_program(signs: str, trigger: str = "") -> str:
    """Write the program whose trigger switches one system over."""
    head, _, rest = rotation_program("2028-11", signs, trigger=f", switches=[erp]{trigger}").partition("rotation = ")
    return f'{head}erp = trust.CommunicationSystemTrust("erp", connection="erp", system="BTP")\nrotation = {rest}'


def trusted(emulator: Emulator) -> str | None:
    """Return what the system trusts."""
    shown = emulator.communication_system("erp", "BTP")
    return next(block.trusted for kind, block in shown.blocks.items() if kind.value == "oauth2")


@pytest.fixture
def switching(emulator: Emulator, tmp_path: Path) -> PulumiProject:
    """A stack that has prepared 2028-11, and a system that trusts the active certificate."""
    guid = emulator.create_subaccount(generate=True).guid
    emulator.create_s4("erp")
    emulator.create_communication_system("erp", "BTP", emulator.certificates(guid)[0])
    project = PulumiProject(tmp_path, emulator, guid).create_stack(switching_program("2026-11")).set_service_key()
    user = emulator.communication_user("erp")
    project.known_secrets |= {user["password"], emulator.communication_system_target("erp", "BTP").client_secret}
    project.set_config("btp-trust:connections", json.dumps({"erp": user}), secret=True)
    project.up()
    return project


def test_system_changes_over_and_back(switching: PulumiProject) -> None:
    """The preview shows both changes; each deployment makes both, and nothing is left to be done."""
    old, new = switching.slots()
    for signs, fingerprints in (("2028-11", (old, new)), ("2026-11", (new, old))):
        before, after = map(str, fingerprints)
        other = "2026-11" if signs == "2028-11" else "2028-11"
        switching.write(switching_program(signs))
        preview = switching.preview("--diff")
        shown = " ".join(preview.diff_lines(TRIGGER))
        assert "right after the swap each system gets the certificate that signs then" in shown
        assert "a system refuses calls from the swap until it has taken the certificate" in shown
        assert NAME in shown
        assert f"{before[:8]} ({other})" in shown.partition("trusts")[2]
        assert f"{after[:8]} ({signs})" in shown.partition("will_trust")[2]
        assert f'~ [0]: "{before}" => "{after}"' in preview.diff_lines(SYSTEM)

        switching.emulator.clear_journal()
        assert f"{NAME} trusts {after[:8]} ({signs}) now" in switching.up().diagnostics
        writes = [label for label in switching.writes() if label.startswith(("POST rotate", "PATCH"))]
        assert [write.partition("(")[0] for write in writes] == [PATCH, ROTATE, PATCH]
        assert (switching.slots()[0], trusted(switching.emulator)) == (after, after)
        assert switching.has_no_changes()
    assert switching.state()["erp"]["outputs"]["trusted"] == [old]


def test_client_certificate_logs_on(switching: PulumiProject) -> None:
    """A communication user with a client certificate reads and writes as one with a password; its key stays hidden."""
    old, new = switching.slots()
    user = switching.emulator.communication_user("erp", "x509")
    switching.known_secrets.add("".join(user["key"].splitlines()[1:3]))
    # Adopted anew: the emulator has another address for client certificates, and so another tenant.
    switching.deploy(rotation_program("2028-11", "2026-11"))
    switching.set_config("btp-trust:connections", json.dumps({"erp": user}), secret=True)
    switching.variables["SSL_CERT_FILE"] = str(switching.emulator.ca_file)
    switching.deploy(switching_program("2026-11"))
    switching.deploy(switching_program("2028-11"))
    assert (switching.slots(), trusted(switching.emulator)) == ((new, old), new)


def test_refusing_system_leaves_a_page(switching: PulumiProject) -> None:
    """With `continue` the deployment prints at once what the administrator uploads; with that, nothing is left."""
    emulator, (_, new) = switching.emulator, switching.slots()
    successor = emulator.certificates(switching.guid)[1]
    emulator.set_s4_switches("erp", S4Switches(certificate_profile=CertificateProfile.SHA_256))
    switching.write(switching_program("2028-11", ', on_switch_failure="continue"'))
    assert "a page says what its administrator uploads" in switching.preview("--diff")
    output = switching.up()

    assert f"{NAME} failed to switch over: calls are refused there" in output
    assert output.diagnostics.count("## Steps") == 1
    assert "Upload Signing Certificate" in output
    assert str(successor).split()[2] in output.text
    assert switching.state()["rotation"]["outputs"]["unswitched"] == [NAME]
    assert switching.slots()[0] == new
    assert switching.preview("--expect-no-changes", status=None).status != 0

    emulator.set_s4_switches("erp", S4Switches())
    emulator.trust_in_system("erp", "BTP", successor)
    switching.up()
    assert switching.has_no_changes_after_refresh()
    assert "unswitched" not in switching.state()["rotation"]["outputs"]


def test_refused_certificate_is_rolled_back(switching: PulumiProject) -> None:
    """A system that refuses the certificate after the swap ends the deployment with an error; both are as before."""
    old, new = switching.slots()
    switching.emulator.set_s4_switches("erp", S4Switches(certificate_profile=CertificateProfile.SHA_256))
    switching.write(switching_program("2028-11"))
    output = switching.up(status=1)

    assert f"Generation '2028-11' was rolled back: {NAME} failed to switch over." in output
    assert switching.slots() == (old, new)
    assert trusted(switching.emulator) == old
    switching.deploy(switching_program("2026-11"))
    assert switching.has_no_changes_after_refresh()
