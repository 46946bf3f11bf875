"""What the tests of pages take for the output that a page shows."""

from __future__ import annotations

import itertools

import pytest

from support.doc_pages.comparison import RunValues

NEXT = ["  trust:PassiveTrustCertificate (next):", "    generate '2028-11'", ""]
ROTATION = ["  trust:RotationTrigger (rotation):", "    record the signer", "    warning: it expires in 8 days", ""]
STACK = ["  pulumi:pulumi:Stack (dev):", "    error: update failed", ""]
END = ["Resources:", "    + 2 created"]


def difference(shown: list[str], *diagnostics: list[str]) -> str | None:
    """Compare a page with an output of these diagnostics."""
    progress = "    pulumi:pulumi:Stack trust-dev  "  # ends with blanks, by which it is known
    printed = ["Updating (dev):", progress, "Diagnostics:", *itertools.chain(*diagnostics), *END]
    return RunValues("8642").difference(shown, printed, ["warning: on stderr"] if "stderr" in shown[-1] else [])


@pytest.mark.parametrize("order", [*itertools.permutations([NEXT, ROTATION, STACK])])
@pytest.mark.parametrize(
    "shown",
    [
        ["…", "Diagnostics:", *NEXT, *ROTATION, *STACK, *END],
        ["…", "Diagnostics:", *STACK, *NEXT, "…"],
        ["…", "Diagnostics:", *ROTATION, "…", *END],
        ["…", "Diagnostics:", "…", *ROTATION, *NEXT, *END],
        ["Updating (dev):", "Diagnostics:", *STACK, *ROTATION, *NEXT, *END],
        ["…", "Diagnostics:", *STACK, *ROTATION, *NEXT, *END, "warning: on stderr"],
    ],
)
def test_diagnostics_have_any_order(shown: list[str], order: tuple[list[str], ...]) -> None:
    """Pulumi prints the diagnostics of its resources in a random order, and a page shows one of them."""
    assert difference(shown, *order) is None


def test_missing_and_further_diagnostics_differ() -> None:
    """A page that shows more than was printed is wrong, and one that hides a resource without a gap is too."""
    shown = ["…", "Diagnostics:", *NEXT, *ROTATION, *END]

    assert difference(shown, NEXT) is not None
    assert difference(shown, STACK, NEXT, ROTATION) is not None
    assert difference(shown, ROTATION, [NEXT[0], "    generate '2030-11'", ""]) is not None
