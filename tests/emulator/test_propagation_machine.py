"""A user is accepted exactly while the target trusts the signer, after any history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from btp_trust_emulator import Conflict, Emulator
from btp_trust_emulator.pki import trust_certificate

if TYPE_CHECKING:
    pass


class Propagation(RuleBasedStateMachine):
    """A source, a target that holds one certificate or two, and the three facts of both that matter."""

    emulator: ClassVar[Emulator]

    @initialize(holds=st.sampled_from([1, 2]))
    def begin(self, holds: int) -> None:
        """Create a source, and a target with a certificate that it trusts."""
        self.guid = self.emulator.create_subaccount(generate=True).guid
        self.emulator.create_user(self.guid, "joe", "secret")
        self.target = self.emulator.create_target(f"t-{self.guid}", holds=holds)
        self.emulator.create_destination(self.guid, self.target.properties("to-target"))
        self.token = self.emulator.user_token(self.guid, "joe")
        self.holds, self.held, self.misreported = holds, list[str](), set[str]()
        self.upload(0)

    @rule(slot=st.integers(0, 1))
    def upload(self, slot: int) -> None:
        """Upload the certificate in a slot, as a person does."""
        pem = self.emulator.certificates(self.guid)[slot]
        if pem is None:
            return
        new = trust_certificate.fingerprint(pem)
        kept = [] if self.holds == 1 else [kept for kept in self.held if kept != new]
        if len(kept) >= self.holds:
            with pytest.raises(Conflict):
                self.emulator.upload_certificate(self.target.name, pem)
            return
        self.held = [*kept, new]
        assert list(self.emulator.upload_certificate(self.target.name, pem).certificates) == self.held

    @precondition(lambda self: self.held)
    @rule()
    def remove(self) -> None:
        """Remove the oldest certificate, as a person does."""
        self.emulator.remove_certificate(self.target.name, self.held.pop(0))

    @rule()
    def prepare(self) -> None:
        """Generate or renew the passive certificate."""
        self.emulator.generate_passive(self.guid)

    @precondition(lambda self: self.emulator.slots(self.guid).passive)
    @rule()
    def rotate(self) -> None:
        """Swap the certificates."""
        self.emulator.rotate(self.guid)

    @precondition(lambda self: self.held)
    @rule(misreports=st.booleans())
    def misreport(self, misreports: bool) -> None:  # noqa: FBT001 - from hypothesis
        """Let the target misreport the newest certificate, or stop it."""
        self.misreported = {self.held[-1]} if misreports else set()
        shown = self.emulator.misreport(self.target.name, *self.misreported).certificates
        assert list(shown) == self.held

    @rule()
    def find(self) -> None:
        """Check that the user is accepted, or that the error says that the assertion is rejected."""
        active = self.emulator.slots(self.guid).active
        (token,) = self._found()["authTokens"]
        assert ("error" not in token) == (active in set(self.held) - self.misreported)
        assert token.get("error", "invalid_grant").count("invalid_grant") == 1

    def _found(self) -> dict[str, Any]:
        url = f"{self.emulator.url}/destination-configuration/v1/destinations/to-target"
        with httpx.Client(transport=self.emulator.transport) as http:
            return dict(http.get(url, headers={"authorization": f"Bearer {self.token}"}).json())


def test_user_is_accepted_while_signer_trusted(module_emulator: Emulator) -> None:
    """After any uploads, removals, misreports and rotations, the signer's trust decides about the user."""
    Propagation.emulator = module_emulator
    run_state_machine_as_test(
        Propagation,
        settings=settings(
            max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
