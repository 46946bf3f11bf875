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
from support.saml import ISSUER, NEW, OLD, STRANGER, fingerprint, present, trusting_system

if TYPE_CHECKING:
    pass


def test_a_system_that_holds_two_certificates_takes_no_third(at_noon: Emulator) -> None:
    """Until one was removed; the same once more is not a further one."""
    name = trusting_system(at_noon, OLD, NEW, NEW).name
    with pytest.raises(Conflict, match=fingerprint(OLD)):
        at_noon.upload_certificate(name, STRANGER.certificate)
    at_noon.remove_certificate(name, fingerprint(OLD))
    target = at_noon.upload_certificate(name, STRANGER.certificate)
    assert set(target.certificates) == {fingerprint(NEW), fingerprint(STRANGER)}
    with pytest.raises(Unknown, match="does not hold"):
        at_noon.remove_certificate(name, fingerprint(OLD))


def test_a_system_that_holds_one_certificate_has_the_last(at_noon: Emulator, http: httpx.Client) -> None:
    """So there is a gap in every rotation."""
    target = trusting_system(at_noon, OLD, NEW, holds=1)
    assert target.certificates == {fingerprint(NEW): ISSUER}
    assert [present(http, target, signer).status_code for signer in (OLD, NEW)] == [400, 200]


def test_a_system_may_lie(at_noon: Emulator, http: httpx.Client) -> None:
    """It shows what it refuses, and takes the other one; until it tells the truth."""
    target = trusting_system(at_noon, OLD, NEW)
    assert at_noon.lie(target.name, fingerprint(NEW)).certificates == target.certificates
    assert [present(http, target, signer).status_code for signer in (OLD, NEW)] == [200, 400]
    at_noon.lie(target.name)
    assert present(http, target, NEW).status_code == 200


def test_a_certificate_is_uploaded_for_an_issuer(at_noon: Emulator, http: httpx.Client) -> None:
    """Another one than its common name, if the person says so."""
    at_noon.create_target("mine", entity_id="https://my.s4.example.com")
    target = at_noon.upload_certificate("mine", OLD.certificate, issuer="somebody")
    assert (target.entity_id, target.certificates) == ("https://my.s4.example.com", {fingerprint(OLD): "somebody"})
    assert present(http, target).status_code == 400


@pytest.mark.parametrize(("name", "holds"), [("S4", 2), ("", 2), ("s4", 0), ("s4", 3)])
def test_a_target_that_cannot_be_is_not_created(running: Emulator, name: str, holds: int) -> None:
    """Neither with a name that cannot stand in a URL, nor with another number of certificates."""
    with pytest.raises(Invalid, match="was not created"):
        running.create_target(name, holds=holds)


def test_the_name_of_a_target_is_taken_once(running: Emulator) -> None:
    """And unknown ones are said to be."""
    running.create_target("s4")
    with pytest.raises(Conflict, match="s4 is one already"):
        running.create_target("s4")
    with pytest.raises(Unknown, match="No system is named c4c"):
        running.target("c4c")
