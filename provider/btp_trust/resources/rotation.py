"""The resource RotationTrigger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import pulumi

from btp_trust.providers import RotationTriggerProvider
from btp_trust.resources.base import TrustResource, unless_default
from btp_trust.resources.passive import PassiveTrustCertificate, is_retained
from btp_trust.resources.registry import declare_once, find_declared, unlinked_candidate_error
from btp_trust.resources.trusted_by import Attested, SwitchesAtRotation, serialize_statements
from btp_trust.secret_guard.guard import refuses_secret_arguments
from btp_trust.service.credentials.environment import DEFAULT_CONNECTION

_OUTPUTS: Final = (
    "signer",
    "swap_number",
    "previous_fingerprint",
    "rotated_at",
    "verified",
    "unverified",
    "failed_generation",
    "failure",
    "rolled_back_at",
    "restored_at",
    "rollback_unconfirmed",
)


class RotationTrigger(TrustResource, module="btp-trust", name="RotationTrigger"):
    """Declares which generation signs.

    Changing `generation` swaps the active and the passive certificate, once, and only if both slots hold exactly
    the certificates that were previewed. Changing it back is the way back. Creating it never swaps: it records
    what signs under the given name. Deleting it calls nothing. One per connection.

    The certificate outputs report what signs now.

    Args:
        resource_name: Pulumi's name of the resource.
        generation: Name of the generation that shall sign.
        candidate: The PassiveTrustCertificate whose generations may be declared here.
        known_generations: {name: SHA-256 fingerprint}: names taught by hand, after a rename, a lost state, or a
            colleague's work.
        on_drift: What to do if somebody else swapped: `report` (default) says so and changes nothing; `restore`
            plans the swap back.
        trusted_by: {name of a target: what it trusts}: SHA-256 fingerprints, PEM, base64 bodies, SAML metadata, or a
            list of these, usually another resource's output; Attested or SwitchesAtRotation for a target that cannot
            be asked. While a swap is due, each has to contain the certificate that shall sign, or the preview is
            refused; a swap back to what signed before is only warned of.
        verify_destinations: Names of destinations (SAMLAssertion, OAuth2SAMLBearerAssertion) to try as the user, right
            after a swap. One with SAMLAssertion shows which certificate signs; without it an accepted assertion proves
            nothing. What cannot be tried refuses the swap. The user's token comes from the connection.
        on_verification_failure: What to do if a target refuses: `rollback` (default) swaps back, keeps the evidence,
            refuses that generation until `generation` changes, and ends the deployment with an error; `report` only
            says so. Whatever proves nothing (a time-out, an error of a server) is tried again by the next deployment.
        verify_now: Any text; another one than before tries the destinations in the next deployment, and only reports.
            It is open until each destination has told something: without a user's token the next one tries again.
        list_affected: While a swap is planned, list the destinations whose assertions are signed with the certificate:
            the preview shows them as `affects`.
        connection: Name of the connection (see the reference of connections).
        subaccount_id: GUID of the subaccount; refuse any other. Required with a binding found in the environment.
        opts: Pulumi's resource options.

    Raises:
        pulumi.RunError: The program declares a second one on this connection, or keeps a service key in plain text; or
            a value of `trusted_by` stems from the candidate alone, which proves nothing. (The last is raised as soon
            as it is known where an output stems from.)
    """

    generation: pulumi.Output[str]
    """The name as given."""
    signer: pulumi.Output[Mapping[str, str]]
    """{fingerprint, not_after} of the declared certificate; known in a preview."""
    swap_number: pulumi.Output[int]
    """How many steps it has planned and done: rotate, roll back, put back; not the swap back after a refused check."""
    previous_fingerprint: pulumi.Output[str | None]
    """What signed before the last change that this trigger made or saw."""
    rotated_at: pulumi.Output[str | None]
    """When that was, RFC 3339, UTC."""
    verified: pulumi.Output[Mapping[str, Mapping[str, Any]] | None]
    """{destination: {verdict, detail, at, fingerprint, …}}: what its last try told, and about which certificate."""
    unverified: pulumi.Output[Sequence[str] | None]
    """Destinations of which the check of the last swap could not tell; the next deployment tries them again."""
    failed_generation: pulumi.Output[str | None]
    """The generation that a target refused and that was swapped back."""
    failure: pulumi.Output[str | None]
    """What was found out then, and what to do."""
    rolled_back_at: pulumi.Output[str | None]
    """When that was, RFC 3339, UTC."""
    restored_at: pulumi.Output[str | None]
    """When a drift, or a generation that was refused, was undone last, RFC 3339, UTC; none once another one signs."""
    rollback_unconfirmed: pulumi.Output[str | None]
    """Why nobody knows whether it was done, and what to do; the next deployment finds out."""

    @refuses_secret_arguments
    def __init__(
        self,
        resource_name: str,
        generation: pulumi.Input[str],
        *,
        candidate: PassiveTrustCertificate | None = None,
        known_generations: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        on_drift: pulumi.Input[Literal["report", "restore"]] | None = None,
        trusted_by: Mapping[
            str, pulumi.Input[str] | pulumi.Input[Sequence[pulumi.Input[str]]] | Attested | SwitchesAtRotation
        ]
        | None = None,
        verify_destinations: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        on_verification_failure: pulumi.Input[Literal["rollback", "report"]] | None = None,
        verify_now: pulumi.Input[str] | None = None,
        list_affected: pulumi.Input[bool] | None = None,
        connection: str = DEFAULT_CONNECTION,
        subaccount_id: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        declare_once("RotationTrigger", connection, resource_name, self)
        if find_declared("PassiveTrustCertificate", connection) not in (None, candidate):
            raise unlinked_candidate_error(connection)
        props = {
            "generation": generation,
            "candidate": None if candidate is None else _candidate(candidate),
            "known_generations": known_generations,
            "on_drift": on_drift,
            "trusted_by": None if trusted_by is None else serialize_statements(trusted_by, candidate),
            "connection": unless_default(connection),
            "subaccount_id": subaccount_id,
            "verify_destinations": verify_destinations,
            "on_verification_failure": on_verification_failure,
            "verify_now": verify_now,
            "list_affected": list_affected,
            **dict.fromkeys(_OUTPUTS),
        }
        super().__init__(RotationTriggerProvider(), resource_name, props, opts)
        pulumi.Output.all(self.generation, self.failed_generation, self.failure, self.rollback_unconfirmed).apply(
            _raise_if_refused
        )


def _candidate(candidate: PassiveTrustCertificate) -> Mapping[str, pulumi.Input[Any]]:
    return {
        "generation": candidate.generation,
        "generations": candidate.generations,
        "subaccount_id": candidate.subaccount_id,
        "adopt": candidate.adopt,
        "retain_on_delete": is_retained(candidate) or None,
    }


def _raise_if_refused(outputs: Sequence[Any]) -> None:
    """Fail the program, not the update: so the deployment ends with an error, and what was found out is kept."""
    generation, failed_generation, failure, unconfirmed = outputs
    if failed_generation is not None and failed_generation == generation:
        raise pulumi.RunError(unconfirmed or failure or f"Generation {generation!r} was rejected by a target.")
