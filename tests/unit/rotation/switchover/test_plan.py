"""The table of `rotation.switchover.plan`, for any number of systems in any state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from btp_trust.certificate import parse_pem
from btp_trust.errors import Refused, ServiceUnavailable, TrustError
from btp_trust.rotation.decision import Action, Decision, Reason
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.switchover.plan import SwitchoverPlan, plan_switchover
from btp_trust.rotation.switchover.reading import Systems
from btp_trust.rotation.switchover.schema import OnSwitchFailure, PlannedSwitch, PlannedSwitchover, Switch
from btp_trust.service.communication_systems import SystemTrust, TrustBlock
from btp_trust.snapshot import Snapshot
from support import certificates

OLD, NEW, OTHER = (parse_pem(certificates.certificate(serial, key=b"k%d" % serial)) for serial in (1, 2, 3))
SWAP, RECORD, REPORT = (
    Decision(Action.SWAP, Reason.ROTATE),
    Decision(Action.RECORD, Reason.ALREADY_SIGNS),
    Decision(Action.REPORT, Reason.DRIFT),
)
UNREAD = ServiceUnavailable("No connection.", "It was refused.", "Wait.")
FIELDS = {"new": NEW.body, "old": OLD.body, "other": OTHER.body, "empty": ""}
STATES = (*FIELDS, "unread")
found_states = st.dictionaries(st.sampled_from(["A", "B", "C"]), st.sampled_from(STATES), min_size=1)
LAST = PlannedSwitchover(number=4, step="", gap="", failure="", systems={})


def reading(state: str) -> SystemTrust | TrustError:
    """Return what a reading of a system in this state gives."""
    if state == "unread":
        return UNREAD
    return SystemTrust(
        system="A",
        block=TrustBlock.OAUTH2,
        uuid="1",
        etag=None,
        is_active=True,
        provider_name="shop",
        subject="",
        issuer="",
        field=FIELDS[state],
    )


def plan(states: Mapping[str, str], decision: Decision, **arguments: Any) -> SwitchoverPlan:
    """Plan with the slots before or after a rotation from `OLD` to `NEW`."""
    arguments = {"deployed_generation": "old", "last": LAST, **arguments}
    last = arguments.pop("last")
    active, passive = (OLD, NEW) if decision is SWAP else (NEW, OLD)
    snapshot = Snapshot("guid", active, passive, OLD.not_before)
    names = {"old": OLD.fingerprint, "new": NEW.fingerprint}
    declaration = Declaration(generation="new", recorded_generations=names, **arguments)
    systems = Systems({name: reading(state) for name, state in states.items()})
    return plan_switchover(declaration, decision, snapshot, systems, last)


@given(found_states, st.sampled_from(OnSwitchFailure))
def test_swap_leaves_no_system_behind(states: dict[str, str], policy: OnSwitchFailure) -> None:
    """A swap is planned only with systems that trust one of both certificates; `continue` admits unread ones."""
    stops = {"other", "empty"} | ({"unread"} if policy is OnSwitchFailure.ROLLBACK else set())
    if stops & set(states.values()):
        with pytest.raises((Refused, ServiceUnavailable)):
            plan(states, SWAP, on_switch_failure=policy)
        return
    planned = plan(states, SWAP, on_switch_failure=policy)

    assert planned.is_due
    assert planned.planned is not None
    assert planned.planned.number == 5
    assert len(planned.warnings) == list(states.values()).count("unread")
    texts = {"new": NEW.fingerprint[:8], "old": OLD.fingerprint[:8], "unread": "unknown:"}
    assert {name: line.trusts[:8] for name, line in planned.planned.systems.items()} == {
        name: texts[state] for name, state in states.items()
    }


@given(found_states)
def test_interrupted_run_is_completed(states: dict[str, str]) -> None:
    """While the declared certificate signs, those that trust the other one are due, and problems are warnings."""
    planned = plan(states, RECORD)

    assert planned.is_due == ("old" in states.values())
    assert len(planned.warnings) == sum(state in ("other", "empty", "unread") for state in states.values())
    if not planned.is_due:
        assert planned.planned is LAST


@given(found_states)
def test_drift_leaves_systems_alone(states: dict[str, str]) -> None:
    """While another certificate signs than declared, nothing is planned or said of the systems."""
    assert plan(states, REPORT) == SwitchoverPlan(LAST)


@given(found_states)
def test_creation_never_writes(states: dict[str, str]) -> None:
    """A new trigger warns of systems that the next deployment switches over."""
    planned = plan(states, RECORD, deployed_generation=None, last=None)

    assert (planned.planned, planned.is_due) == (None, False)
    assert ("Creating a RotationTrigger" in str(planned.left)) == ("old" in states.values())


@given(found_states)
def test_refusal_names_the_system(states: dict[str, str]) -> None:
    """The first problem of a swap is refused by its name, with a way out."""
    assume({"other", "empty", "unread"} & set(states.values()))
    with pytest.raises(TrustError) as refused:
        plan(states, SWAP)

    assert any(f"{name} " in refused.value.what for name in states)
    assert refused.value.remedy


def test_switch_is_named_by_its_block() -> None:
    """Two blocks of one system are two switches."""
    names = {
        Switch(connection="s4", system="TRUST", block=block).name
        for block in (TrustBlock.OAUTH2, TrustBlock.SAML_BEARER)
    }

    assert names == {"s4/TRUST (oauth2)", "s4/TRUST (saml-bearer)"}
    assert PlannedSwitch(trusts="a", will_trust="b") != PlannedSwitch(trusts="b", will_trust="a")
