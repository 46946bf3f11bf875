"""The candidate of a RotationTrigger: the PassiveTrustCertificate whose generations may be declared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from btp_trust.arguments import fingerprint_argument, malformed_argument, unknown_argument
from btp_trust.errors import Refused
from btp_trust.parsing import structs
from btp_trust.property_bag import is_unknown, known


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """What a RotationTrigger knows of its candidate."""

    generation: str
    generations: dict[str, str] | None = None
    """The names that its outputs bind; None while a preview lacks the outputs."""
    subaccount_id: str | None = None
    adopt: str | None = None
    """The certificate that the program names for it."""
    retain_on_delete: bool = False
    """Pulumi leaves its certificate alone when the resource is removed."""
    is_ignored: bool = False
    """`ignore_changes` has put the recorded generation in its place, so that it binds no new name."""


def candidate_from_program(value: Any, recorded: str | None = None) -> Candidate | None:
    """Read the candidate of a RotationTrigger; its outputs are unknown until its certificate exists.

    Args:
        value: The program's value; or, by `ignore_changes`, the generation that check wrote in the last deployment.
        recorded: The generation that check wrote.

    Raises:
        Refused: `value` is something else than a PassiveTrustCertificate.
    """
    if value is None:
        return None
    # The name must be in a preview, as it decides which certificate signs; the certificate may follow.
    if is_unknown(value if not isinstance(value, Mapping) else value.get("generation")):
        raise unknown_argument("candidate")
    if isinstance(value, str) and value == recorded:
        return Candidate(generation=value, generations={}, is_ignored=True)
    if not isinstance(value, Mapping):
        raise _malformed_candidate()
    try:
        candidate = structs.convert(known(value), Candidate)
    except msgspec.ValidationError:
        raise _malformed_candidate() from None
    if candidate.adopt is None:
        return candidate
    return replace(candidate, adopt=fingerprint_argument(candidate.adopt, "adopt"))


def _malformed_candidate() -> Refused:
    return malformed_argument("Expected a PassiveTrustCertificate - at `$.candidate`")
