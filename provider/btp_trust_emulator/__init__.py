"""An emulator of what rotating trust certificates of the SAP BTP Destination service needs, without an SAP account.

It runs on a laptop and in CI: the trust API, the destinations that sign with its certificates, the token endpoint, and
targets that trust them.

What it is not:

- It is not SAP's service and knows none of its internals. It follows SAP's published API descriptions, two real
  certificates, and for XSUAA what servers of the open-source UAA answered. Where none of them says what the real
  service does, or they differ, a switch decides (`Switches`, each with its default and the reason for it), and a test
  that passes here proves nothing about the real service in that point.
- It is not secure. Whoever reaches its port may ask for service keys, move the clock and act as anybody: the control
  plane under `/_emulator/` asks for no credentials. It therefore listens on loopback addresses only. Its state file
  holds private keys and passwords in the clear, for its owner's eyes (mode 0600). What a destination tells it to send
  an assertion to, it does.
- It knows the seven operations on trust certificates, finding and listing destinations, XSUAA's identity providers and
  the token endpoints that they need; every other path answers 404. It keeps no certificates of destinations, no
  fragments and no chains.
- It does not limit rates and grants no roles; it answers 403 where identity providers are managed without the scope
  for it, or if a fault is queued that does.
- It is no test double of the provider `btp_trust`: it shares no code with it and imports nothing of it.

Two ways to use it: the command `btp-trust-emulator serve`, and `Emulator` in tests, in process or over a socket:

    with Emulator(key_size=2048) as emulator:
        subaccount = emulator.create_subaccount(generate=True)
        client = httpx.Client(transport=emulator.transport)
        key = emulator.service_key(subaccount.guid)

What may go wrong goes wrong on demand: the module `faults` has a table of the kinds. They are queued by
`emulator.fault(FaultKind.DO_THEN_CLOSE, method="POST")`, or by `POST /_emulator/faults {"kind": "do_then_close", "method":
"POST"}`; `emulator.refuse_connections()` is for before a request.

The modules: `routes`, `uaa` with `grants`, and the packages `destinations` and `targets` speak HTTP, with
`authorization` and `oauth` in common; `passage` is the door that every request goes through, `errands` what a request
has to ask of others; `control`, `control_propagation` and `questions` are the control plane, `cockpit` and
`administration` what people do; `state` has the rules and `world` the one state under a lock, neither knows HTTP;
`saml` makes and judges assertions; `certificates`, `keys`, `tokens`, `authority`, `metadata` and `service_keys` make
what is handed out; `clock`, `journal` and `storage` keep time, record and state; `faults`, `kinds`, `fault_queue`,
`history`, `occasion` and `effects` are what goes wrong; `transport`, `server`, `protocol`, `wire`, `mounts` and
`emulator` mount it all.
"""

from btp_trust_emulator.backend.account import Subaccount, User
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
    InactiveProviders,
    IsActive,
    Lifetime,
    MetadataCertificates,
    MetadataLayout,
    NotFoundText,
    PassiveWithoutActive,
    ProviderMetadata,
    Replay,
    RotateWithoutActive,
    SerialSign,
    Switches,
    TokenCache,
)

__all__ = [
    "TOKEN_ENDPOINT",
    "Action",
    "ActiveFilter",
    "Bearer",
    "Conflict",
    "Credential",
    "Destination",
    "Emulator",
    "Fault",
    "FaultKind",
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
    "ProviderMetadata",
    "QueuedFault",
    "Refused",
    "Replay",
    "RotateWithoutActive",
    "SerialSign",
    "Slot",
    "Slots",
    "Subaccount",
    "Switches",
    "Target",
    "TokenCache",
    "Unknown",
    "User",
]
