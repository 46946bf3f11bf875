"""The attestation of a hand-over: a file in which the target's team attests that the target has the certificate."""

from __future__ import annotations

import json

import msgspec

from btp_trust.certificate import Certificate
from btp_trust.handover.target import Target


class AttestationForm(msgspec.Struct, frozen=True):
    """A file with which the target's team says that it trusts the certificate."""

    path: str
    """`trust/<target>.yaml`, in the repository of the program."""
    content: str
    """YAML: `fingerprint` and, if known, `ticket`; `by` and `on` are there to be filled in."""


def build_attestation(target: Target, certificate: Certificate, subaccount: str | None) -> AttestationForm:
    """Write the file, with the lines for name and date left empty."""
    # A JSON string is a quoted YAML string too, so no ticket number changes its type.
    ticket = "" if target.ticket is None else f"ticket: {json.dumps(target.ticket)}\n"
    whose = "" if subaccount is None else f" of {subaccount}"
    content = (
        f"# Fill in both lines once the target shows this certificate{whose}; commit the file under this name.\n"
        f'fingerprint: "{certificate.fingerprint}"\n'
        "by:  # who has seen it there\n"
        '"on":  # the day, YYYY-MM-DD; without quotes, YAML 1.1 reads the key as true\n'
        f"{ticket}"
    )
    return AttestationForm(f"trust/{target.name}.yaml", content)
