"""What the engine puts in the place of a program's arguments: values that are unknown, or those of the last deployment.

An unknown value may be any other one: it is never shown, and never mistaken for a text.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.output import UNKNOWN

from btp_trust import property_bag
from btp_trust.active.schema import ActiveArgs
from btp_trust.communication_system.schema import SystemTrustArgs
from btp_trust.errors import TrustError
from btp_trust.identity_provider.schema import IdentityProviderArgs
from btp_trust.passive.schema import PassiveArgs
from btp_trust.property_bag import CommonArgs
from btp_trust.rotation.schema import RotationArgs
from btp_trust.runtime import process_session
from btp_trust.runtime.session import Session
from btp_trust_emulator import Emulator
from support.fake_engine import (
    HOUR,
    PROVIDERS,
    Bag,
    Deployment,
    FakeEngine,
    apply_ignore_changes,
    assert_three_part_message,
    round_trip,
)
from support.verification import PASSWORD, SAML, USER

SHAPES: Final[dict[str, type[CommonArgs]]] = {
    "passive": PassiveArgs,
    "trusted": IdentityProviderArgs,
    "trigger": RotationArgs,
    "active": ActiveArgs,
    "system": SystemTrustArgs,
}
SET_BY_RESOURCE: Final = {"resource_urn", "retain_on_delete", "warned_by", "switched_by"}
NOT_REVIEWED: Final = {
    *SET_BY_RESOURCE,
    "rotation",
    "verify_now",
    "passive",
    "certificate",
    "subaccount_id",
    "source_subaccount_id",
}
"""A reviewer can do without these; an unknown subaccount is the recorded one, or refused later."""
MARKS: Final = (*property_bag._SENTINELS, *(f"a text with {mark} in it" for mark in property_bag._SENTINELS))
RENEWAL_NOTE: Final = (
    f"renew_fingerprint {'ab' * 32} is not the active certificate: nothing to renew; remove the argument"
)
kinds = st.sampled_from(sorted(SHAPES))
marks = st.just(UNKNOWN) | st.sampled_from(MARKS)


@dataclass(frozen=True)
class InputScenario:
    """A stack in which every argument of every resource has a value, and the arguments of its program."""

    engine: FakeEngine
    given: dict[str, Bag]

    def call(self, kind: str, method: str, *args: Any) -> tuple[Any, str]:
        """Begin a command and call one operation; return its result or its error, and all that was printed."""
        stderr = io.StringIO()
        process_session.set_current(Session(self.engine.config.get, self.engine.host(stderr)))
        if kind == "trigger":  # its candidate is checked before it
            process_session.current().plans.of(self.engine.guid).has_passive = True
        try:
            result = getattr(PROVIDERS[kind](), method)(*args)
        except TrustError as error:
            assert_three_part_message(str(error))
            return error, f"{stderr.getvalue()}\n{error}"
        failures = [failure.reason for failure in getattr(result, "failures", [])]
        return result, "\n".join([stderr.getvalue(), *failures])


@pytest.fixture(scope="module")
def scenario() -> Iterator[InputScenario]:
    """Deploy it."""
    with Emulator(key_size=1024) as emulator:
        guid, target = emulator.create_subaccount(generate=True).guid, emulator.create_subaccount().guid
        emulator.advance(HOUR)
        emulator.generate_passive(guid)
        engine = FakeEngine(emulator, guid, target_guid=target)
        emulator.create_user(guid, USER, PASSWORD)
        engine.config["btp-trust:user"] = json.dumps({"name": USER, "password": PASSWORD})
        for name in ("one", "two"):
            emulator.create_destination(guid, {**SAML, "Name": name})
        active, passive = engine.slots
        certificate, _ = emulator.certificates(guid)
        emulator.create_s4("erp")
        emulator.create_communication_system("erp", "BTP", certificate, "saml-bearer")
        connections = json.loads(engine.config["btp-trust:connections"])
        engine.config["btp-trust:connections"] = json.dumps({**connections, "s4": emulator.communication_user("erp")})
        common = {"connection": "default", "subaccount_id": guid, "display_name": "Acme"}
        given: dict[str, Bag] = {
            "passive": {
                **common,
                "generation": "b",
                "adopt": passive,
                "replace": active,
                "resource_urn": "urn:one",
                "retain_on_delete": True,
                "warned_by": "RotationTrigger",
            },
            "trusted": {
                "connection": "billing",
                "subaccount_id": target,
                "display_name": "Acme billing",
                "origin_key": "shop",
                "passive": passive,
                "source_connection": "default",
                "source_subaccount_id": guid,
                "name": "Shop",
                "entity_id": "urn:shop",
                "metadata_layout": "x509-data",
                "adopt": "none",
                "on_delete": "deactivate",
                "retain_on_delete": True,
            },
            "trigger": {
                **common,
                "generation": "a",
                "candidate": {"generation": "b", "generations": {"b": passive}, "subaccount_id": guid},
                "known_generations": {"a": active, "z": "ab" * 32},
                "on_drift": "report",
                "trusted_by": {
                    "s4": [active, "cd" * 32],
                    "sf": {"kind": "switches at rotation", "owner": "HR", "ticket": "HR-1"},
                    "c4c": {"kind": "attested", "fingerprint": active, "by": "Ada", "on": "2026-11-20"},
                    "sac": {"kind": "attested", "fingerprint": passive, "by": "", "on": ""},
                },
                "verify_destinations": ["one", "two"],
                "on_verification_failure": "report",
                "verify_now": "1",
                "list_affected": True,
                "switches": [{"connection": "s4", "system": "BTP", "block": "saml-bearer"}],
                "on_switch_failure": "continue",
                "revoked": {"z": "leaked"},
                "soak": "14d",
                "freeze": [{"from": "2028-12-15", "to": "2029-01-05", "why": "closing"}],
                "window": {"cron": "0 2 * * SUN", "duration": "4h", "time_zone": "Europe/Berlin"},
                "when": "next_window",
                "break_glass": {"b": "INC-1"},
            },
            "active": {
                **common,
                "rotation": "a",
                "generate": True,
                "renew_fingerprint": "ab" * 32,
                "accept_outage": True,
                "warned_by": "RotationTrigger",
            },
            "system": {
                "connection": "s4",
                "system": "BTP",
                "block": "saml-bearer",
                "certificate": certificate,
                "certificate_format": "pem",
                "switched_by": "RotationTrigger",
            },
        }

        def program(deployment: Deployment) -> None:
            for kind, arguments in given.items():
                deployment._register(kind, kind, dict(arguments))

        engine.up(program)
        assert engine.up(program).has_no_changes
        yield InputScenario(engine, given)
        process_session.set_current(None)


@st.composite
def made_unknown(draw: st.DrawFn, value: Any) -> Any:
    """Make a value unknown, or anything in it."""
    inner = {"dict": dict, "list": list}.get(type(value).__name__)
    if inner is None or not value or draw(st.booleans()):
        return draw(marks)
    copied = inner(value)
    place = draw(st.sampled_from(sorted(copied) if isinstance(copied, dict) else range(len(copied))))
    copied[place] = draw(made_unknown(copied[place]))
    return copied


@st.composite
def partly_unknown(draw: st.DrawFn, bag: Bag) -> tuple[Bag, set[str]]:
    """Make some properties of a bag unknown; name them."""
    names = draw(st.sets(st.sampled_from(sorted(bag)), min_size=1, max_size=3))
    return {**bag, **{name: draw(made_unknown(bag[name])) for name in sorted(names)}}, names


def assert_unmarked(text: str) -> None:
    """Assert that every mark of an unknown value is missing in the text."""
    assert [mark for mark in property_bag._SENTINELS if mark in text] == []


def test_the_scenario_has_every_argument(scenario: InputScenario) -> None:
    """So that an argument which is added later is covered too."""
    for kind, shape in SHAPES.items():
        besides = {"candidate"} if kind == "trigger" else set()
        assert set(scenario.given[kind]) == set(shape.__struct_fields__) | besides


@given(kind=kinds, data=st.data())
def test_diff_of_unknown_values_is_silent(scenario: InputScenario, kind: str, data: st.DataObject) -> None:
    """As before a replacement, before any check: a change, and silence; old outputs may be unknown too."""
    stored = scenario.engine.state[kind]
    news, _ = data.draw(partly_unknown(round_trip(stored.inputs)))
    olds = data.draw(
        st.just(round_trip(stored.outputs)) | partly_unknown(round_trip(stored.outputs)).map(lambda drawn: drawn[0])
    )
    journal = len(scenario.engine.emulator.journal())

    result, printed = scenario.call(kind, "diff", stored.id, olds, news)

    assert not isinstance(result, TrustError), result
    assert result.changes is True
    assert result.replaces is None
    assert printed.strip() == ""
    assert len(scenario.engine.emulator.journal()) == journal


@given(kind=kinds, data=st.data())
def test_check_of_unknown_values(scenario: InputScenario, kind: str, data: st.DataObject) -> None:
    """Arguments that a reviewer has to see are refused by name; the rest is shown as unknown."""
    news, names = data.draw(partly_unknown(scenario.given[kind]))
    olds = data.draw(st.sampled_from([round_trip(scenario.engine.state[kind].inputs), {}]))

    result, printed = scenario.call(kind, "check", olds, news)

    assert not isinstance(result, TrustError), result
    assert_unmarked(printed)
    must_be_known = names - NOT_REVIEWED - left_open_inside(news)
    unplanned = not olds and {"subaccount_id", "source_subaccount_id"} & names
    failed = {str(re.search(r"`(\w+)`", failure.reason)[1]) for failure in result.failures}  # type: ignore[index]
    assert {failure.property for failure in result.failures} <= {*failed, ""}
    assert failed <= must_be_known
    assert bool(failed) == bool(must_be_known and not unplanned)
    for failure in result.failures:
        assert_three_part_message(failure.reason)


def left_open_inside(news: Bag) -> set[str]:
    """Name the arguments of which a part may be unknown: the statement of a target, a fingerprint."""
    inside = set()
    if isinstance(news.get("trusted_by"), dict):
        inside.add("trusted_by")
    candidate = news.get("candidate")
    if isinstance(candidate, dict) and not property_bag.is_unknown(candidate["generation"]):
        inside.add("candidate")
    return inside


@given(kind=kinds, data=st.data())
def test_diff_accepts_unknown_inputs_of_check(scenario: InputScenario, kind: str, data: st.DataObject) -> None:
    """In the same command, diff reports a change if the checked inputs are partly unknown, and only then."""
    news, _ = data.draw(partly_unknown({name: scenario.given[kind][name] for name in _left_open(kind)}))
    stored = scenario.engine.state[kind]
    checked, _ = scenario.call(kind, "check", round_trip(stored.inputs), {**scenario.given[kind], **news})
    assert checked.failures == []

    shared = process_session.current()
    changes = PROVIDERS[kind]().diff(stored.id, round_trip(stored.outputs), round_trip(checked.inputs)).changes

    is_open = property_bag.is_unknown(checked.inputs)
    assert changes is is_open
    assert shared.plans.has_unknown(checked.inputs) is is_open


def _left_open(kind: str) -> tuple[str, ...]:
    names = {
        "passive": ("resource_urn", "retain_on_delete", "warned_by"),
        "trusted": ("passive", "retain_on_delete"),
        "trigger": ("verify_now",),
        "active": ("rotation", "warned_by"),
        "system": ("certificate", "switched_by"),
    }
    return names[kind] if kind == "system" else (*names[kind], "subaccount_id")


@given(
    kind=kinds,
    method=st.sampled_from(["check", "diff", "create", "update", "read", "delete"]),
    data=st.data(),
)
def test_an_edited_state_with_unknown_values(
    scenario: InputScenario, kind: str, method: str, data: st.DataObject
) -> None:
    """Pulumi writes none, but a state can be edited: an unknown value counts as missing, and is never shown."""
    stored = scenario.engine.state[kind]
    inputs, _ = data.draw(partly_unknown(round_trip(stored.inputs)))
    outputs, _ = data.draw(partly_unknown(round_trip(stored.outputs)))
    arguments: dict[str, tuple[Any, ...]] = {
        "check": (inputs, scenario.given[kind]),
        "diff": (stored.id, outputs, round_trip(stored.inputs)),
        "create": (inputs,),
        "update": (stored.id, outputs, round_trip(stored.inputs)),
        "read": (stored.id, outputs),
        "delete": (stored.id, {**outputs, "fingerprint": "ab" * 32, "identity_provider_id": "another"}),
    }
    slots = scenario.engine.slots

    result, printed = scenario.call(kind, method, *arguments[method])

    assert_unmarked(printed)
    assert scenario.engine.slots == slots
    if not isinstance(result, TrustError):
        assert not property_bag.is_unknown(getattr(result, "outs", None))


@given(kind=kinds, data=st.data())
def test_check_accepts_its_own_inputs(scenario: InputScenario, kind: str, data: st.DataObject) -> None:
    """`ignore_changes`, of some or of all of them, changes nothing: check returns the same inputs."""
    stored = scenario.engine.state[kind]
    names = st.sets(st.sampled_from(sorted({*stored.inputs, *scenario.given[kind]})))
    ignored = data.draw(st.just({"*"}) | names)

    news = apply_ignore_changes(ignored, stored.inputs, scenario.given[kind])
    result, printed = scenario.call(kind, "check", round_trip(stored.inputs), round_trip(news))

    assert all(line.endswith(f": {RENEWAL_NOTE}") for line in printed.splitlines())
    assert result.failures == []
    assert round_trip(result.inputs) == round_trip(stored.inputs)
