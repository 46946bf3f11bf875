"""The program's statements about its targets: certificates, attestations, and uploads that follow the swap."""

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

_REQUIRED: Final = ("fingerprint", "by", "on")
_KEYS: Final = {*_REQUIRED, "ticket"}
_TEMPLATE: Final = 'fingerprint: "<64 digits>", by: <who has seen it there>, on: <YYYY-MM-DD>, ticket: <optional>'


@dataclass(frozen=True)
class Attested:
    """A person's statement that a target without an API trusts this certificate, or these certificates.

    Previews show the target as attested instead of observed. The attestation counts for exactly these certificates.
    Its date must be between the creation of the certificate and today. After a verification in which the target
    rejected the certificate, only a later one counts.

    Args:
        fingerprint: SHA-256 fingerprint of the certificate, as the target shows it; or a list of all that it shows.
        by: The person who has seen the certificate there.
        on: The date in UTC, YYYY-MM-DD or a date; or the moment, with its time zone: YYYY-MM-DDThh:mm:ssZ or a
            datetime. Empty together with `by`: not attested yet.
        ticket: The change request.
    """

    fingerprint: pulumi.Input[str] | Sequence[pulumi.Input[str]]
    by: str
    on: str | date
    ticket: str | None = None

    def __post_init__(self) -> None:
        """Refuse values that hold a secret."""
        refuse_secrets(vars(self))

    @classmethod
    @refuses_secret_arguments
    def from_file(cls, path: str | PathLike[str]) -> Attested:
        """Read an attestation from a YAML file, so that a target's team can own it (CODEOWNERS).

        Args:
            path: The file, relative to the program's folder: a map of the texts `fingerprint` (or a list of them),
                `by`, `on` and, optionally, `ticket`. Both `by` and `on` empty: not attested yet.

        Raises:
            pulumi.RunError: The file is unreadable, or something else than such a map.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
            # Before the file is evaluated: messages about it repeat its keys.
            refuse_secrets({str(path): text})
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except OSError as error:
            raise _unusable_file(path, f"it is unreadable ({error.strerror})") from None
        except (UnicodeDecodeError, yaml.YAMLError, RecursionError):
            raise _unusable_file(path, "it is not YAML in UTF-8") from None
        return cls(**_texts(path, root))


@dataclass(frozen=True)
class SwitchesAtRotation:
    """A target that holds one certificate: calls fail from the swap until its owner uploads the new certificate.

    The swap proceeds regardless. Previews say that a gap is expected.

    Args:
        owner: The person or team who uploads.
        ticket: The change request.
    """

    owner: str
    ticket: str | None = None

    def __post_init__(self) -> None:
        """Refuse values that hold a secret."""
        refuse_secrets(vars(self))


def serialize_statements(trusted_by: Mapping[str, Any], candidate: pulumi.Resource | None) -> dict[str, Any] | None:
    """Convert the argument `trusted_by` to inputs of Pulumi.

    Certificates become fingerprints, for Pulumi shows the values of an argument that is refused. None becomes an empty
    text, because Pulumi drops None.

    Args:
        trusted_by: {target: what it trusts}.
        candidate: The certificate of the next generation; a value derived from it alone is refused.

    Raises:
        pulumi.RunError: `trusted_by` is something else than a map, or a value has another type.
    """
    if not isinstance(trusted_by, Mapping):
        raise pulumi.RunError(
            "trusted_by is not a map of targets.\n"
            "The preview lists each target by its name, so the program has to name them.\n"
            'Write trusted_by={"<name of a target>": <what it trusts>}; each value may be an output.'
        )
    statements = {target: _serialize_statement(target, value, candidate) for target, value in trusted_by.items()}
    # In a map: Pulumi hides what check returns in the very place of a secret, and so the change of a fingerprint, which
    # is public.
    return {
        target: {"kind": "observed", "stated": statement} if isinstance(statement, pulumi.Output | list) else statement
        for target, statement in statements.items()
    } or None


def _serialize_statement(target: str, value: Any, candidate: pulumi.Resource | None) -> Any:
    if isinstance(value, pulumi.Output) or isawaitable(value):
        return _refuse_candidate_alone(target, pulumi.Output.from_input(value), candidate).apply(_to_fingerprints)
    if value is None or isinstance(value, str) or _is_metadata_response(value):
        return _to_fingerprints(value)
    if isinstance(value, Attested):
        fingerprint = _serialize_statement(target, value.fingerprint, candidate)
        on = value.on.isoformat() if isinstance(value.on, date) else value.on
        return {"kind": "attested", "fingerprint": fingerprint, "by": value.by, "on": on, "ticket": value.ticket}
    if isinstance(value, SwitchesAtRotation):
        return {"kind": "switches at rotation", "owner": value.owner, "ticket": value.ticket}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_serialize_statement(target, part, candidate) for part in value]
    raise pulumi.RunError(
        f"trusted_by: what target {target!r} trusts is given as {type(value).__name__}.\n"
        "It is compared with the certificate that is declared to sign, so it has to name the target's certificates.\n"
        "Give a fingerprint, PEM, base64 body or metadata, a list of these, or an output of them; or Attested(…), "
        "SwitchesAtRotation(…)."
    )


def _to_fingerprints(value: Any) -> Any:
    """Convert readable certificates to fingerprints; check refuses the other values."""
    # Imported here: a program without `trusted_by` starts without the library for certificates.
    from btp_trust.trusted_by import formats  # noqa: PLC0415

    if isinstance(value, list | tuple):
        return [_to_fingerprints(part) for part in value]
    if not isinstance(value, str) and not _is_metadata_response(value):
        return "" if value is None else value
    try:
        text = value if isinstance(value, str) else formats.metadata_in_response(value)
        fingerprints = [formats.to_text(identity) for identity in formats.parse_certificates(text)]
    except ValueError:
        return value
    return fingerprints[0] if len(fingerprints) == 1 else fingerprints


def _is_metadata_response(value: Any) -> bool:
    """Return True for a response of the Destination service to GET /saml2Metadata."""
    from btp_trust.trusted_by.formats import METADATA_FIELD  # noqa: PLC0415

    return isinstance(value, Mapping) and METADATA_FIELD in value


def _refuse_candidate_alone(
    target: str, value: pulumi.Output[Any], candidate: pulumi.Resource | None
) -> pulumi.Output[Any]:
    """Return the value; refuse it once its resources are known, if the candidate is the only one."""

    async def check_origin() -> bool:
        if candidate is not None and await value.resources() == {candidate}:
            raise pulumi.RunError(
                f"trusted_by[{target!r}] is derived only from the candidate.\n"
                "That compares the certificate with itself, independently of the target.\n"
                "Pass an output of the resource that gives the target its certificates, or a response of the target "
                "itself; Attested(…) for a target without an API."
            )
        return True

    origin: pulumi.Output[Any] = pulumi.Output.from_input(cast("Any", check_origin()))
    return origin.apply(lambda _: value)


def _texts(path: str | PathLike[str], root: yaml.Node | None) -> dict[str, Any]:
    """Read a map of texts from YAML nodes, before YAML 1.1 gives them types: it reads the key `on` as true."""
    if not isinstance(root, yaml.MappingNode):
        raise _unusable_file(path, "it is not a map")
    texts: dict[str, Any] = {}
    for key, value in root.value:
        text = _text(value, may_be_list=key.value == "fingerprint")
        if not isinstance(key, yaml.ScalarNode) or text is None:
            raise _unusable_file(path, "one of its entries is not text")
        if key.value in texts:
            raise _unusable_file(path, f"{key.value!r} is in it twice")
        if key.value not in _KEYS:
            raise _unusable_file(path, f"{key.value!r} is in it, which is an unknown key")
        texts[key.value] = text
    missing = [name for name in _REQUIRED if name not in texts]
    if missing:
        verb = "are" if missing[1:] else "is"
        raise _unusable_file(path, f"{' and '.join(missing)} {verb} missing")
    # An empty ticket counts as omitted; empty `by` and `on` mean that the attestation is still to come.
    return {name: text for name, text in texts.items() if text or name != "ticket"}


def _text(node: yaml.Node, *, may_be_list: bool) -> str | list[str] | None:
    """Return the text of a node, or the texts of a list; None for anything else."""
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    if not may_be_list or not isinstance(node, yaml.SequenceNode):
        return None
    texts = [_text(part, may_be_list=False) for part in node.value]
    return None if None in texts else cast("list[str]", texts)


def _unusable_file(path: str | PathLike[str], reason: str) -> pulumi.RunError:
    return pulumi.RunError(
        f"The attestation {str(path)!r} cannot be used: {reason}.\n"
        "In this file the target's team states which certificate the target trusts; the rotation depends on it.\n"
        f"Write a YAML map: {_TEMPLATE}."
    )
