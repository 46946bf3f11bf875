"""What a program says of the targets: whom to ask, who answers for one that cannot be asked, who will be late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from inspect import isawaitable
from os import PathLike
from pathlib import Path
from typing import Any, Final, cast

import pulumi
import yaml

from btp_trust.secret_guard.guard import refuse_secrets, refuses_secret_arguments
from btp_trust.trusted_by import formats

_REQUIRED: Final = ("fingerprint", "by", "on")
_KEYS: Final = {*_REQUIRED, "ticket"}
_TEMPLATE: Final = 'fingerprint: "<64 digits>", by: <who has seen it there>, on: <YYYY-MM-DD>, ticket: <optional>'


@dataclass(frozen=True)
class Attested:
    """Somebody answers for a target that no API can ask: it trusts this certificate.

    Previews show it as attested, not observed. It counts for exactly this certificate, and not if it is dated before
    the certificate was made or after today: there is no attesting early.

    Args:
        fingerprint: SHA-256 fingerprint of the certificate, as the target shows it.
        by: Who has seen it there.
        on: The day in UTC, YYYY-MM-DD or a date. Empty together with `by`: nobody has attested it yet.
        ticket: Where it was asked for.
    """

    fingerprint: pulumi.Input[str]
    by: str
    on: str | date
    ticket: str | None = None

    def __post_init__(self) -> None:
        """Refuse what holds a secret."""
        refuse_secrets(vars(self))

    @classmethod
    @refuses_secret_arguments
    def from_file(cls, path: str | PathLike[str]) -> Attested:
        """Read an attestation from a YAML file, so that a target's team can own it (CODEOWNERS).

        Args:
            path: The file, relative to the program's folder: a map of `fingerprint`, `by`, `on` and, if you like,
                `ticket`, all of them texts. While `by` and `on` are empty, nobody has attested it yet.

        Raises:
            pulumi.RunError: The file cannot be read, or is not such a map.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
            refuse_secrets({str(path): text})
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except OSError as error:
            raise _unusable_file(path, f"it cannot be read ({error.strerror})") from None
        except (UnicodeDecodeError, yaml.YAMLError, RecursionError):
            raise _unusable_file(path, "it is not YAML in UTF-8") from None
        return cls(**_texts(path, root))


@dataclass(frozen=True)
class SwitchesAtRotation:
    """A target that holds one certificate: it fails from the swap until its owner uploads the new one.

    The swap does not wait for it. Previews say that a gap is expected.

    Args:
        owner: Who uploads.
        ticket: Where that is agreed.
    """

    owner: str
    ticket: str | None = None

    def __post_init__(self) -> None:
        """Refuse what holds a secret."""
        refuse_secrets(vars(self))


def serialize_statements(trusted_by: Mapping[str, Any], candidate: pulumi.Resource | None) -> dict[str, Any] | None:
    """Write down what the targets say as Pulumi takes it.

    None, which would vanish on the way, becomes an empty text, and a certificate its fingerprint, for Pulumi shows
    the values of an argument that is refused.

    Args:
        trusted_by: {target: what it trusts}.
        candidate: The certificate that shall be trusted: what stems from nothing else proves nothing.

    Raises:
        pulumi.RunError: It is no map, or a value is of a type that says nothing.
    """
    if not isinstance(trusted_by, Mapping):
        raise pulumi.RunError(
            "trusted_by is no map of targets.\n"
            "The preview lists each target by its name, so the program has to name them.\n"
            'Write trusted_by={"<name of a target>": <what it trusts>}; each value may be an output.'
        )
    return {target: _serialize_statement(target, value, candidate) for target, value in trusted_by.items()} or None


