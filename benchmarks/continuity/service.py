"""The requests to the emulated services, as applications and scripts send them."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import msgspec

_BASE = "/destination-configuration/v1"


class _Token(msgspec.Struct):
    value: str = ""
    error: str | None = None


class _DestinationResponse(msgspec.Struct, rename="camel"):
    auth_tokens: list[_Token]


def authorization_header(http: httpx.Client, key: Mapping[str, str]) -> dict[str, str]:
    """Get a token with a service key; return the header that contains it."""
    form = {"grant_type": "client_credentials"}
    answer = http.post(f"{key['url']}/oauth/token", data=form, auth=(key["clientid"], key["clientsecret"]))
    return {"Authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}


class Service:
    """The Destination service for one subaccount."""

    def __init__(self, http: httpx.Client, key: Mapping[str, str]) -> None:
        self._http = http
        self._url = key["uri"] + _BASE
        self._headers = authorization_header(http, key)

    def rejection(self, destination: str, user_token: str) -> str | None:
        """Call as a user: find a destination that gets a token from its target.

        Returns:
            None if there is a token in the answer, else why there is none: the target's or the service's error, or
            what became of the request.
        """
        headers = {**self._headers, "X-user-token": user_token}
        try:
            answer = self._http.get(f"{self._url}/destinations/{destination}", headers=headers)
            answer.raise_for_status()
            (token,) = msgspec.json.decode(answer.content, type=_DestinationResponse).auth_tokens
        except (httpx.HTTPError, msgspec.DecodeError, ValueError) as error:
            return f"{type(error).__name__}: {error}"
        return token.error or (None if token.value else "the response has no token")

    def post(self, path: str) -> None:
        """Change the subaccount's trust: `certificate`, `certificate/passive` or `rotateCertificate`."""
        self._http.post(f"{self._url}/saml2Metadata/{path}", headers=self._headers).raise_for_status()

    def certificate(self) -> str:
        """Return the active certificate (PEM)."""
        answer = self._http.get(f"{self._url}/saml2Metadata/certificate", headers=self._headers)
        return str(answer.raise_for_status().json()["certificate"])
