"""Ask the service as quickly as a process can: `load.py tokens|slots COUNT KEYS`; prints the seconds."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

THREADS = 16
SLOT = "/destination-configuration/v1/saml2Metadata/certificate"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def ask(key: dict[str, str], what: str, count: int) -> None:
    """Get tokens, or one token and then a slot, over one connection."""
    connection = HTTPConnection(urlsplit(key["uri"]).netloc)
    headers = {"Authorization": f"Bearer {token(connection, key)}"}
    for _ in range(count):
        if what == "tokens":
            token(connection, key)
        else:
            send(connection, "GET", SLOT, headers=headers)
    connection.close()


def token(connection: HTTPConnection, key: dict[str, str]) -> str:
    """Get a token."""
    form = {"grant_type": "client_credentials", "client_id": key["clientid"], "client_secret": key["clientsecret"]}
    path = f"{urlsplit(key['url']).path}/oauth/token"
    return str(send(connection, "POST", path, urlencode(form), FORM)["access_token"])


def send(
    connection: HTTPConnection, method: str, path: str, body: str = "", headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """Send a request; the answer is JSON."""
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    answer: dict[str, Any] = json.loads(response.read())
    if response.status != 200:  # noqa: PLR2004 - OK
        raise RuntimeError(answer)
    return answer


def main(what: str, count: str, folder: str) -> None:
    """Ask in threads, each about a subaccount of its own if there are enough."""
    service_keys = [json.loads(file.read_text()) for file in sorted(Path(folder).glob("*.json"))[:THREADS]]
    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        jobs = [
            pool.submit(ask, service_keys[number % len(service_keys)], what, int(count) // THREADS)
            for number in range(THREADS)
        ]
        for job in jobs:
            job.result()
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main(*sys.argv[1:])
