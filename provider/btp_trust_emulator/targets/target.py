"""What a destination has to know of a target, whichever kind it is."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Target:
    """A target: its base URL, its token service, the audience that it is, the OAuth client for the destination.

    `certificates` are those that it shows as trusted: the issuer by the SHA-256 of each.
    """

    name: str
    url: str
    token_service_url: str
    entity_id: str
    client_id: str
    client_secret: str = field(repr=False)
    certificates: dict[str, str]

    def properties(self, name: str) -> dict[str, str]:
        """The properties of a destination with this name to the target, for `OAuth2SAMLBearerAssertion`."""
        return {
            "Name": name,
            "Type": "HTTP",
            "URL": self.url,
            "ProxyType": "Internet",
            "Authentication": "OAuth2SAMLBearerAssertion",
            "audience": self.entity_id,
            "clientKey": self.client_id,
            "tokenServiceURL": self.token_service_url,
            "tokenServiceURLType": "Dedicated",
            "tokenServiceUser": self.client_id,
            "tokenServicePassword": self.client_secret,
            "authnContextClassRef": "urn:oasis:names:tc:SAML:2.0:ac:classes:PreviousSession",
        }
