"""The form of `fleet.yaml`; `docs/reference/fleet.schema.json` is made of it. Light: programs load it."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct

_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes"}
_STACK: Final = r"^([A-Za-z0-9_][\w.-]{0,99}/){0,2}[A-Za-z0-9_][\w.-]{0,99}$"
_WAVE: Final = r"^[a-z][a-z0-9-]{0,49}$"

Label = Annotated[str, Meta(pattern=r"^[\w.-]{1,100}$")]


class Approval(StrEnum):
    """How a wave is approved before it changes a signer."""

    PROMPT = "prompt"
    FILE = "file"
    NONE = "none"


class SubaccountEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """A row: a subaccount, and the stack that rotates its certificates."""

    name: Annotated[str, Meta(min_length=1, max_length=100, description="Its name in this table and in all outputs.")]
    connection: Annotated[
        str | None, Meta(description="The connection to its Destination service. Default: `name`.")
    ] = None
    stack: Annotated[str | None, Meta(description="Its stack. Default: `name`.")] = None
    labels: Annotated[tuple[Label, ...], Meta(description="Words by which waves choose it.")] = ()

    @property
    def connection_name(self) -> str:
        """The connection."""
        return self.connection or self.name

    @property
    def stack_name(self) -> str:
        """The stack."""
        return self.stack or self.name


class WaveEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """A wave: the subaccounts that change together, and what their programs declare."""

    name: Annotated[str, Meta(pattern=_WAVE, description="Its name, which an approval repeats.")]
    generation: Annotated[str, Meta(description="The generation that signs: `generation` of RotationTrigger.")]
    passive: Annotated[
        str | None, Meta(description="The generation to prepare: `generation` of PassiveTrustCertificate.")
    ] = None
    subaccounts: Annotated[tuple[str, ...], Meta(description="Names of its subaccounts.")] = ()
    labels: Annotated[tuple[Label, ...], Meta(description="It has the subaccounts with all of these labels.")] = ()
    stop_after: Annotated[
        int, Meta(ge=1, description="After so many failures the other stacks of the wave stay as they are.")
    ] = 1
    soak: Annotated[
        str,
        Meta(
            pattern=r"^\d{1,4}[dhm]$",
            description="How long its new signers are in use before the next wave rotates: 7d, 12h, 30m.",
        ),
    ] = "0d"
    approval: Annotated[
        Approval,
        Meta(description="`prompt`: a person types its name; `file`: approvals/<name> has its digest; `none`."),
    ] = Approval.PROMPT

    @property
    def soak_time(self) -> timedelta:
        """How long it soaks."""
        return timedelta(**{_UNITS[self.soak[-1]]: int(self.soak[:-1])})


class FleetFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A fleet: subaccounts in waves."""

    subaccounts: Annotated[tuple[SubaccountEntry, ...], Meta(min_length=1)]
    waves: Annotated[tuple[WaveEntry, ...], Meta(min_length=1, description="In their order, the canary first.")]


STACK_PATTERN: Final = _STACK


def bare_stack(name: str) -> str:
    """Return the name of a stack, without the organization and the project that some backends show."""
    return name.rpartition("/")[2]
