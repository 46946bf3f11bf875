"""A target system: its name and type, and where in it the trust is configured."""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

from btp_trust.errors import Refused
from btp_trust.handover.target_types import TARGET_TYPES, Capacity
from btp_trust.secret_guard.guard import refuse_secrets

TargetTypeName = Literal[
    "communication-system",
    "abap-on-premise",
    "successfactors",
    "cloud-for-customer",
    "neo",
    "ias-identity-provider",
    "ias-application",
    "subaccount",
]
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_CLIENT: Final = re.compile(r"[0-9]{3}", re.ASCII)


class Target(msgspec.Struct, frozen=True, omit_defaults=True):
    """A system that must trust the certificate, which a person has to upload there.

    Args:
        name: Your name for it, as in `trusted_by`: 64 letters, digits, dots, hyphens and underscores at most. Files
            are named after it.
        kind: Its type (see the reference of hand-over): `communication-system` (S/4HANA Cloud, ABAP environment),
            `abap-on-premise`, `successfactors`, `cloud-for-customer`, `neo`, `ias-identity-provider`,
            `ias-application`, `subaccount`.
        system: Where to sign in: a host name, a system ID, a company ID, a tenant, a subaccount.
        client: Three digits, for ABAP systems.
        entry: Name of the communication system, client application, trusted provider … there. Default on the page: the
            one for the issuer.
        owner: The person or team who uploads.
        ticket: The change request.
        holds: How many certificates the entry can hold, 1 or 2: what you found out where SAP leaves it open.
        key_name: `subaccount` only: the alias that SAP's template of the metadata puts into `KeyName`.

    Raises:
        Refused: A value is invalid.
    """

    name: str
    kind: TargetTypeName
    system: str
    client: str | None = None
    entry: str | None = None
    owner: str | None = None
    ticket: str | None = None
    holds: int | None = None
    key_name: str | None = None

    def __post_init__(self) -> None:
        """Refuse secrets, invalid file names, and values that make the page misleading."""
        # First, as the refusals below repeat the value.
        refuse_secrets({name: getattr(self, name) for name in self.__struct_fields__})
        if not _matches(_NAME, self.name):
            raise _invalid_value(
                "name",
                self.name,
                "Files and an attestation are named after it.",
                'Use letters, digits, dots, hyphens and underscores, such as "s4-production".',
            )
        if self.kind not in TARGET_TYPES:
            raise _invalid_value(
                "kind", self.kind, "Each type of target has its own formats.", f"Use one of: {', '.join(TARGET_TYPES)}."
            )
        for prop in ("system", "entry", "owner", "ticket", "key_name"):
            self._check_text(prop)
        self._check_options_of_type()

    @property
    def capacity(self) -> Capacity:
        """How many certificates it can hold."""
        return (
            TARGET_TYPES[self.kind].holds if self.holds is None else (Capacity.ONE if self.holds == 1 else Capacity.TWO)
        )

    def _check_text(self, prop: str) -> None:
        text = getattr(self, prop)
        missing = text is None and prop != "system"
        if not missing and (not isinstance(text, str) or not text.strip() or not text.isprintable()):
            raise _invalid_value(
                prop, text, "People read it on the page and type it.", "Give it one line of printable text."
            )

    def _check_options_of_type(self) -> None:
        if self.holds not in (None, 1, 2):
            raise _invalid_value(
                "holds", self.holds, "The steps for one differ from those for two.", "Use 1 or 2, or leave it out."
            )
        if self.holds is not None and TARGET_TYPES[self.kind].holds is not Capacity.UNKNOWN:
            why = f"It is documented: {TARGET_TYPES[self.kind].capacity_evidence}"
            raise _invalid_value("holds", self.holds, why, "Remove it; it is for types that SAP leaves open.")
        if self.client is not None and not (_matches(_CLIENT, self.client) and TARGET_TYPES[self.kind].has_clients):
            raise _invalid_value(
                "client",
                self.client,
                f"Clients are numbers of ABAP systems; this is {TARGET_TYPES[self.kind].title}.",
                'Give an ABAP system three digits as text, such as "100", and others none.',
            )
        if self.key_name is not None and self.kind != "subaccount":
            raise _invalid_value(
                "key_name", self.key_name, "Only the metadata for a subaccount has a KeyName.", "Remove it."
            )


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _invalid_value(prop: str, value: object, why: str, remedy: str) -> Refused:
    return Refused(f"`{prop}` of a target cannot be {value!r}.", why, remedy, prop=prop)
