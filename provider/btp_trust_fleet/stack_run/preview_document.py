"""What `pulumi preview --json` prints, as far as it is read. Pure."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from btp_trust.errors import UnreadableState
from btp_trust.parsing import structs
from btp_trust.property_bag import SignerSummary
from btp_trust.rotation.planned_swap import PlannedSwap
from btp_trust.rotation.switchover.schema import PlannedSwitchover

_TYPE_PREFIX: Final = "pulumi-python:dynamic/btp-trust:"


class ResourceState(msgspec.Struct):
    """A resource before or after a step."""

    type: str = ""
    custom: bool = False
    inputs: dict[str, Any] = {}
    outputs: dict[str, Any] = {}


class Step(msgspec.Struct, rename="camel"):
    """What would be done with a resource."""

    op: str
    urn: str
    old_state: ResourceState | None = None
    new_state: ResourceState | None = None

    @property
    def type(self) -> str:
        """The type of the resource."""
        return (self.new_state or self.old_state or ResourceState()).type

    @property
    def kind(self) -> str | None:
        """The class of this provider, such as RotationTrigger; None for a resource of another one."""
        return self.type.removeprefix(_TYPE_PREFIX) if self.type.startswith(_TYPE_PREFIX) else None

    @property
    def label(self) -> str:
        """Class or type, and the name in the program."""
        return f"{self.kind or self.type} {self.urn.rpartition('::')[2]!r}"

    @property
    def old_inputs(self) -> dict[str, Any]:
        """Inputs that the state records."""
        return {} if self.old_state is None else self.old_state.inputs

    @property
    def new_inputs(self) -> dict[str, Any]:
        """Inputs that the step would have."""
        return {} if self.new_state is None else self.new_state.inputs

    @property
    def sentence(self) -> str | None:
        """What the step does, in the words of this provider."""
        write = self.plans("write")
        return write.get("step") if isinstance(write, dict) else self.plans("step")

    def plans(self, key: str) -> Any:
        """Return the new input of this name if the step plans it: a done one stays among the inputs, unchanged."""
        new = self.new_inputs.get(key)
        return None if new == self.old_inputs.get(key) else new


class Diagnostic(msgspec.Struct):
    """A line under the diagnostics."""

    message: str = ""
    severity: str = ""
    urn: str = ""

    @property
    def is_of_trigger(self) -> bool:
        """Return True for a line about a RotationTrigger."""
        return f"{_TYPE_PREFIX}RotationTrigger::" in self.urn


class PreviewDocument(msgspec.Struct):
    """The whole output."""

    steps: list[Step] = []
    diagnostics: list[Diagnostic] = []

    def of_kind(self, kind: str) -> list[Step]:
        """Return the steps of a class of this provider."""
        return [step for step in self.steps if step.kind == kind]

    @property
    def errors(self) -> list[Diagnostic]:
        """The lines that made the preview fail."""
        return [line for line in self.diagnostics if line.severity == "error"]


class TriggerInputs(msgspec.Struct):
    """Inputs of a RotationTrigger, as far as they say what becomes of the signer."""

    signer: SignerSummary | None = None
    swap: PlannedSwap | None = None
    switchover: PlannedSwitchover | None = None
    step: str | None = None
    rollback_to: str | None = None

    @property
    def fingerprint(self) -> str | None:
        """Fingerprint of the declared signer."""
        return None if self.signer is None else self.signer.fingerprint


def parse_preview(printed: bytes) -> PreviewDocument:
    """Parse the output.

    Raises:
        UnreadableState: It is other than that JSON.
    """
    try:
        return structs.decode(printed, PreviewDocument)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    # Raised after the handler: the decoder's error quotes the output.
    raise _unreadable("The output of `pulumi preview --json` is unreadable.")


def trigger_inputs(inputs: dict[str, Any]) -> TriggerInputs:
    """Read the inputs of a RotationTrigger.

    Raises:
        UnreadableState: They have another form than this provider writes: an older or newer one, or a secret.
    """
    try:
        return structs.convert(inputs, TriggerInputs)
    except msgspec.ValidationError:
        pass
    raise _unreadable("The inputs of a RotationTrigger in the preview are unreadable.")


def _unreadable(what: str) -> UnreadableState:
    return UnreadableState(
        what,
        "This version of btp-trust, and Pulumi 3.250 or newer, write another form.",
        "Use one version of btp-trust for the program and for this command; keep secrets out of the arguments.",
    )
