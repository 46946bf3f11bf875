"""The rules of the two slots."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust_emulator import NoKeyPair, PassiveWithoutActive, RotateWithoutActive, Slot, Switches
from btp_trust_emulator.backend import slot_rules
from btp_trust_emulator.backend.account import Account, KeyPair

ACCOUNT = Account("00000000-1111-4222-8333-000000005cdd", "sub", "00000000-1111-4222-8333-00000000aaaa", "secret")
ACTIVE, PASSIVE = KeyPair("active"), KeyPair("passive")
LENIENT = Switches(rotate_without_active=RotateWithoutActive.SWAP)
STRICT = Switches(passive_without_active=PassiveWithoutActive.REFUSE)


@dataclass
class Model:
    """The model: two variables, which are all that the slots of a subaccount are."""

    active: str | None = None
    passive: str | None = None

    def follow(self, step: str, name: str) -> None:
        """Do the step if the slots allow it."""
        if step == "generate active":
            self.active = name
        elif step == "generate passive":
            self.passive = name
        elif step == "delete passive":
            self.passive = None
        elif self.active is not None and self.passive is not None:
            self.active, self.passive = self.passive, self.active


def follow(account: Account, step: str, name: str) -> Account:
    """Return the same step by the emulator's rules."""
    try:
        match step:
            case "generate active":
                return slot_rules.with_generated(account, Slot.ACTIVE, KeyPair(name), Switches())
            case "generate passive":
                return slot_rules.with_generated(account, Slot.PASSIVE, KeyPair(name), Switches())
            case "delete passive":
                return slot_rules.without_passive(account)
            case _:
                return slot_rules.with_slots_swapped(account, Switches())
    except NoKeyPair:
        return account


STEPS = st.sampled_from(["generate active", "generate passive", "delete passive", "rotate"])


@given(st.lists(STEPS, max_size=30))
def test_steps_follow_two_variable_model(steps: list[str]) -> None:
    """After any sequence of generate, delete and rotate, the slots are those of a model with two variables."""
    model, account = Model(), ACCOUNT
    for number, step in enumerate(steps):
        model.follow(step, f"certificate {number}")
        account = follow(account, step, f"certificate {number}")
        assert (account.certificate(Slot.ACTIVE), account.certificate(Slot.PASSIVE)) == (model.active, model.passive)


def test_rotating_twice_changes_nothing() -> None:
    """A second rotation undoes the first."""
    account = replace(ACCOUNT, active=ACTIVE, passive=PASSIVE)
    assert slot_rules.with_slots_swapped(slot_rules.with_slots_swapped(account, Switches()), Switches()) == account


def test_rotating_needs_active_certificate() -> None:
    """By default the error names the empty slot; with the switch, the passive certificate becomes active."""
    account = replace(ACCOUNT, passive=PASSIVE)
    with pytest.raises(NoKeyPair) as refusal:
        slot_rules.with_slots_swapped(account, Switches())
    assert refusal.value.slot is Slot.ACTIVE
    assert slot_rules.with_slots_swapped(account, LENIENT) == replace(ACCOUNT, active=PASSIVE)


def test_passive_needs_no_active_certificate() -> None:
    """By default a passive certificate is generated; with the switch, the error names the empty slot."""
    assert slot_rules.with_generated(ACCOUNT, Slot.PASSIVE, PASSIVE, Switches()).passive == PASSIVE
    with pytest.raises(NoKeyPair) as refusal:
        slot_rules.with_generated(ACCOUNT, Slot.PASSIVE, PASSIVE, STRICT)
    assert refusal.value.slot is Slot.ACTIVE


def test_representation_shows_no_secret() -> None:
    """A printed value shows neither private keys nor client secrets."""
    account = replace(ACCOUNT, client_secret="hush-secret", active=KeyPair("pem", "hush-key"))
    assert "hush" not in repr(account)
