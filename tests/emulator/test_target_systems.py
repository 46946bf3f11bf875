"""A system gets certificates by hand, holds one or two, and may misreport them."""

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


def test_third_certificate_is_refused(emulator_at_assertion_time: Emulator) -> None:
    """A system that holds two needs a removal first; the same certificate again is no third."""
    name = create_trusting_system(emulator_at_assertion_time, OLD, NEW, NEW).name
    with pytest.raises(Conflict, match=fingerprint(OLD)):
        emulator_at_assertion_time.upload_certificate(name, UNTRUSTED.certificate)
    emulator_at_assertion_time.remove_certificate(name, fingerprint(OLD))
    target = emulator_at_assertion_time.upload_certificate(name, UNTRUSTED.certificate)
    assert set(target.certificates) == {fingerprint(NEW), fingerprint(UNTRUSTED)}
    with pytest.raises(Unknown, match="is missing in s4"):
        emulator_at_assertion_time.remove_certificate(name, fingerprint(OLD))


def test_single_place_keeps_last_certificate(emulator_at_assertion_time: Emulator, http: httpx.Client) -> None:
    """A system that holds one certificate has the last one, so every rotation has a gap."""
    target = create_trusting_system(emulator_at_assertion_time, OLD, NEW, holds=1)
    assert target.certificates == {fingerprint(NEW): ISSUER}
    assert [present_assertion(http, target, signer).status_code for signer in (OLD, NEW)] == [400, 200]


def test_system_can_misreport(emulator_at_assertion_time: Emulator, http: httpx.Client) -> None:
    """The system shows the certificate that it rejects, and accepts the other, until it is corrected."""
    target = create_trusting_system(emulator_at_assertion_time, OLD, NEW)
    assert emulator_at_assertion_time.misreport(target.name, fingerprint(NEW)).certificates == target.certificates
    assert [present_assertion(http, target, signer).status_code for signer in (OLD, NEW)] == [200, 400]
    emulator_at_assertion_time.misreport(target.name)
    assert present_assertion(http, target, NEW).status_code == 200


def test_certificate_has_given_issuer(emulator_at_assertion_time: Emulator, http: httpx.Client) -> None:
    """An upload may name another issuer than the common name."""
    emulator_at_assertion_time.create_target("mine", entity_id="https://my.s4.example.com")
    target = emulator_at_assertion_time.upload_certificate("mine", OLD.certificate, issuer="somebody")
    assert (target.entity_id, target.certificates) == ("https://my.s4.example.com", {fingerprint(OLD): "somebody"})
    assert present_assertion(http, target).status_code == 400


@pytest.mark.parametrize(("name", "holds"), [("S4", 2), ("", 2), ("s4", 0), ("s4", 3)])
def test_invalid_target_is_refused(module_emulator: Emulator, name: str, holds: int) -> None:
    """A name that cannot stand in a URL, or another number of certificates, is refused."""
    with pytest.raises(Invalid, match="was not created"):
        module_emulator.create_target(name, holds=holds)


def test_target_name_is_unique(module_emulator: Emulator) -> None:
    """A taken name is refused, and an unknown one is reported."""
    module_emulator.create_target("s4")
    with pytest.raises(Conflict, match="s4 exists already"):
        module_emulator.create_target("s4")
    with pytest.raises(Unknown, match="lacks a system c4c"):
        module_emulator.target("c4c")
