"""The JSON of `btp-trust history`: `docs/reference/command-line.md` describes each field. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from btp_trust.formatting import format_rfc3339
from btp_trust_cli.exit_codes import worst
from btp_trust_cli.history.deployments import Deployment
from btp_trust_cli.history.model import NamedEvent, StackHistory
from btp_trust_cli.rendering import error_document

FORMAT: Final = 1
"""Grows when a field changes its meaning; more fields leave it."""


def history_document(histories: Sequence[StackHistory]) -> dict[str, Any]:
    """Return everything that the tables show, for other programs."""
    severity = worst(history.severity for history in histories)
    return {
        "format": FORMAT,
        "state": severity.name,
        "exit_code": int(severity),
        "stacks": [_stack(history) for history in histories],
    }


def event_document(event: NamedEvent) -> dict[str, Any]:
    """Return one event."""
    recorded = event.event
    return {
        "at": recorded.at,
        "step": recorded.step.value,
        "signer": _certificate(event, recorded.signer),
        "previous": None if recorded.previous is None else _certificate(event, recorded.previous),
        "why": recorded.why,
    }


def _certificate(event: NamedEvent, fingerprint: str) -> dict[str, Any]:
    return {"fingerprint": fingerprint, "generation": event.generation_of(fingerprint)}


def _stack(history: StackHistory) -> dict[str, Any]:
    return {
        "stack": history.stack,
        "subaccounts": [
            {
                "subaccount_id": subaccount.subaccount_id,
                "label": subaccount.label,
                "events": [
                    {**event_document(event), "deployment": _started(history.deployment_of(event))}
                    for event in subaccount.events
                ],
            }
            for subaccount in history.subaccounts
        ],
        "deployments": [_deployment(deployment) for deployment in history.deployments],
        "deployments_error": error_document(history.deployments_error),
        "error": error_document(history.error),
    }


def _started(deployment: Deployment | None) -> str | None:
    return None if deployment is None else format_rfc3339(deployment.started_at)


def _deployment(deployment: Deployment) -> dict[str, Any]:
    return {
        "started_at": format_rfc3339(deployment.started_at),
        "ended_at": format_rfc3339(deployment.ended_at),
        "number": deployment.number,
        "kind": deployment.kind,
        "result": deployment.result,
        "changes": dict(deployment.changes),
        "commit": deployment.commit,
        "author": deployment.author,
        "message": deployment.message,
    }
