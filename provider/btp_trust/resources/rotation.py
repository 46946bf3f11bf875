"""The resource RotationTrigger."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import pulumi

from btp_trust.arguments import ANNOUNCED, DEFAULT_CONNECTION
from btp_trust.providers import RotationTriggerProvider
from btp_trust.resources.base import TrustResource, unless_default
from btp_trust.resources.communication_system import CommunicationSystemTrust
from btp_trust.resources.passive import PassiveTrustCertificate, is_retained
from btp_trust.resources.registry import (
    announce,
    declare_once,
    declare_switched,
    find_declared,
    unlinked_candidate_error,
)
from btp_trust.resources.trusted_by import Attested, SwitchesAtRotation, serialize_statements
from btp_trust.secret_guard.guard import refuses_secret_arguments

_OUTPUTS: Final = (
    "signer",
    "role",
    "renew_after",
    "recorded_signer",
    "swap_number",
    "previous_fingerprint",
    "rotated_at",
    "verified",
    "unswitched",
    "unverified",
    "rejections",
    "failed_generation",
    "failure",
    "rolled_back_at",
    "restored_at",
    "rollback_outcome_unknown",
    "history",
)


class RotationTrigger(TrustResource, module="btp-trust", name="RotationTrigger"):
    """Declares which generation signs.

    Changing `generation` swaps the active and the passive certificate, once, and only if both slots hold exactly the
    certificates that were previewed. Changing it back rolls back. Creating the resource never swaps: it records the
    active certificate under the given name. Deleting it leaves the slots alone. One per connection.

    The certificate outputs report the active certificate.

    Args:
        resource_name: Pulumi's name of the resource.
        generation: Name of the generation that is declared to sign.
        candidate: The PassiveTrustCertificate whose generations may be declared here.
        known_generations: {name: SHA-256 fingerprint}: names added by hand, after a rename, a lost state, or a
            colleague's work.
        on_drift: What to do if somebody else swapped: `report` (default) prints a warning; `restore` plans a swap that
            restores the declared certificate.
        trusted_by: {name of a target: certificates that it trusts}: SHA-256 fingerprints, PEM, base64 bodies, SAML
            metadata, or a list of these, usually another resource's output; Attested or SwitchesAtRotation for a
            target without an API. While a rotation is due, each has to contain the next signer, or the preview is
            refused; a rollback only prints a warning.
        verify_destinations: Names of destinations (SAMLAssertion, OAuth2SAMLBearerAssertion) to verify as the user,
            right after a swap. One with SAMLAssertion shows which certificate signs; without it an accepted assertion
            is inconclusive. If a destination cannot be verified, the swap is refused. The user's token comes from the
            connection.
        on_verification_failure: What a target's rejection causes: `rollback` (default) rolls back, keeps the evidence,
            refuses that generation until `generation` changes, and ends the deployment with an error; `report` prints
            a warning. An inconclusive result (a timeout, a server error) is verified again by the next deployment.
        verify_now: Any text; a new one verifies the destinations in the next deployment, and only reports. The request
            stays open until each destination gave a result: without a user's token the next deployment verifies again.
        switches: The CommunicationSystemTrusts that change over with the signer: each gets the certificate that signs
            right after a swap, in one request, and is set back in a rollback. Nothing is swapped before all of them
            are ready.
        on_switch_failure: What a system causes that refuses the certificate or cannot be reached: `rollback` (default)
            refuses the swap, or rolls it back together with all systems; `continue` lets the signer stay, and says
            what the system's administrator has to upload. The next deployment tries again.
        list_affected: While a swap is planned, list the destinations whose assertions are signed with the certificate:
            the preview shows them as `affects`.
        revoked: {generation: reason}, such as a key that has leaked: it never signs again, by no rotation, rollback or
            restoration. While it signs, each preview warns.
        soak: How long a certificate has to exist before it may sign: days, or a text such as "14d" or "36h". Gives the
            administrators of targets their time.
        freeze: Times in which the signer has to stay: a list of {"from": …, "to": …, "why": …}, days (the last one
            belongs to the freeze) or moments, in UTC. The answer to `soak`, `freeze` and `window` is a refusal that
            says from when on the rotation passes. A rollback to the previous signer and a restoration pass at any time.
        window: The only times at which a rotation may begin: {"cron": …, "duration": …, "time_zone": …}, such as
            "0 2 * * SUN", "4h", "Europe/Berlin".
        when: What becomes of a rotation whose time is still to come: `now` (default) refuses it, with the moment from
            which it passes; `next_window` leaves it alone and says that moment in each command, so that a scheduled
            pipeline performs it with the first `pulumi up` from then on. Until then the earlier generation stays the
            deployed one.
        break_glass: {generation: reason}: a generation that may sign at any time, such as the one that replaces a
            leaked key. It passes `soak`, `freeze` and `window`; `trusted_by` and `revoked` still
            hold.
        connection: Name of the connection (see the reference of connections).
        subaccount_id: GUID of the subaccount; refuse any other. Required with a binding found in the environment.
        display_name: Name of the subaccount for people, in all lines and errors; without it, its subdomain.
        opts: Pulumi's resource options.

    Raises:
        pulumi.RunError: The program declares a second one on this connection, or keeps a service key in plain text; or
            a value of `trusted_by` is derived only from the candidate, so that it would be compared with itself. (The
            last is raised as soon as the source of an output is known.)
    """

    generation: pulumi.Output[str]
    """The name as given; the one of the last deployment, while another one waits for its time (`when`)."""
    signer: pulumi.Output[Mapping[str, str]]
    """{fingerprint, not_after} of the declared certificate; known in a preview."""
    role: pulumi.Output[str]
    """`active`; or `gone`, if a refresh found an empty slot."""
    renew_after: pulumi.Output[str]
    """When the warning of the expiry begins (`btp-trust:expiryWarning`), RFC 3339, UTC."""
    recorded_signer: pulumi.Output[str | None]
    """Fingerprint of the signer that the last deployment recorded, while a refresh has found another one."""
    swap_number: pulumi.Output[int]
    """How many swaps it has planned and completed: rotate, roll back, restore. A rollback after a rejection belongs to
    its swap."""
    previous_fingerprint: pulumi.Output[str | None]
    """The signer before the last change that this trigger made or observed."""
    rotated_at: pulumi.Output[str | None]
    """Time of that change, RFC 3339, UTC."""
    verified: pulumi.Output[Mapping[str, Mapping[str, Any]] | None]
    """{destination: {verdict, detail, at, fingerprint, …}}: evidence of the last verification, and its certificate."""
    unswitched: pulumi.Output[Sequence[str] | None]
    """Systems that the last step has left behind (`on_switch_failure="continue"`); the next deployment tries again."""
    unverified: pulumi.Output[Sequence[str] | None]
    """Destinations that were inconclusive after the last swap; the next deployment verifies them again."""
    rejections: pulumi.Output[Mapping[str, Mapping[str, str]] | None]
    """{fingerprint: {destination: when its target rejected the certificate, RFC 3339, UTC}}, while the certificate is
    in a slot, until that destination is verified with it."""
    failed_generation: pulumi.Output[str | None]
    """The generation that a target rejected and that was rolled back."""
    failure: pulumi.Output[str | None]
    """The evidence of that, and what to do."""
    rolled_back_at: pulumi.Output[str | None]
    """Time of that rollback, RFC 3339, UTC."""
    restored_at: pulumi.Output[str | None]
    """When a drift or a rejected generation was last undone, RFC 3339, UTC; None once another certificate signs."""
    rollback_outcome_unknown: pulumi.Output[str | None]
    """Why the outcome of a rollback is unknown, and what to do; the next deployment resolves it."""
    history: pulumi.Output[Sequence[Mapping[str, str]] | None]
    """[{at, step, signer, previous, why}]: the last 20 changes of the signer that deployments made or found, and the
    last 10 verifications, the oldest first."""

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
        switches: Sequence[CommunicationSystemTrust] | None = None,
        on_switch_failure: pulumi.Input[Literal["rollback", "continue"]] | None = None,
        list_affected: pulumi.Input[bool] | None = None,
        revoked: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        soak: pulumi.Input[int] | pulumi.Input[str] | None = None,
        freeze: pulumi.Input[Sequence[pulumi.Input[Mapping[str, pulumi.Input[str]]]]] | None = None,
        window: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        when: pulumi.Input[Literal["now", "next_window"]] | None = None,
        break_glass: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        connection: str = DEFAULT_CONNECTION,
        subaccount_id: pulumi.Input[str] | None = None,
        display_name: pulumi.Input[str] | None = None,
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
            ANNOUNCED: announce(self, connection, subaccount_id),
            "subaccount_id": subaccount_id,
            "display_name": display_name,
            "verify_destinations": verify_destinations,
            "on_verification_failure": on_verification_failure,
            "verify_now": verify_now,
            "switches": None if switches is None else _switches(switches),
            "on_switch_failure": on_switch_failure,
            "list_affected": list_affected,
            "revoked": revoked,
            "soak": soak,
            "freeze": freeze,
            "window": window,
            "when": when,
            "break_glass": break_glass,
            **dict.fromkeys(_OUTPUTS),
        }
        super().__init__(RotationTriggerProvider(), resource_name, props, opts)
        if switches:
            declare_switched("RotationTrigger", self, switches)
            known = pulumi.Output.all(self.unswitched, self.certificate, self.subaccount)
            known.apply(lambda outputs: _show_pages(self, *outputs))
        pulumi.Output.all(
            self.generation, self.failed_generation, self.failure, self.rollback_outcome_unknown, self.subaccount
        ).apply(_raise_if_rejected)


def _candidate(candidate: PassiveTrustCertificate) -> Mapping[str, pulumi.Input[Any]]:
    return {
        "generation": candidate.generation,
        "generations": candidate.generations,
        "subaccount_id": candidate.subaccount_id,
        "adopt": candidate.adopt,
        "retain_on_delete": is_retained(candidate) or None,
    }


def _switches(systems: Sequence[CommunicationSystemTrust]) -> list[Mapping[str, pulumi.Input[Any]]]:
    # An output would pass for a list, and an output in a list for the resource: both would lose the order of the two.
    if not isinstance(systems, list | tuple) or not all(isinstance(each, CommunicationSystemTrust) for each in systems):
        raise pulumi.RunError(
            "The argument `switches` cannot be used.\n"
            "It is a list of CommunicationSystemTrust resources of this program: each is read after the switchover.\n"
            "Give the resources themselves: switches=[s4]. A system of another stack needs a resource here, too."
        )
    return [system.switch_arguments for system in systems]


def _show_pages(trigger: RotationTrigger, unswitched: Sequence[str] | None, certificate: str, subaccount: str) -> None:
    """Show for each system that was left behind what its administrator uploads: it refuses calls until then."""
    # Imported here: nearly every program runs without a system left behind.
    from btp_trust.handover.hand_over import HandOver  # noqa: PLC0415
    from btp_trust.handover.target import Target  # noqa: PLC0415

    for name in unswitched or ():
        target = Target(_file_name(name), "communication-system", system=name, holds=1)
        # Both the same: the certificate signs already, so that the page has no day to wait for.
        page = HandOver.of(target, certificate=certificate, replaces=certificate, subaccount=subaccount).page
        pulumi.log.warn(f"{page}\n{certificate}", trigger)


def _file_name(system: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "-", system).strip("-.")[:64]


def _raise_if_rejected(outputs: Sequence[Any]) -> None:
    """Fail the program instead of the update: the deployment ends with an error, and the evidence is kept."""
    generation, failed_generation, failure, outcome_unknown, subaccount = outputs
    if failed_generation is not None and failed_generation == generation:
        text = outcome_unknown or failure or f"Generation {generation!r} was rejected by a target."
        raise pulumi.RunError(f"{subaccount}: {text}" if subaccount else text)
