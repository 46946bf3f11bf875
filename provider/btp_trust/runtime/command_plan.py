"""What the resources of one command plan, so that two of them never work against each other.

Each check records what it plans and refuses what contradicts an earlier plan. So the second one is refused, in the
preview, in either order in which the engine may call them.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct, field

from btp_trust.certificate import Certificate
from btp_trust.errors import Refused, StaleRead
from btp_trust.runtime.comparison import Notice


class CommandPlan(Struct):
    """The plans of this command for one subaccount. Each method is one operation of a dict: threads may call it."""

    checked: set[str] = field(default_factory=set)
    """Types of the resources whose check has run: diff follows it, or a read in a refresh, which warns by itself."""
    has_passive: bool = False
    """Whether a PassiveTrustCertificate of this subaccount is in the program."""
    pending_generation: str | None = None
    """The generation that a PassiveTrustCertificate may generate."""
    names: list[str] = field(default_factory=list)
    """Names that a PassiveTrustCertificate had before this command, the last one last."""
    recorded_names: dict[str, str] = field(default_factory=dict)
    """{generation: fingerprint} that a PassiveTrustCertificate has recorded, for the warnings of a refresh."""
    adoptions: dict[str, str] = field(default_factory=dict)
    """{generation: fingerprint} that a PassiveTrustCertificate adopts."""
    declared_names: dict[str, str] = field(default_factory=dict)
    """{fingerprint: generation} that a PassiveTrustCertificate gives a certificate without naming it in `adopt`."""
    connections: dict[str, str] = field(default_factory=dict)
    """{resource type: connection} by which the first resource of the type has reached the subaccount."""
    registrations: dict[str, object] = field(default_factory=dict)
    """{origin key: arguments} of the TrustedIdentityProviders that this subaccount is to trust."""
    due_registrations: set[str] = field(default_factory=set)
    """Origin keys of those that are to be written; the inputs hold done steps as well."""
    next_signer: Certificate | None = None
    """The certificate that a RotationTrigger is going to make sign."""
    rotation_target: Certificate | None = None
    """The same, unless it is a rollback; or the certificate of a rotation that waits for its time."""
    postponed_until: datetime | None = None
    """From when on a RotationTrigger lets the rotation pass that it leaves alone in this command."""
    planned_trust: dict[str, list[str]] = field(default_factory=dict)
    """{identity provider: fingerprints} that a TrustedIdentityProvider will let another subaccount trust."""
    current_trust: dict[str, list[str]] = field(default_factory=dict)
    """The same, as far as the other subaccount trusts them already: the engine may swap before it registers."""
    planned_swap: int | None = None
    """Number of the swap that a RotationTrigger has planned; the inputs hold done ones as well."""
    planned_switchover: int | None = None
    """Number of the switchover of systems that it has planned, likewise."""
    trusting_systems: tuple[str, ...] = ()
    """The systems that were seen to trust the certificate that signs after this command."""
    declared_generation: str | None = None
    """The generation that a RotationTrigger declares."""
    creates_trigger: bool = False
    """Whether this command creates a RotationTrigger, which records any signer under the declared name."""
    rotation_notices: tuple[Notice, ...] | None = None
    """What a RotationTrigger has to say of its plan. Its check leaves that to diff, which gets the outputs: they may
    show that the plan is refused, or why the slots are as they are. None before check, as in a refresh."""
    signer_warning: tuple[str, str, str] | None = None
    """The drift that a RotationTrigger has found, in three parts: diff adds since when, which the outputs show."""
    refreshed_drift: tuple[str, str, str] | None = None
    """The drift that the refresh before this plan has warned of: declared and active fingerprint, and the remedy."""
    valid_until: dict[str, dict[str, datetime]] = field(default_factory=dict)
    """{target: {fingerprint: moment}}: `validUntil` of the metadata of a RotationTrigger's targets. Check passes it to
    diff here, as an input of its own would change with each reading of the same certificates."""
    planned_renewal: str | None = None
    """Fingerprint of the certificate that an ActiveTrustCertificate renews in place."""
    stale_read: StaleRead | None = None
    """Why a RotationTrigger doubts the reading of this command."""
    stale_passive: StaleRead | None = None
    """Why a PassiveTrustCertificate doubts a reading that lacks its certificate."""

    def declare_registration(self, origin_key: str, args: object) -> bool:
        """Record that a TrustedIdentityProvider with this origin key is in the program.

        Returns:
            Whether it is the only one, by its arguments: check gets no name, and a replacement is checked twice.
        """
        return self.registrations.setdefault(origin_key, args) == args

    def plan_generation(self, generation: str) -> None:
        """Plan to generate a certificate.

        Raises:
            Refused: A swap is planned already: it would meet other slots than were previewed.
        """
        if self.next_signer is not None:
            raise Refused(
                f"Generation {generation!r} cannot be generated in the command that also swaps the slots.",
                f"{self.next_signer.fingerprint} is about to sign, and the new certificate would overwrite the "
                "rollback target.",
                "Deploy the change of the RotationTrigger first, then this one; and pass this resource to it as "
                "candidate=.",
            )
        self._refuse_to_overwrite_waiting(generation)
        # The RotationTrigger learns from this that its candidate's fingerprint is still unknown.
        self.pending_generation = generation

    @property
    def certain_generation(self) -> str | None:
        """The pending generation, once diff has found it to be no adoption."""
        return None if self.pending_generation in self.adoptions else self.pending_generation

    def plan_swap(self, to: Certificate, *, is_rollback: bool) -> list[str]:
        """Plan a swap; name the identity providers that will lack the next signer, which only a rollback may do.

        Raises:
            Refused: Another subaccount, whose trust this program manages, would reject the next signer.
        """
        # A rollback passes: the certificate that signed before is the safer one, and the registration follows.
        self.next_signer = to
        self.rotation_target = None if is_rollback else to
        self._refuse_unregistered_rotation()
        return _without_certificate(self.planned_trust, to)

    def postpone_swap(self, to: Certificate, until: datetime) -> None:
        """Record a rotation that this command leaves alone: what would refuse it then has to be resolved before.

        Raises:
            Refused: Another subaccount, whose trust this program manages, would reject the next signer.
        """
        self.rotation_target = to
        self.postponed_until = until
        self._refuse_unregistered_rotation()

    def plan_registration(self, identity_provider: str, fingerprints: list[str], trusted: list[str]) -> None:
        """Record what another subaccount will trust, and what of that it trusts before this command.

        Raises:
            Refused: A swap to another certificate is planned.
        """
        # Recorded first: the check of the trigger may come before or after this one.
        self.planned_trust[identity_provider] = fingerprints
        self.current_trust[identity_provider] = trusted
        self._refuse_unregistered_rotation()

    def plan_renewal(self, fingerprint: str) -> None:
        """Plan a renewal in place.

        Raises:
            Refused: A RotationTrigger declares the signer.
        """
        self.planned_renewal = fingerprint
        self._refuse_renewal_of_declared()

    def record_declaration(self, generation: str) -> None:
        """Record what a RotationTrigger declares.

        Raises:
            Refused: A renewal in place is planned.
        """
        self.declared_generation = generation
        self._refuse_renewal_of_declared()

    def _refuse_unregistered_rotation(self) -> None:
        if self.rotation_target is not None and (
            lacking := _without_certificate(self.current_trust, self.rotation_target)
        ):
            raise Refused(
                f"{', '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not known to trust "
                f"{self.rotation_target.fingerprint}, the next signer.",
                "From the swap on, the subaccount that trusts it would reject every user.",
                "If it could not be checked, run the command again once it can. Else put passive= on "
                "TrustedIdentityProvider (the PassiveTrustCertificate) and deploy; rotate in a second deployment; take "
                "passive= away in a third one.",
                prop="passive",
            )

    def _refuse_to_overwrite_waiting(self, generation: str) -> None:
        if self.postponed_until is not None and self.rotation_target is not None:
            raise Refused(
                f"Generation {generation!r} cannot be generated while a rotation to "
                f"{self.rotation_target.fingerprint} waits for its time.",
                "The new certificate would overwrite the one that is to sign then.",
                "Deploy the change of the RotationTrigger first, then this one; and pass this resource to it as "
                "candidate=.",
            )

    def _refuse_renewal_of_declared(self) -> None:
        if self.planned_renewal is not None and self.declared_generation is not None:
            raise Refused(
                f"{self.planned_renewal} is to be renewed in place, and a RotationTrigger declares "
                f"{self.declared_generation!r}.",
                "Renewed, that certificate is in no slot any more, and the declared generation would have no "
                "certificate.",
                "Rotate instead: give PassiveTrustCertificate a new generation, deploy, then declare it. Only if the "
                "outage is wanted: remove RotationTrigger and rotation= for this deployment.",
                prop="renew_fingerprint",
            )


class SystemPlan(Struct):
    """The plans of this command for one block of a communication system."""

    declared: object = None
    """The arguments of the CommunicationSystemTrust that is in the program."""
    is_write_due: bool = False
    """Whether check has planned to write; the inputs hold done writes as well."""
    switched_to: Certificate | None = None
    """The certificate to which a RotationTrigger of this command is about to switch it over; None once that is done."""

    def declare(self, args: object) -> bool:
        """Record that a CommunicationSystemTrust is in the program.

        Returns:
            Whether it is the only one, by its arguments: check gets no name, and a replacement is checked twice.
        """
        if self.declared is None:
            self.declared = args
        return self.declared == args


class CommandPlans:
    """The plans of this command for all subaccounts and communication systems."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._plans: dict[str, CommandPlan] = {}
        self._system_plans: dict[str, SystemPlan] = {}
        # A list, as property bags cannot be hashed.
        self._unknown_inputs: list[object] = []

    def of(self, subaccount_id: str) -> CommandPlan:
        """Return the plan for a subaccount, which may be unreachable; one for all whose GUID is unknown ("")."""
        with self._lock:
            return self._plans.setdefault(subaccount_id, CommandPlan())

    def of_system(self, address: str) -> SystemPlan:
        """Return the plan for a block of a communication system, see `CommunicationSystem.address`."""
        with self._lock:
            return self._system_plans.setdefault(address, SystemPlan())

    def mark_unknown(self, inputs: object) -> None:
        """Record that a check of this command has let unknown values into these inputs."""
        with self._lock:
            self._unknown_inputs.append(inputs)

    def has_unknown(self, inputs: object) -> bool:
        """Whether a check of this command has made these inputs, which have unknown values."""
        with self._lock:
            return inputs in self._unknown_inputs


def _without_certificate(trusted: Mapping[str, list[str]], certificate: Certificate) -> list[str]:
    return [name for name, fingerprints in trusted.items() if certificate.fingerprint not in fingerprints]


def second_name_refusal(
    name: str, fingerprint: str, known_as: str, alternative: str, *, prop: str = "generation"
) -> Refused:
    """Return the refusal to adopt a certificate under another name than it has.

    Args:
        name: The name that it would get.
        fingerprint: The certificate.
        known_as: Its name.
        alternative: The argument with which another certificate is generated for the new name.
        prop: The property to blame.
    """
    return Refused(
        f"Certificate {fingerprint} already has the name {known_as!r}, so it cannot be named {name!r}.",
        f"A certificate keeps its one name, and the program does not adopt this one as {name!r}. A resource that is "
        "renamed or replaced does not know what it was before.",
        f"To generate another one for {name!r}: {alternative} on PassiveTrustCertificate. To keep that certificate: "
        f'generation="{known_as}", adopt="{fingerprint}". To give it both names: adopt="{fingerprint}".',
        prop=prop,
    )
