"""The SAML bearer grant at a target: an assertion is validated, and accepted once where replays are rejected.

See RFC 7522, section 3, items 1 to 9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btp_trust_emulator.saml import validation
from btp_trust_emulator.saml.rules import RejectionReason
from btp_trust_emulator.saml.validation import AssertionRejected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from btp_trust_emulator.backend.landscape import Landscape
    from btp_trust_emulator.saml.validation import RelyingParty, ValidAssertion


def accept_assertion(
    landscape: Landscape, relying_party: RelyingParty, form: Mapping[str, str], *, once: bool
) -> ValidAssertion:
    """Return the assertion of a token request, if it is valid; with `once`, record that it was used.

    Raises:
        AssertionRejected: the assertion is invalid or, with `once`, was used before.
    """
    octets = validation.decode_assertion(form["assertion"], relying_party.rules)
    valid = validation.validate(octets, relying_party, landscape.clock.now())
    if not once:
        return valid
    key = f"{relying_party.entity_id} {valid.issuer} {valid.assertion_id}"
    if key in landscape.state.used_assertions:
        raise AssertionRejected("it was used before", RejectionReason.REPLAY)
    landscape.commit(lambda old: old.with_used_assertion(key, valid.until, landscape.clock.now()))
    return valid


def acceptance_note(valid: ValidAssertion) -> str:
    """Return what the journal says of an accepted assertion."""
    return f"accepted an assertion signed with {valid.fingerprint}"
