"""The names that are frozen since the first release, as the code has them and as the design note lists them.

Run `PYTHONPATH=tests .venv/bin/python -m support.frozen_names` to add new names of the code to the note.
"""

from __future__ import annotations

import inspect
import re
from typing import Final

import msgspec

import btp_trust
from btp_trust import errors, property_bag
from btp_trust.active.schema import ActiveInputs
from btp_trust.communication_system.schema import PlannedWrite, SystemTrustInputs
from btp_trust.identity_provider.schema import IdentityProviderInputs
from btp_trust.passive.schema import PassiveInputs
from btp_trust.resources.settings import KEYS
from btp_trust.rotation.events import Event, EventKind
from btp_trust.rotation.evidence import Evidence, Verdict
from btp_trust.rotation.planned_swap import PlannedSwap
from btp_trust.rotation.schema import RotationInputs
from support.paths import ROOT

NOTE: Final = ROOT / "docs" / "design" / "20261130.frozen-names.md"
_INPUTS: Final[dict[str, type[msgspec.Struct]]] = {
    "ActiveTrustCertificate": ActiveInputs,
    "PassiveTrustCertificate": PassiveInputs,
    "RotationTrigger": RotationInputs,
    "TrustedIdentityProvider": IdentityProviderInputs,
    "CommunicationSystemTrust": SystemTrustInputs,
}
_VALUES: Final[dict[str, type[msgspec.Struct]]] = {
    "Keys of `signer`": property_bag.SignerSummary,
    "Keys of `swap`": PlannedSwap,
    "Keys of `write`": PlannedWrite,
    "Keys of each entry of `verified`": Evidence,
    "Keys of each entry of `history`": Event,
}
_ROW: Final = re.compile(r"^\| ([^|]+?) \| ((?:`[^`]+`(?:, )?)+) \|$", re.MULTILINE)
_TABLE: Final = re.compile(r"^(<!-- written by: [^\n]* -->\n).*?(?=^## )", re.MULTILINE | re.DOTALL)


def names_of_code() -> dict[str, set[str]]:
    """Return {what it is: names} as the code has them."""
    names: dict[str, set[str]] = {}
    for kind, shape in _INPUTS.items():
        names[f"Inputs of {kind}"] = set(shape.__struct_fields__)
        ancestors = (parent for parent in getattr(btp_trust, kind).__mro__ if parent.__module__.startswith("btp_trust"))
        names[f"Outputs of {kind}"] = {name for parent in ancestors for name in vars(parent)["__annotations__"]}
    names |= {title: set(shape.__struct_fields__) for title, shape in _VALUES.items()}
    names["Verdicts of `verified`"] = {verdict.value for verdict in Verdict}
    names["Steps of `history`"] = {kind.value for kind in EventKind}
    names["Configuration keys, after `btp-trust:`"] = set(KEYS)
    classes = (kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, Exception))
    names["Errors, in `btp_trust.errors`"] = {kind.__name__ for kind in classes}
    return names


def names_of_note() -> dict[str, set[str]]:
    """Return {what it is: names} as the note lists them."""
    return {title: set(re.findall(r"`([^`]+)`", names)) for title, names in _ROW.findall(NOTE.read_text())}


def add_names() -> None:
    """Write the table again, with the names of the code beside those that it has: none is ever removed here."""
    noted = names_of_note()
    rows = ["| What | Names |", "|---|---|"]
    for title, names in names_of_code().items():
        listed = ", ".join(f"`{name}`" for name in sorted(names | noted.get(title, set())))
        rows.append(f"| {title} | {listed} |")
    table = "\n".join(rows)
    NOTE.write_text(_TABLE.sub(lambda match: f"{match[1]}\n{table}\n\n", NOTE.read_text()))


if __name__ == "__main__":
    add_names()
