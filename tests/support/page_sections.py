"""The parts of pages that a run writes: what stands between a pair of marks."""

from __future__ import annotations


def markers(name: str) -> tuple[str, str]:
    """Return the comments before and after a part."""
    return f"<!-- {name}: begins -->", f"<!-- {name}: ends -->"


def section(page: str, name: str) -> str:
    """Return what stands between a page's marks."""
    begins, ends = markers(name)
    return page.partition(begins)[2].partition(ends)[0].strip()


def replace_section(page: str, name: str, text: str) -> str:
    """Replace what stands between a page's marks."""
    begins, ends = markers(name)
    head, _, rest = page.partition(begins)
    return f"{head}{begins}\n\n{text}\n\n{ends}{rest.partition(ends)[2]}"
