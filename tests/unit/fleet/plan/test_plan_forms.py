"""The plan of a fleet in its forms."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
from msgspec.structs import replace

from btp_trust_cli.exit_codes import Severity
from btp_trust_fleet.plan.document import plan_document
from btp_trust_fleet.plan.junit import plan_junit
from btp_trust_fleet.plan.markdown import plan_markdown
from btp_trust_fleet.plan.model import PlannedStack, WavePlan
from btp_trust_fleet.plan.text import plan_severity, plan_text
from btp_trust_fleet.stack_run.task import Change, StackOutcome, StackState
from btp_trust_fleet.table.fleet import Fleet
from support.fleet_samples import TABLE, outcome_of, planned_rotation, sample_fleet

SENTENCE = "It swaps A for B; the targets s4 and hr trust B."


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """Three waves; the first one is approved by a file, the last one has no passive certificate."""
    head, _, tail = TABLE.replace("approval: none", "approval: file", 1).rpartition('    passive: "2028-11"\n')
    return sample_fleet(tmp_path, head + tail)


def plans_of(fleet: Fleet, *outcomes: StackOutcome) -> list[WavePlan]:
    """Return a plan in which each wave has one of the outcomes."""
    pairs = zip(fleet.waves, outcomes, strict=False)
    return [WavePlan(wave, (PlannedStack(wave.stacks[0], outcome),)) for wave, outcome in pairs]


@pytest.fixture
def plans(fleet: Fleet) -> list[WavePlan]:
    """A rotation with a sentence, a stack without changes, a preview that failed."""
    return plans_of(
        fleet,
        planned_rotation("acme-dev", lines=(SENTENCE,)),
        outcome_of("acme-qa", StackState.UNCHANGED),
        outcome_of("live", StackState.FAILED, lines=("The key is wrong.",)),
    )


def test_table_has_what_a_reviewer_needs(plans: list[WavePlan]) -> None:
    """Who changes from what to what, the sentences of the previews, and the digest."""
    assert (
        plan_text(plans)
        == f"""\
CRITICAL: 3 stacks, 1 rotate, 1 unchanged, 1 failed

wave 1, canary: 2028-11 signs, passive 2028-11
STEP    SUBACCOUNT  FROM      TO       STACK
rotate  acme-dev    aaaaaaaa  2028-11  acme-dev

acme-dev:
  {SENTENCE}

  digest {plans[0].digest}

wave 2, quality: 2028-11 signs, passive 2028-11
STEP       SUBACCOUNT  FROM  TO  STACK
unchanged  acme-qa     -     -   acme-qa

wave 3, production: 2028-11 signs
STEP    SUBACCOUNT  FROM  TO  STACK
failed  acme-prod   -     -   live

acme-prod:
  The key is wrong.
"""
    )


def test_markdown_is_for_a_pull_request(plans: list[WavePlan]) -> None:
    """The digest is there to be committed; what a program or a target said stays text."""
    text = plan_markdown(plans)
    assert "| rotate | acme-dev | aaaaaaaa | 2028-11 | acme-dev |" in text
    assert f"- {SENTENCE}" in text
    assert f"commit a line with this digest in `approvals/{plans[0].wave.name}`" in text
    assert f"`{plans[0].digest}`" in text


def test_markdown_shows_markup_as_text(fleet: Fleet) -> None:
    """A link, an element, a cell and a mention."""
    (plan,) = plans_of(fleet, planned_rotation("acme-dev", lines=("<b>[a](b)|`c` @jane\n# d",)))
    assert "- \\<b\\>\\[a\\](b)\\|\\`c\\` @\u200bjane \\# d" in plan_markdown([plan])


def test_markdown_summary_is_an_element(fleet: Fleet) -> None:
    """Markdown's backslashes are shown there, and elements are obeyed."""
    row = replace(fleet.waves[0].stacks[0], name="acme_<img>&@jane")
    plan = WavePlan(fleet.waves[0], (PlannedStack(row, planned_rotation("acme-dev", lines=("Its step.",))),))
    text = plan_markdown([plan])
    assert "<summary>acme_&lt;img&gt;&amp;@\u200bjane: rotate</summary>" in text
    assert "| acme\\_\\<img\\>\\&@\u200bjane |" in text


def test_digest_of_others_has_no_file(fleet: Fleet) -> None:
    """Waves that are approved in another way have a digest to compare, and no file."""
    wave = fleet.waves[1]
    plan = WavePlan(wave, (PlannedStack(wave.stacks[0], planned_rotation("acme-qa")),))
    text = plan_markdown([plan])
    assert str(plan.digest) in text
    assert "commit" not in text


def test_junit_has_a_case_each(plans: list[WavePlan]) -> None:
    """A suite is a wave; failures have their lines."""
    root = fromstring(plan_junit(plans))  # noqa: S314 - our own text
    cases = {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}
    assert cases == {
        "acme-dev: rotate": ["system-out"],
        "acme-qa: unchanged": ["system-out"],
        "acme-prod: failed": ["failure"],
    }
    assert [suite.get("failures") for suite in root] == ["0", "0", "1"]


def test_document_has_whole_fingerprints(plans: list[WavePlan]) -> None:
    """And the exit code."""
    document = json.loads(json.dumps(plan_document(plans)))
    assert (document["state"], document["exit_code"]) == ("CRITICAL", 2)
    (stack,) = document["waves"][0]["stacks"]
    assert (stack["signer"], stack["generation"]) == ("a" * 64, "2028-11")
    assert stack["step"] == "rotate"


@pytest.mark.parametrize(
    ("outcome", "step", "severity"),
    [
        (planned_rotation("a", change=Change.OTHER), "refused", Severity.CRITICAL),
        (planned_rotation("a", change=Change.RESTORE), "refused", Severity.CRITICAL),
        (planned_rotation("a", change=Change.ROLL_BACK), "roll-back", Severity.OK),
        (planned_rotation("a", change=Change.PREPARE), "prepare", Severity.OK),
        (outcome_of("a", StackState.POSTPONED), "postponed", Severity.OK),
        (outcome_of("a", StackState.LOCKED), "locked", Severity.CRITICAL),
    ],
)
def test_step_is_that_of_update(fleet: Fleet, outcome: StackOutcome, step: str, severity: Severity) -> None:
    """The verb that lets it through, or why it stays."""
    (plan,) = plans_of(fleet, outcome)
    assert (plan.stacks[0].step, plan_severity([plan])) == (step, severity)


def test_digest_is_of_changes_alone(fleet: Fleet) -> None:
    """It stays for the rest of a wave, and differs for another plan or wave."""
    first, second, third = fleet.waves
    changed = PlannedStack(first.stacks[0], planned_rotation("acme-dev"))
    done = PlannedStack(second.stacks[0], outcome_of("acme-qa", StackState.UNCHANGED))
    other = PlannedStack(first.stacks[0], planned_rotation("acme-dev", plan_digest="another"))
    digest = WavePlan(first, (changed,)).digest
    assert digest == WavePlan(first, (done, changed)).digest
    assert len({digest, WavePlan(first, (other,)).digest, WavePlan(third, (changed,)).digest}) == 3
    assert WavePlan(first, (done,)).digest is None
