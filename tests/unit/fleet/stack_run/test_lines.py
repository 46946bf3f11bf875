"""Sentences for people about a preview or a failure."""

from __future__ import annotations

import pytest

from btp_trust_fleet.stack_run.lines import DIFFERENT_UPDATE, error_lines, preview_lines, readable
from btp_trust_fleet.stack_run.preview_document import Diagnostic
from support.fleet_previews import NEW, OLD, line, preview, step, swap, switchover, trigger


def test_swap_has_its_conditions() -> None:
    """The step, its verification, its rollback, each target and the systems; then the warnings."""
    new = trigger(NEW, swap=swap("rotate"), switchover=switchover())
    steps = (
        step("update", "RotationTrigger", new, trigger()),
        step("create", "Box", resource_type="pulumi:pulumi:Box"),
    )
    lines = preview_lines(preview(*steps, diagnostics=(line("warning: soon", "warning"), line("so", "info"))))
    assert lines == (
        swap("rotate")["step"],
        "verification: s4",
        f"rollback: until {OLD[:8]} (a) expires on 2028-11-30",
        f"target s4: trusts {NEW[:8]}",
        f"switch over 1 system to {NEW[:8]} (b)",
        "warning: soon",
    )


def test_removed_swap_is_an_update() -> None:
    """A trigger whose input `swap` goes is named without a swap."""
    steps = step("update", "RotationTrigger", trigger(), trigger(swap=swap("rotate")))
    assert preview_lines(preview(steps)) == ("update RotationTrigger 'rotation'",)


def test_written_system_has_its_step() -> None:
    """A communication system names what it will trust."""
    steps = step("update", "CommunicationSystemTrust", {"write": {"number": 1, "step": f"trust {NEW[:8]}"}})
    assert preview_lines(preview(steps)) == (f"update CommunicationSystemTrust 'other': trust {NEW[:8]}",)


TRACEBACK = """Program failed:
Traceback (most recent call last):
  File "/pulumi/run.py", line 1, in <module>
    run()
KeyError: 'a'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/pulumi/run.py", line 2, in <module>
    run()
  File "/p/__main__.py", line 7, in deploy
    1 / 0
ZeroDivisionError: division by zero
"""


def test_recorded_signer_is_named() -> None:
    """What is left of a killed swap: the signer of the slots is recorded."""
    steps = step("update", "RotationTrigger", trigger(NEW), trigger())
    (sentence,) = preview_lines(preview(steps))
    assert sentence.startswith("update RotationTrigger 'rotation': records ")
    assert f" signer {NEW[:8]} in place of {OLD[:8]}, as the slots have it" in sentence


@pytest.mark.parametrize(
    ("message", "lines"),
    [
        (
            "error: pulumi-python:dynamic/btp-trust:RotationTrigger resource 'rotation': "  # noqa: ISC004
            "property generation value {c} has a problem: s-1 (1): Generation 'c' is not known.\nIt knows a.\nUse a.",
            ("s-1 (1): Generation 'c' is not known.", "It knows a.", "Use a."),
        ),
        (
            "error: btp_trust.errors.SlotsChanged: s-1: what\nwhy\nremedy\n",
            (
                "btp_trust.errors.SlotsChanged: s-1: what",
                "why",
                "remedy",
            ),
        ),
        (
            f"The slots hold {NEW}, in 0f5b7c1e-1111-2222-3333-444444444444.",
            (f"The slots hold {NEW[:8]}, in 0f5b7c1e.",),
        ),
        (
            TRACEBACK,
            ("Program failed:", "ZeroDivisionError: division by zero", 'File "/p/__main__.py", line 7, in deploy'),
        ),
        ("failed to get https://jane:pw@host/x?token=abc", ("failed to get https://host/x",)),
        ("resource urn:x violates plan: properties changed: ++swap", DIFFERENT_UPDATE),
        ("Resource monitor has terminated, shutting down", ("Resource monitor has terminated, shutting down",)),
    ],
)
def test_error_is_what_and_remedy(message: str, lines: tuple[str, ...]) -> None:
    """Pulumi's prefixes go, fingerprints and GUIDs are short, what may be secret is replaced."""
    assert error_lines([Diagnostic(message, "error")]) == lines


def test_consequences_are_left_out() -> None:
    """Lines that Pulumi adds to the error of a resource are left out, and repetitions."""
    texts = ("error: a\n", "Resource monitor has terminated, shutting down\n", "x violates plan: y", "error: a\n")
    assert error_lines([Diagnostic(text, "error") for text in texts]) == ("a",)
    assert readable(["\n", *map(str, range(30))]) == tuple(map(str, range(12)))
