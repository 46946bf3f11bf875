"""The SAML bearer grant at a target: an assertion is judged, and taken once where a second time is refused.

See RFC 7522, section 3, items 1 to 9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btp_trust_emulator.saml import validation
from btp_trust_emulator.saml.rules import Reason
from btp_trust_emulator.saml.validation import NotAccepted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from btp_trust_emulator.backend.landscape import World
    from btp_trust_emulator.saml.validation import Accepted, Relying


def accept(world: World, relying: Relying, form: Mapping[str, str], *, once: bool) -> Accepted:
    """The assertion of a token request, if it is good and, if it is taken `once`, was not used before; now it was.

    Raises:
        NotAccepted: it is not good, or was used.
    """
    octets = validation.decoded(form["assertion"], relying.rules)
    accepted = validation.judge(octets, relying, world.clock.now())
    if not once:
        return accepted
    key = f"{relying.entity_id} {accepted.issuer} {accepted.assertion_id}"
    if key in world.state.used_assertions:
        raise NotAccepted("it was used before", Reason.REPLAY)
    world.commit(lambda old: old.with_used(key, accepted.until, world.clock.now()))
    return accepted


def note(accepted: Accepted) -> str:
    """What the journal says of an assertion that was accepted."""
    return f"accepted an assertion signed with {accepted.fingerprint}"
