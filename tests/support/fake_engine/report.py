"""What a command of the fake engine did, and the labels of its requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from btp_trust_emulator.journal import JournalEntry

Bag = dict[str, Any]


@dataclass
class CommandReport:
    """The effects of a command: operations by resource, changed keys, the lines under Diagnostics, requests."""

    operations: dict[str, str] = field(default_factory=dict)
    changed: dict[str, set[str]] = field(default_factory=dict)
    inputs: dict[str, Bag] = field(default_factory=dict)
    deletes: dict[str, Bag] = field(default_factory=dict)
    """Stored inputs of deleted resources, which a preview shows."""
    messages: str = ""
    requests: list[str] = field(default_factory=list)
    """Labels of the requests that reached the service, in their order, such as `POST rotateCertificate`."""

    @property
    def has_no_changes(self) -> bool:
        """Return True if `--expect-no-changes` would pass."""
        return set(self.operations.values()) <= {"same"}

    @property
    def writes(self) -> list[str]:
        """Labels of the requests that write."""
        return [request for request in self.requests if not is_read(request)]


@dataclass(frozen=True)
class ProviderCall:
    """One call of a provider, such as `update` of `rotation`, and its requests."""

    name: str
    kind: str
    method: str
    sent: list[str]
    """Labels of all sent requests, also of those that were lost on their way."""
    entries: list[JournalEntry]
    """Journal entries of the requests that arrived."""
    error: BaseException | None = None
    """The error that ended the call."""


def request_label(method: str, path: str) -> str:
    """Return a short name of a request: `POST token`, `GET certificate/passive`, `POST rotateCertificate`."""
    if path.endswith("/oauth/token"):
        return f"{method} token"
    if "/aps_com_cs_a4c_odata/" in path:
        return f"{method} {'CommunicationSystems' if '/CommunicationSystems' in path else 'X-CSRF-Token'}"
    if "/identity-providers" in path:
        return f"{method} identity-providers"
    if "/saml2Metadata" not in path:
        return f"{method} {path.partition('/v1/')[2]}"
    return f"{method} {path.partition('/saml2Metadata')[2].lstrip('/') or 'metadata'}"


def is_read(request: str) -> bool:
    """Return True if a request with this label only reads."""
    return request.startswith("GET ") or request == "POST token"
