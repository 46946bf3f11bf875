"""The story on the real command line: what each preview shows, what each update does, and that it is quiet after."""

from __future__ import annotations

import re
from datetime import timedelta

from btp_trust.formatting import PREVIEW_WIDTH
from support.pulumi_project import ACTIVE, PASSIVE, TRIGGER, PulumiProject, adopting_program, rotation_program

YEAR = timedelta(days=365).total_seconds()


def test_adoption_writes_nothing(project: PulumiProject) -> None:
    """An adoption costs a request per slot; the removal of the resource leaves the certificate."""
    active, _ = project.slots()

    preview = project.preview("--diff")
    assert "+ 2 to create" in preview
    assert preview.text.count("[unknown]") == 1
    assert f'fingerprint: "{active}"' in preview.diff_lines(ACTIVE)
    project.up()
    assert project.state()["signing"]["outputs"]["fingerprint"] == active
    assert project.has_no_changes()
    assert "stays the active certificate" in project.pulumi("destroy", "--yes", "--skip-preview")

    assert (active, None) == project.slots()
    assert project.writes() == []


def test_first_certificate_needs_generate(project: PulumiProject) -> None:
    """A subaccount without a certificate gets one with generate=True only."""
    guid = project.emulator.create_subaccount().guid
    project.set_service_key(project.emulator.service_key(guid))

    refused = project.preview(status=1)
    assert refused.message[-1] == "To generate the first one: ActiveTrustCertificate(…, generate=True)."
    project.deploy(adopting_program(", generate=True"))
    assert project.has_no_changes()

    assert project.writes() == ["POST certificate"]
    assert project.emulator.slots(guid).active is not None


def test_rotation_is_previewed_done_and_stable(project: PulumiProject) -> None:
    """The preview has both fingerprints, both dates and the step; one swap follows, and then nothing."""
    project.write(rotation_program("2028-11", "2026-11"))
    prepared = project.preview("--diff")
    assert "+ 4 to create" in prepared
    assert "step : \"generate '2028-11' in the empty passive slot\"" in prepared
    project.up()
    assert project.has_no_changes()
    old, new = project.slots()

    project.write(rotation_program("2028-11", "2028-11"))
    project.emulator.clear_journal()
    preview = project.preview("--diff")
    assert project.requests() == ["POST token", "GET certificate", "GET passive"]
    shown = preview.diff_lines(TRIGGER)
    dates = [project.state()[name]["outputs"]["not_after"] for name in ("signing", "next")]
    assert '~ generation : "2026-11" => "2028-11"' in shown
    assert f'~ fingerprint: "{old}" => "{new}"' in shown
    assert f'~ not_after : "{dates[0]}" => "{dates[1]}"' in shown
    sentence = (
        f"rotate: passive {str(new)[:8]} (2028-11) becomes active, active {str(old)[:8]} (2026-11) becomes passive"
    )
    assert any(line.startswith(f'+ step : "{sentence}') and line.endswith('"') for line in shown)
    assert f'~ fingerprint: "{old}" => "{new}"' in preview.diff_lines(ACTIVE)
    assert "~ 2 to update" in preview
    assert preview.diff_lines(PASSIVE) == []
    assert "[unknown]" not in preview
    assert project.preview().diagnostics.count(sentence) == 1

    project.emulator.clear_journal()
    project.up()
    assert (new, old) == project.slots()
    assert project.writes() == ["POST rotateCertificate"]
    assert len(project.requests()) <= 6
    assert project.has_no_changes()
    project.emulator.advance(YEAR)
    assert project.has_no_changes()


def test_rollback_and_next_cycle(project: PulumiProject) -> None:
    """A reverted pull request rolls back; the next name shows what it replaces, and the trigger stays as it is."""
    project.deploy(rotation_program("2028-11", "2026-11"))
    old, new = project.slots()
    project.deploy(rotation_program("2028-11", "2028-11"))

    project.write(rotation_program("2028-11", "2026-11"))
    assert f"roll back: passive {str(old)[:8]} (2026-11) becomes active" in project.preview()
    project.up()
    assert (old, new) == project.slots()
    assert project.has_no_changes()
    project.deploy(rotation_program("2028-11", "2028-11"))
    assert (new, old) == project.slots()

    project.write(rotation_program("2030-11", "2028-11"))
    preview = project.preview("--diff")
    assert any(line.endswith('; rolling back to it ends"') for line in preview.diff_lines(PASSIVE))
    assert f"'2030-11' is generated over {str(old)[:8]} (2026-11, expires " in project.preview()
    assert preview.diff_lines(TRIGGER) == []
    assert "~ 1 to update" in preview
    project.up()
    assert project.slots()[0] == new
    assert project.slots()[1] not in (None, old)
    assert project.has_no_changes()

    project.deploy(rotation_program(None, "2028-11"))
    assert (new, None) == project.slots()
    assert project.has_no_changes()


def test_walk_loses_only_what_goes(project: PulumiProject) -> None:
    """A done step leaves no minus in a later preview; the one of a retirement says what goes, and what stays."""
    adopted = project.deploy(adopting_program())
    assert adopted.status == 0
    for prepared, signs in (("b", "a"), ("b", "b"), ("b", "a"), ("b", "b"), ("c", "b"), ("c", "c")):
        project.write(rotation_program(prepared, signs))
        preview = project.preview("--diff")
        assert preview.lost_lines == [], (prepared, signs)
        fingerprints = re.findall(
            r'^ +[+~] .*"([0-9a-f]{64})"$', preview.text.partition("ActiveTrust")[0], re.MULTILINE
        )
        assert len(fingerprints) == len(set(fingerprints)), "a fingerprint is shown whole twice"
        assert max(len(text) for text in re.findall(r'"([^"]*)"$', preview.text, re.MULTILINE)) <= PREVIEW_WIDTH
        project.up()
    signer, earlier = (str(fingerprint)[:8] for fingerprint in project.slots())
    project.pulumi("up", "--yes", "--skip-preview")

    project.write(rotation_program(None, "c"))
    retired = project.preview("--diff")
    assert [line.partition(":dynamic")[0] for line in retired.lost_lines] == ["- pulumi-python"]
    (removal,) = [line for line in retired.diff_lines(PASSIVE) if line.startswith("removal")]
    assert f'"deletes passive {earlier} (expires ' in removal
    assert f"or after a swap {signer} (c, expires " in removal
    assert "the signer stays" in removal
    assert f"passive {earlier} (b, expires " in project.preview()
    assert f"deleted passive {earlier} (b, expires " in project.up()
    assert project.slots()[1] is None


def test_refresh_after_update_changes_nothing(project: PulumiProject) -> None:
    """After a swap, a refresh leaves every output as it is."""
    project.deploy(rotation_program("2028-11", "2026-11"))
    project.deploy(rotation_program("2028-11", "2028-11"))
    before = project.state()

    project.pulumi("refresh", "--yes", "--skip-preview")

    after = project.state()
    changed = {
        (name, key)
        for name in ("next", "rotation", "signing")
        for key in before[name]["outputs"].keys() | after[name]["outputs"].keys()
        if before[name]["outputs"].get(key) != after[name]["outputs"].get(key)
    }
    assert changed == set()
    assert project.has_no_changes()
