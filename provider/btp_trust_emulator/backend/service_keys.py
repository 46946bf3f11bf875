"""Service keys: the fields of real ones, for the Destination service and for XSUAA, with the emulator's addresses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from btp_trust_emulator.backend.account import Account

from btp_trust_emulator.backend.account import entity_id


def token_service_url(account: Account, url: str) -> str:
    """Return where the subaccount whose token server is at `url` accepts assertions."""
    return f"{url}/oauth/token/alias/{entity_id(account)}"


_UAA_PATH = "/uaa/"


class Credential(Enum):
    """How the holder of a service key authenticates: by a client secret, or a client certificate (mTLS)."""

    SECRET = "secret"  # noqa: S105 - only the word
    X509 = "x509"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the emulator listens: `base` (http), and `cert` (https), the host that accepts client certificates."""

    base: str
    cert: str

    @property
    def api(self) -> str:
        """The base URL of the API for identity providers, the same for all subaccounts."""
        return f"{self.base}/uaa-api"

    def system(self, name: str) -> str:
        """Return the base URL of a system that is a target."""
        return f"{self.base}/systems/{name}"

    def s4(self, tenant: str) -> str:
        """Return the base URL of an S/4HANA tenant."""
        return f"{self.base}/s4/{tenant}"

    def s4_cert(self, tenant: str) -> str:
        """Return the same on the host that accepts client certificates."""
        return f"{self.cert}/s4/{tenant}"

    def url(self, account: Account) -> str:
        """Return the base URL of the subaccount's token server."""
        return f"{self.base}{_UAA_PATH}{account.subdomain}"

    def cert_url(self, account: Account) -> str:
        """Return the same on the host that accepts client certificates."""
        return f"{self.cert}{_UAA_PATH}{account.subdomain}"

    def issuer(self, account: Account) -> str:
        """Return the `iss` claim of the subaccount's tokens."""
        return f"{self.url(account)}/oauth/token"


def with_secret(account: Account, addresses: Addresses, verification_key: str) -> dict[str, str]:
    """Return a service key with a client secret."""
    own = {"credential-type": "binding-secret", "clientsecret": account.client_secret}
    return _common(account, addresses, verification_key) | own


def with_certificate(
    account: Account, addresses: Addresses, verification_key: str, chain: str, key: str
) -> dict[str, str]:
    """Return a service key with a client certificate (PEM chain) and its key in the place of a secret."""
    own = {
        "credential-type": "x509",
        "certificate": chain,
        "key": key,
        "certurl": addresses.cert_url(account),
    }
    return _common(account, addresses, verification_key) | own


def with_api_access(account: Account, addresses: Addresses, verification_key: str) -> dict[str, str]:
    """Return a service key of XSUAA, plan `apiaccess`, with a client secret."""
    client = account.api_client
    return {
        "apiurl": addresses.api,
        "clientid": client.client_id,
        "clientsecret": client.client_secret,
        "credential-type": "binding-secret",
        "identityzone": account.subdomain,
        "subaccountid": account.guid,
        "tenantid": account.guid,
        "tenantmode": "dedicated",
        "uaadomain": addresses.base.removeprefix("http://"),
        "url": addresses.url(account),
        "verificationkey": verification_key,
        "xsappname": client.client_id.removeprefix("sb-"),
    }


def _common(account: Account, addresses: Addresses, verification_key: str) -> dict[str, str]:
    return {
        "clientid": account.client_id,
        "uri": addresses.base,
        "url": addresses.url(account),
        "uaadomain": addresses.base.removeprefix("http://"),
        "instanceid": account.instance_id,
        "verificationkey": verification_key,
        "xsappname": account.application,
        "identityzone": account.subdomain,
        "tenantid": account.guid,
        "tenantmode": "dedicated",
    }
