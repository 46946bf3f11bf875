"""A system is given certificates by hand, holds one or two, and may lie about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from btp_trust_emulator import (
    Conflict,
    Emulator,
    Invalid,
    Unknown,
)
from support.saml import ISSUER, NEW, OLD, UNTRUSTED, create_trusting_system, fingerprint, present_assertion

if TYPE_CHECKING:
    pass


def test_a_system_that_holds_two_certificates_takes_no_third(emulator_at_assertion_time: Emulator) -> None:
    """Until one was removed; the same once more is not a further one."""
    name = create_trusting_system(emulator_at_assertion_time, OLD, NEW, NEW).name
    with pytest.raises(Conflict, match=fingerprint(OLD)):
        emulator_at_assertion_time.upload_certificate(name, UNTRUSTED.certificate)
    emulator_at_assertion_time.remove_certificate(name, fingerprint(OLD))
    target = emulator_at_assertion_time.upload_certificate(name, UNTRUSTED.certificate)
    assert set(target.certificates) == {fingerprint(NEW), fingerprint(UNTRUSTED)}
    with pytest.raises(Unknown, match="does not hold"):
        emulator_at_assertion_time.remove_certificate(name, fingerprint(OLD))


def test_a_system_that_holds_one_certificate_has_the_last(
    emulator_at_assertion_time: Emulator, http: httpx.Client
) -> None:
    """So there is a gap in every rotation."""
    target = create_trusting_system(emulator_at_assertion_time, OLD, NEW, holds=1)
    assert target.certificates == {fingerprint(NEW): ISSUER}
    assert [present_assertion(http, target, signer).status_code for signer in (OLD, NEW)] == [400, 200]


def test_a_system_may_lie(emulator_at_assertion_time: Emulator, http: httpx.Client) -> None:
    """It shows what it refuses, and takes the other one; until it tells the truth."""
    target = create_trusting_system(emulator_at_assertion_time, OLD, NEW)
    assert emulator_at_assertion_time.misreport(target.name, fingerprint(NEW)).certificates == target.certificates
    assert [present_assertion(http, target, signer).status_code for signer in (OLD, NEW)] == [200, 400]
    emulator_at_assertion_time.misreport(target.name)
    assert present_assertion(http, target, NEW).status_code == 200


def test_a_certificate_is_uploaded_for_an_issuer(emulator_at_assertion_time: Emulator, http: httpx.Client) -> None:
    """Another one than its common name, if the person says so."""
    emulator_at_assertion_time.create_target("mine", entity_id="https://my.s4.example.com")
    target = emulator_at_assertion_time.upload_certificate("mine", OLD.certificate, issuer="somebody")
    assert (target.entity_id, target.certificates) == ("https://my.s4.example.com", {fingerprint(OLD): "somebody"})
    assert present_assertion(http, target).status_code == 400


@pytest.mark.parametrize(("name", "holds"), [("S4", 2), ("", 2), ("s4", 0), ("s4", 3)])
def test_a_target_that_cannot_be_is_not_created(module_emulator: Emulator, name: str, holds: int) -> None:
    """Neither with a name that cannot stand in a URL, nor with another number of certificates."""
    with pytest.raises(Invalid, match="was not created"):
        module_emulator.create_target(name, holds=holds)


def test_the_name_of_a_target_is_taken_once(module_emulator: Emulator) -> None:
    """And unknown ones are said to be."""
    module_emulator.create_target("s4")
    with pytest.raises(Conflict, match="s4 is one already"):
        module_emulator.create_target("s4")
    with pytest.raises(Unknown, match="No system is named c4c"):
        module_emulator.target("c4c")
