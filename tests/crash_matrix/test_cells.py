"""The matrix is complete: every boundary of every request is played, once, with every interruption."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from support import fake_engine
from support.crash_matrix.cells import Interruption, all_boundaries, cells, played_boundary
from support.crash_matrix.operations import GENERATE
from support.intercepting_proxy import Boundary, BoundarySide

REQUESTS = st.lists(
    st.sampled_from(["POST token", "GET certificate", "POST certificate/passive", "POST rotateCertificate"]), min_size=1
)


@given(REQUESTS)
def test_every_boundary_is_played_once(requests: list[str]) -> None:
    """The boundaries before, after and answered of each request are covered, each by one cell."""
    played = list(all_boundaries(requests))

    boundaries = [Boundary(number, side) for number in range(1, len(requests) + 1) for side in BoundarySide]
    assert {played_boundary(boundary, requests) for boundary in boundaries} == set(played)
    assert max(Counter(played).values()) == 1
    assert [boundary for boundary in played if boundary.number > len(requests)] == []


@given(REQUESTS)
def test_every_interruption_has_its_boundaries(requests: list[str]) -> None:
    """Kills happen at every boundary, closed connections around writes, a surviving plugin after any write."""
    keys = {(cell.boundary, cell.interruption) for cell in cells(GENERATE, requests)}

    writes = [number for number, request in enumerate(requests, 1) if not fake_engine.is_read(request)]
    killed = {
        (boundary, interruption)
        for boundary in all_boundaries(requests)
        for interruption in (Interruption.ALL_KILLED, Interruption.PLUGIN_KILLED)
    }
    survives = {
        (Boundary(number, BoundarySide.DONE), Interruption.PULUMI_KILLED)
        for number in range(1, len(requests) + 1)
        if writes
    }
    closed = {
        (Boundary(number, side), Interruption.CLOSED)
        for number in writes
        for side in (BoundarySide.BEFORE, BoundarySide.DONE)
    }
    assert keys == killed | survives | closed
