"""The digest by which an approval names the changes of a preview."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from btp_trust_fleet.stack_run.digest import digest_changes
from support.fleet_previews import NEW, PREPARING, ROTATING, line, preview, step, swap, trigger

_STEPS = [*PREPARING, *ROTATING, step("create", "ActiveTrustCertificate", {"rotation": "a"})]


@given(steps=st.permutations(_STEPS), said=st.lists(st.text()))
def test_digest_ignores_order_and_times(steps: list[dict[str, object]], said: list[str]) -> None:
    """Order, unchanged resources and lines leave the digest as it is."""
    lines = tuple(line(text, "info") for text in said)
    assert digest_changes(preview(*steps, diagnostics=lines)) == digest_changes(preview(*_STEPS))


def test_digest_ignores_what_moves_with_time() -> None:
    """Places in files, moments of the state and the pickled class of the provider are left out."""
    moved = step("update", "RotationTrigger", trigger(NEW, swap=swap("rotate")), trigger())
    moved["newState"] |= {"sourcePosition": "project:///__main__.py#9", "modified": "2027"}
    moved["newState"]["inputs"]["__provider"] = "gASW"
    assert digest_changes(preview(moved)) == digest_changes(preview(*ROTATING))


def test_digest_follows_each_input() -> None:
    """Another certificate, another verb, another resource: each has a digest of its own."""
    others = [
        (step("update", "RotationTrigger", trigger(swap=swap("rotate")), trigger()),),
        (step("update", "RotationTrigger", trigger(NEW, swap=swap("restore")), trigger()),),
        (step("update", "RotationTrigger", trigger(NEW, swap=swap("rotate", 2)), trigger()),),
        (step("create", "RotationTrigger", trigger(NEW, swap=swap("rotate"))),),
        (*ROTATING, *PREPARING),
        (),
    ]
    digests = {digest_changes(preview(*steps)) for steps in (ROTATING, *others)}
    assert len(digests) == 1 + len(others)
    assert all(digest.startswith("sha256:") for digest in digests)
