"""The matrix is complete: every boundary of every request is played, once, with every interruption."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from support import fake_engine
from support.crash_matrix.cells import Interruption, cells, moments, same_moment
from support.crash_matrix.operations import MINT
from support.intercepting_proxy import Moment, Side

REQUESTS = st.lists(
    st.sampled_from(["POST token", "GET certificate", "POST certificate/passive", "POST rotateCertificate"]), min_size=1
)


@given(REQUESTS)
def test_every_boundary_is_played_once(requests: list[str]) -> None:
    """Before, after and answered, of each request: nothing is left out, and nothing is played twice."""
    played = list(moments(requests))

    boundaries = [Moment(number, side) for number in range(1, len(requests) + 1) for side in Side]
    assert {same_moment(each, requests) for each in boundaries} == set(played)
    assert max(Counter(played).values()) == 1
    assert [each for each in played if each.number > len(requests)] == []


@given(REQUESTS)
def test_every_interruption_meets_every_moment_that_it_can(requests: list[str]) -> None:
    """The kills at every moment; a connection that closes at both sides of each write; a plugin that goes on."""
    found = {(cell.moment, cell.interruption) for cell in cells(MINT, requests)}

    writes = [number for number, request in enumerate(requests, 1) if not fake_engine.is_read(request)]
    killed = {
        (each, how) for each in moments(requests) for how in (Interruption.ALL_KILLED, Interruption.PLUGIN_KILLED)
    }
    goes_on = {
        (Moment(number, Side.DONE), Interruption.PULUMI_KILLED) for number in range(1, len(requests) + 1) if writes
    }
    closed = {(Moment(number, side), Interruption.CLOSED) for number in writes for side in (Side.BEFORE, Side.DONE)}
    assert found == killed | goes_on | closed
