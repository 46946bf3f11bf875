"""Attestations on the real command line: what a preview shows while they change, and unreadable ones."""

from __future__ import annotations

from btp_trust.trusted_by.statements import OBSERVED_THEN, TrustStatus
from support.pulumi_project import PulumiProject, rotation_program
from support.reporting_target import trusted_by_program


def test_attestations_take_no_signer_away(project: PulumiProject) -> None:
    """However statements about a target change, `--diff` shows the signer without a minus, and the plan holds."""
    project.deploy(rotation_program("2028-11", "2026-11"))
    old, new = project.slots()
    day = project.state()["next"]["outputs"]["not_before"][:10]

    def attested(fingerprints: str, by: str, target: str) -> str:
        statement = f'trust.Attested({fingerprints}, "{by}", "{day if by else ""}")'
        return trusted_by_program("2026-11", f'"s4": {statement}', target)

    then = TrustStatus.BEFORE.value
    given, given_both = f'["{new}"]', f'["{new}", "{old}"]'
    steps = (
        (attested(f'["{old}", "{new}"]', "Ada", given), [f'+ {old}: "trusted"', f'+ {new}: "trusted"']),
        (attested(f'"{new}"', "Bob", given), [f'~ {old}: "trusted" => "{then}"']),
        (
            attested("s4.trusts", "Eve", given_both),
            [f'~ {old}: "{then}" => [unknown]', f'~ {new}: "trusted" => [unknown]'],
        ),
        (attested(f'"{new}"', "", given_both), [f'~ {new}: "trusted" => "still to be attested"']),
        (attested(f'"{old}"', "Ada", given_both), [f'~ {old}: "{then}" => "trusted"']),
        (
            trusted_by_program("2026-11", f'"s4": pulumi.Output.secret({given_both})', given_both),
            ['~ kind : "attested" => "observed"'],  # shown, for a fingerprint is public
        ),
        (attested(f'"{new}"', "Bob", given_both), [f'~ {old}: "trusted" => "{OBSERVED_THEN}"']),
    )
    for text, expected in steps:
        project.write(text)
        shown = project.preview("--diff", "--save-plan", "plan.json")
        for line in expected:
            assert line in shown, f"{line!r} is missing in:\n{shown.text}"
        assert [line for line in shown.lost_lines if str(old) in line] == []
        project.up("--plan", "plan.json")
    assert project.has_no_changes_after_refresh()


def test_unreadable_attestation_stops_the_program(project: PulumiProject) -> None:
    """The error has the file's name and its expected content."""
    project.write(trusted_by_program("2026-11", '"s4": trust.Attested.from_file("trust/s4.yaml")'))
    stopped = project.preview(status=1)
    assert "error: The attestation 'trust/s4.yaml' cannot be used: it is unreadable (No such file" in stopped
    assert "Write a YAML map: fingerprint:" in stopped
    assert "Traceback" not in stopped
