"""When an attestation counts: between the certificate's first day and now, and after each rejection by the target."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from btp_trust.formatting import format_rfc3339, parse_rfc3339
from btp_trust.rotation.decision import Action
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.policies import decide
from btp_trust.trusted_by.statements import Attestation
from support.fake_engine import make_certificate, make_snapshot

A, B = make_certificate("a"), make_certificate("b", created_on_day=30)
AB = make_snapshot(A, B, day=40)
around = st.integers(-15 * 86_400, 5 * 86_400).map(lambda seconds: format_rfc3339(AB.now + timedelta(seconds=seconds)))
times = around | around.map(lambda moment: moment[:10])
rejections = st.dictionaries(st.sampled_from(["s4", "S4", "sf"]), around, max_size=3)


def bounds(on: str) -> tuple[datetime, datetime]:
    """Return the first and the last moment that a day or a moment may mean."""
    if "T" in on:
        return parse_rfc3339(on), parse_rfc3339(on)
    first = datetime.fromisoformat(on).replace(tzinfo=UTC)
    return first, first + timedelta(days=1) - timedelta(seconds=1)


@given(on=times, rejections=rejections, several=st.booleans())
def test_attestation_counts_after_rejection(on: str, rejections: dict[str, str], *, several: bool) -> None:
    """A swap passes exactly if the attestation may be true, and was surely made after all rejections by its target."""
    attested = [A.fingerprint, B.fingerprint] if several else [B.fingerprint]
    declaration = Declaration(
        generation="b",
        deployed_generation="a",
        recorded_generations={"a": A.fingerprint, "b": B.fingerprint},
        trusted_by={"s4": Attestation.of(attested, "Ada", on)},
        rejections=rejections,
        rollback_to="",
    )
    first, last = bounds(on)
    is_possible = first <= AB.now and last >= B.not_before
    is_later = all(parse_rfc3339(at) < first for name, at in rejections.items() if name != "sf")
    assert (decide(declaration, AB).action is Action.SWAP) is (is_possible and is_later)
