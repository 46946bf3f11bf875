"""An emulator of what rotating trust certificates of the SAP BTP Destination service needs, without an SAP account.

It runs on a laptop and in CI: the trust API, the destinations that sign with its certificates, the token endpoint, and
targets that trust them.

Its limits:

- It follows SAP's published API descriptions, two real certificates, for XSUAA the responses of servers of the
  open-source UAA, and for S/4HANA two public programs. Where these sources are silent or differ, a switch decides
  (`Switches`, `S4Switches`, each with its default and the reason for it), and on that point a test that passes here
  says nothing about the real service.
- It is insecure. Anyone who reaches its port can get service keys, move the clock and act as any user: the control
  plane under `/_emulator/` asks for no credentials. It therefore listens on loopback addresses only. Its state file
  holds private keys and passwords in plain text, readable by its owner (mode 0600). It sends assertions to any address
  that a destination names.
- It knows the seven operations on trust certificates, finding and listing destinations, XSUAA's identity providers,
  S/4HANA's communication systems and the token endpoints that they need; every other path is answered with 404.
  Certificates of destinations, fragments and chains are left out.
- Rate limits and roles are left out. It answers 403 where identity providers are managed and the token lacks the
  scope, or if a fault says so.
- It shares no code with the provider `btp_trust`: shared code would repeat the provider's mistakes.

Use the command `btp-trust-emulator serve`, or `Emulator` in tests, in process or over a socket:

    with Emulator(key_size=2048) as emulator:
        subaccount = emulator.create_subaccount(generate=True)
        client = httpx.Client(transport=emulator.transport)
        key = emulator.service_key(subaccount.guid)

Faults are queued by `emulator.fault(FaultKind.DO_THEN_CLOSE, method="POST")`, or by `POST /_emulator/faults`;
`btp_trust_emulator.faults.fault` has the table of kinds. `emulator.refuse_connections()` acts before a request.
"""

from btp_trust_emulator.backend.account import Subaccount, User
from btp_trust_emulator.backend.communication_system import TrustBlock
from btp_trust_emulator.backend.destination import Destination, Level
from btp_trust_emulator.backend.service_keys import Credential
from btp_trust_emulator.backend.target_system import Target
from btp_trust_emulator.emulator import Emulator
from btp_trust_emulator.errors import Conflict, Invalid, NoKeyPair, Refused, Unknown
from btp_trust_emulator.faults.fault import TOKEN_ENDPOINT, Fault, FaultKind
from btp_trust_emulator.faults.queue import QueuedFault
from btp_trust_emulator.journal import JournalEntry
from btp_trust_emulator.slots import Action, Slot, Slots
from btp_trust_emulator.switches import (
    ActiveFilter,
    Bearer,
    CertificateProfile,
    Edition,
    Etags,
    FieldFormat,
    InactiveProviders,
    IsActive,
    Lifetime,
    MetadataCertificates,
    MetadataLayout,
    NotFoundText,
    PassiveWithoutActive,
    PatchProperties,
    ProviderMetadata,
    ProviderNames,
    Replay,
    RotateWithoutActive,
    S4Switches,
    SerialSign,
    SubjectAndIssuer,
    Switches,
    TokenCache,
)

__all__ = [
    "TOKEN_ENDPOINT",
    "Action",
    "ActiveFilter",
    "Bearer",
    "CertificateProfile",
    "Conflict",
    "Credential",
    "Destination",
    "Edition",
    "Emulator",
    "Etags",
    "Fault",
    "FaultKind",
    "FieldFormat",
    "InactiveProviders",
    "Invalid",
    "IsActive",
    "JournalEntry",
    "Level",
    "Lifetime",
    "MetadataCertificates",
    "MetadataLayout",
    "NoKeyPair",
    "NotFoundText",
    "PassiveWithoutActive",
    "PatchProperties",
    "ProviderMetadata",
    "ProviderNames",
    "QueuedFault",
    "Refused",
    "Replay",
    "RotateWithoutActive",
    "S4Switches",
    "SerialSign",
    "Slot",
    "Slots",
    "Subaccount",
    "SubjectAndIssuer",
    "Switches",
    "Target",
    "TokenCache",
    "TrustBlock",
    "Unknown",
    "User",
]
