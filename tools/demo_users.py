"""Jane, the user of a demo: she calls the targets through destinations, as applications do.

Each call is real: the emulator signs an assertion about Jane with the active key, and the target verifies it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import httpx

from demo_environment import expect, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo_environment import DemoEnvironment

JANE: Final = {"name": "jane@example.com", "password": "of-jane"}
_PAUSE_SECONDS: Final = 0.02
"""Between two calls of a user who calls all the time."""
_LONGEST_GAP_SECONDS: Final = 5.0
"""On a busy machine; on a calm one a gap is a small part of a second."""


class Jane:
    """Jane, logged on once."""

    def __init__(self, demo: DemoEnvironment, http: httpx.Client) -> None:
        self._http = http
        self._key = demo.call_control_plane("GET", f"subaccounts/{demo.subaccount}/service-key")
        user = {"username": JANE["name"], "password": JANE["password"]}
        self._headers = {
            "Authorization": f"Bearer {self._token(grant_type='client_credentials')}",
            "X-user-token": self._token(grant_type="password", **user),
        }

    def rejection(self, destination: str) -> str | None:
        """Call a target; return why it rejects Jane, None if it accepts her."""
        url = f"{self._key['uri']}/destination-configuration/v1/destinations/{destination}"
        issued = self._http.get(url, headers=self._headers).json()["authTokens"][0]
        return str(issued["error"]) if issued.get("error") else None

    def _token(self, **form: str) -> str:
        client = (self._key["clientid"], self._key["clientsecret"])
        response = self._http.post(f"{self._key['url']}/oauth/token", data=form, auth=client)
        return str(response.json()["access_token"])


@contextlib.contextmanager
def logged_on(demo: DemoEnvironment) -> Iterator[Jane]:
    """Log Jane on for the time of the block."""
    with httpx.Client(trust_env=False) as http:
        yield Jane(demo, http)


def call_all(demo: DemoEnvironment, *destinations: str) -> None:
    """Call each target once; all must accept."""
    with logged_on(demo) as jane:
        for name in destinations:
            why = jane.rejection(name)
            expect(why is None, f"{name} accepts Jane: {why}")
    say("", f"Jane calls {', '.join(destinations[:-1])} and {destinations[-1]}: all accept her.")


@dataclass
class Calls:
    """The calls of a user during a deployment: seconds, and whether the call was accepted."""

    made: list[tuple[float, bool]] = field(default_factory=list)

    @property
    def rejected(self) -> int:
        """Return how many calls were rejected."""
        return sum(not accepted for _, accepted in self.made)

    @property
    def gap(self) -> float:
        """Return the longest time between two accepted calls with rejected ones between them, in seconds."""
        longest, since, is_open = 0.0, self.made[0][0], False
        for at, accepted in self.made:
            if accepted and is_open:
                longest = max(longest, at - since)
            since, is_open = (at, False) if accepted else (since, True)
        return longest


@contextlib.contextmanager
def calling_all_the_time(demo: DemoEnvironment, destination: str) -> Iterator[None]:
    """Let Jane call a target for the time of the block, and say for how long it rejected her."""
    calls, over = Calls(), threading.Event()
    with logged_on(demo) as jane:

        def call() -> None:
            while not over.wait(_PAUSE_SECONDS):
                calls.made.append((time.monotonic(), jane.rejection(destination) is None))

        thread = threading.Thread(target=call, name="jane", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
    _say_gap(destination, calls)


def _say_gap(destination: str, calls: Calls) -> None:
    expect(calls.made and calls.made[-1][1], f"{destination} accepts Jane at the end")
    expect(calls.gap < _LONGEST_GAP_SECONDS, f"the gap is short; found: {calls.gap:.2f} s")
    gap = f"a gap of {calls.gap:.2f} s" if calls.rejected else "the gap was shorter than the time between two calls"
    say("", f"Jane has called {destination} meanwhile: {calls.rejected} of {len(calls.made)} calls rejected, {gap}.")


def destination(name: str, target: dict[str, str]) -> dict[str, str]:
    """Return the properties of a destination to a target."""
    return {
        "Name": name,
        "Type": "HTTP",
        "URL": target["url"],
        "ProxyType": "Internet",
        "Authentication": "OAuth2SAMLBearerAssertion",
        "audience": target["entity_id"],
        "clientKey": target["client_id"],
        "tokenServiceURL": target["token_service_url"],
        "tokenServiceUser": target["client_id"],
        "tokenServicePassword": target["client_secret"],
        "authnContextClassRef": "urn:oasis:names:tc:SAML:2.0:ac:classes:PreviousSession",
    }


def create_destinations(demo: DemoEnvironment, *destinations: dict[str, str]) -> None:
    """Create destinations in the subaccount that signs."""
    for properties in destinations:
        demo.call_control_plane("POST", f"subaccounts/{demo.subaccount}/destinations", {"properties": properties})
