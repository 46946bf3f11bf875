"""The context of an operation: what lines and errors name, and where that is known from."""

from __future__ import annotations

import copyreg
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from btp_trust.errors import NotAuthorized, Refused
from btp_trust.runtime import operation_context
from btp_trust.runtime.operation_context import OperationContext

GUID = "1a2b3c4d-1111-4222-8333-000000005cdd"
LABEL = "acme-prod (1a2b3c4d)"
URN = "urn:pulumi:dev::project::my:component:Trust$pulumi-python:dynamic/btp-trust:RotationTrigger::a::b"


def called_about(urn: object, known: dict[str, Any]) -> OperationContext:
    """Begin an operation as Pulumi's plugin does: its server has a local of this name."""
    request = SimpleNamespace(urn=urn)
    with operation_context.begin(known) as context:
        assert request is not None
        return context


@pytest.mark.parametrize(
    ("urn", "label", "subject"),
    [
        (URN, LABEL, f"RotationTrigger a::b, {LABEL}: "),
        (URN, "", "RotationTrigger a::b: "),
        ("", LABEL, f"{LABEL}: "),
        ("", "", ""),
    ],
)
def test_subject_names_what_is_known(urn: str, label: str, subject: str) -> None:
    """A line begins with kind and name of the resource and with the subaccount, as far as they are known."""
    context = OperationContext(urn, GUID, label)
    assert context.subject("a line", with_resource=True) == subject
    assert context.subject("a line", with_resource=False) == (f"{label}: " if label else "")


def test_subaccount_is_named_once() -> None:
    """A line that begins with its subaccount is left as it is; one that names it later is not."""
    context = OperationContext(URN, GUID, LABEL)
    assert context.subject(f"{LABEL} was not checked", with_resource=False) == ""
    assert context.subject(f"rotate. The slots of {LABEL}: …", with_resource=False) == f"{LABEL}: "


def test_error_keeps_class_and_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    """The named error is a copy, also beside libraries that pickle exceptions in another way, as Dask's does."""
    monkeypatch.setitem(copyreg.dispatch_table, Refused, lambda _: "the same one")
    error = Refused("What.", "Why.", "Do.", prop="adopt")
    named = OperationContext(URN, GUID, LABEL).named(error)
    assert (str(named), named.prop, type(named)) == (f"{LABEL}: What.\nWhy.\nDo.", "adopt", Refused)
    assert named.args == (f"{LABEL}: What.", "Why.", "Do.")
    assert error.what == "What."
    assert OperationContext(URN, GUID, LABEL).named(named).what == named.what
    assert OperationContext().named(NotAuthorized("What.", "Why.", "Do.")).what == "What."


@pytest.mark.parametrize(
    ("known", "label"),
    [
        ({"subaccount": LABEL, "subaccount_id": GUID}, LABEL),
        ({"subaccount_id": GUID}, "subaccount 1a2b3c4d"),
        ({"subaccount_id": GUID, "display_name": "Acme"}, "Acme (1a2b3c4d)"),
        ({"display_name": "Acme"}, ""),
        ({"subaccount_id": "S3CRET", "display_name": "Acme"}, ""),
        ({"subaccount_id": 7, "subaccount": 7}, ""),
        ({}, ""),
    ],
)
def test_label_before_any_token(known: dict[str, Any], label: str) -> None:
    """The state names the subaccount, or the arguments with a GUID; any other text may be a secret."""
    assert called_about(URN, known).label == label


def test_urn_of_the_call() -> None:
    """The URN is that of the engine's request; other values of that name are none."""
    assert called_about(URN, {}).urn == URN
    assert called_about(None, {}).urn == ""
    assert operation_context.current() == OperationContext()


def test_distant_callers_are_ignored() -> None:
    """Only a few frames are looked at, and none at all is no problem."""

    def deeper(levels: int) -> str:
        return deeper(levels - 1) if levels else called_about(None, {}).urn

    request = SimpleNamespace(urn=URN)
    assert request.urn == URN
    assert deeper(30) == ""
    with ThreadPoolExecutor() as threads:
        assert threads.submit(called_about, None, {}).result().urn == ""
