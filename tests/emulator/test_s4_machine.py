"""A tenant accepts exactly the signer that its communication system holds, after any history and with any switches."""

from __future__ import annotations

from typing import ClassVar

import httpx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from btp_trust_emulator import Emulator, Etags, FieldFormat, S4Switches, SubjectAndIssuer
from support.s4 import BASE64, S4Scenario, field_text
from support.saml import NEW, NOW, OLD, UNTRUSTED, Signer

SIGNERS = st.sampled_from([OLD, NEW, UNTRUSTED])
SWITCHES = st.builds(
    S4Switches,
    field_format=st.sampled_from(FieldFormat),
    etags=st.sampled_from(Etags),
    subject_and_issuer=st.sampled_from(SubjectAndIssuer),
    effect_delay_seconds=st.sampled_from([0, 10]),
)


class SwitchedSystem(RuleBasedStateMachine):
    """A communication system, what its block holds, and what counts already."""

    emulator: ClassVar[Emulator]
    http: ClassVar[httpx.Client]

    @initialize(switches=SWITCHES)
    def begin(self, switches: S4Switches) -> None:
        """Create a tenant whose system holds a signer."""
        self.emulator.set_clock(NOW)
        self.s4 = S4Scenario(self.emulator, self.http, switches)
        self.held: Signer | None = OLD
        self.counting: Signer | None = OLD

    @rule(signer=st.none() | SIGNERS)
    def patch(self, signer: Signer | None) -> None:
        """Patch the certificate, which counts at once unless patches are delayed."""
        text = field_text(signer, self.s4.switches.field_format) if signer else ""
        assert self.s4.patch({BASE64: text}).status_code == 200
        assert self.s4.entity()[BASE64] == text
        self.held = signer
        if self.s4.switches.effect_delay_seconds == 0:
            self.counting = signer

    @rule(signer=SIGNERS)
    def upload(self, signer: Signer) -> None:
        """Let a person upload a certificate, which counts at once."""
        self.s4.trust(signer)
        self.held = self.counting = signer

    @rule()
    def wait(self) -> None:
        """Let the delay pass."""
        self.emulator.advance(10)
        self.counting = self.held

    @rule(signer=SIGNERS, header=st.sampled_from(["x_csrf_token", "if_match"]))
    def patch_with_old_header(self, signer: Signer, header: str) -> None:
        """Send a patch with an old token or ETag: refused, unless entities lack ETags."""
        if header == "if_match" and self.s4.switches.etags is Etags.OFF:
            return
        text = field_text(signer, self.s4.switches.field_format)
        assert self.s4.patch({BASE64: text}, **{header: "old"}).status_code in {403, 412}

    @invariant()
    def accepts_what_counts(self) -> None:
        """Check that exactly the signer that counts is accepted."""
        accepted = self.s4.accepted(OLD, NEW, UNTRUSTED)
        assert accepted == [self.counting is signer for signer in (OLD, NEW, UNTRUSTED)]


def test_accepted_signer_is_held_one(emulator_at_assertion_time: Emulator, http: httpx.Client) -> None:
    """After any patches, uploads and refused writes, the block's certificate decides alone."""
    SwitchedSystem.emulator, SwitchedSystem.http = emulator_at_assertion_time, http
    run_state_machine_as_test(
        SwitchedSystem,
        settings=settings(
            max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
