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
    """Before, after and answered, of each request: nothing is left out, and nothing is played twice."""
    played = list(all_boundaries(requests))

    boundaries = [Boundary(number, side) for number in range(1, len(requests) + 1) for side in BoundarySide]
    assert {played_boundary(each, requests) for each in boundaries} == set(played)
    assert max(Counter(played).values()) == 1
    assert [each for each in played if each.number > len(requests)] == []


@given(REQUESTS)
def test_every_interruption_meets_every_moment_that_it_can(requests: list[str]) -> None:
    """The kills at every moment; a connection that closes at both sides of each write; a plugin that goes on."""
    found = {(cell.boundary, cell.interruption) for cell in cells(GENERATE, requests)}

    writes = [number for number, request in enumerate(requests, 1) if not fake_engine.is_read(request)]
    killed = {
        (each, how)
        for each in all_boundaries(requests)
        for how in (Interruption.ALL_KILLED, Interruption.PLUGIN_KILLED)
    }
    goes_on = {
        (Boundary(number, BoundarySide.DONE), Interruption.PULUMI_KILLED)
        for number in range(1, len(requests) + 1)
        if writes
    }
    closed = {
        (Boundary(number, side), Interruption.CLOSED)
        for number in writes
        for side in (BoundarySide.BEFORE, BoundarySide.DONE)
    }
    assert found == killed | goes_on | closed
