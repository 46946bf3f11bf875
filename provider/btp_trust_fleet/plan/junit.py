"""The plan of a fleet as JUnit's XML, which pipelines show as tests. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from btp_trust_cli.exit_codes import Severity
from btp_trust_cli.rendering import printable
from btp_trust_fleet.plan.model import PlannedStack, WavePlan


def plan_junit(plans: Sequence[WavePlan]) -> str:
    """Return a suite for each wave, and a case for each stack; one that fails or is refused is a failure."""
    root = Element("testsuites", name="btp-trust fleet plan")
    for plan in plans:
        failures = sum(each.severity is not Severity.OK for each in plan.stacks)
        suite = SubElement(root, "testsuite", name=plan.wave.name, tests=str(len(plan.stacks)), failures=str(failures))
        for each in plan.stacks:
            _add_case(suite, each)
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _add_case(suite: Element, planned: PlannedStack) -> None:
    seconds = (planned.outcome.ended_at - planned.outcome.started_at).total_seconds()
    name = printable(f"{planned.stack.name}: {planned.step}")
    case = SubElement(suite, "testcase", name=name, classname=planned.stack.wave, time=f"{seconds:.1f}")
    text = printable("\n".join(planned.outcome.lines))
    if planned.severity is Severity.OK:
        SubElement(case, "system-out").text = text
    else:
        SubElement(case, "failure", message=planned.step).text = text