def _serialize_statement(target: str, value: Any, candidate: pulumi.Resource | None) -> Any:
    if isinstance(value, pulumi.Output) or isawaitable(value):
        return _refuse_candidate_alone(target, pulumi.Output.from_input(value), candidate).apply(_shorten)
    if value is None or isinstance(value, str) or _is_metadata_response(value):
        return _shorten(value)
    if isinstance(value, Attested):
        fingerprint = _serialize_statement(target, value.fingerprint, candidate)
        on = value.on.isoformat() if isinstance(value.on, date) else value.on
        return {"kind": "attested", "fingerprint": fingerprint, "by": value.by, "on": on, "ticket": value.ticket}
    if isinstance(value, SwitchesAtRotation):
        return {"kind": "switches at rotation", "owner": value.owner, "ticket": value.ticket}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_serialize_statement(target, each, candidate) for each in value]
    raise pulumi.RunError(
        f"trusted_by: what target {target!r} trusts is given as {type(value).__name__}.\n"
        "It is compared with the certificate that is to sign, so it has to tell which certificates the target has.\n"
        "Give a fingerprint, PEM, base64 body or metadata, a list of these, or an output of them; or Attested(…), "
        "SwitchesAtRotation(…)."
    )


def _shorten(said: Any) -> Any:
    """Bring what can be read to fingerprints, and leave to the provider what it has to refuse."""
    if isinstance(said, list | tuple):
        return [_shorten(each) for each in said]
    if not isinstance(said, str) and not _is_metadata_response(said):
        return "" if said is None else said
    try:
        text = said if isinstance(said, str) else formats.metadata_in_response(said)
        found = [formats.to_text(identity) for identity in formats.parse_certificates(text)]
    except ValueError:
        return said
    return found[0] if len(found) == 1 else found


def _is_metadata_response(said: Any) -> bool:
    """Whether it is what the Destination service answers to who asks for its metadata."""
    return isinstance(said, Mapping) and formats.METADATA_FIELD in said


def _refuse_candidate_alone(
    target: str, value: pulumi.Output[Any], candidate: pulumi.Resource | None
) -> pulumi.Output[Any]:
    """Refuse a value that stems from the candidate alone, as soon as it is known where it stems from."""

    async def proved() -> bool:
        if candidate is not None and await value.resources() == {candidate}:
            raise pulumi.RunError(
                f"trusted_by: what target {target!r} trusts stems from the candidate alone.\n"
                "A certificate always equals itself; that does not prove that the target has it.\n"
                "Pass an output of the resource that gives the target its certificates, or what the target itself "
                "answers; Attested(…) if it cannot be asked."
            )
        return True

    proof: pulumi.Output[Any] = pulumi.Output.from_input(cast("Any", proved()))
    return proof.apply(lambda _: value)


def _texts(path: str | PathLike[str], root: yaml.Node | None) -> dict[str, str]:
    """Read a map of texts from what YAML is made of, so that no value changes its type: `on` is true in YAML 1.1."""
    if not isinstance(root, yaml.MappingNode):
        raise _unusable_file(path, "it is not a map")
    found: dict[str, str] = {}
    for key, value in root.value:
        if not isinstance(key, yaml.ScalarNode) or not isinstance(value, yaml.ScalarNode):
            raise _unusable_file(path, "one of its entries is no text")
        if key.value not in _KEYS or key.value in found:
            raise _unusable_file(
                path, f"{key.value!r} is in it {'twice' if key.value in found else 'and means nothing'}"
            )
        found[key.value] = value.value
    missing = [name for name in _REQUIRED if name not in found]
    if missing:
        raise _unusable_file(
            path, f"{' and '.join(missing)} are missing" if missing[1:] else f"{missing[0]} is missing"
        )
    return {name: text for name, text in found.items() if text or name != "ticket"}


def _unusable_file(path: str | PathLike[str], reason: str) -> pulumi.RunError:
    return pulumi.RunError(
        f"The attestation {str(path)!r} cannot be used: {reason}.\n"
        "A target's team says in it which certificate the target trusts; without it nobody answers for the target.\n"
        f"Write a YAML map: {_TEMPLATE}."
    )
