"""The part of HashiCorp Vault that Pulumi uses for the secrets of a stack.

With a passphrase, each command of Pulumi derives a key from it for 0.17 CPU seconds, a third of its time.
"""

from __future__ import annotations

import base64
import json
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PREFIX = "vault:v1:"
PROVIDER = "hashivault://tests"


class _Transit(BaseHTTPRequestHandler):
    """Answers `encrypt` with the text itself below a prefix, and `decrypt` with what follows the prefix."""

    def do_PUT(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = (
            {"ciphertext": PREFIX + asked["plaintext"]}
            if "plaintext" in asked
            else {"plaintext": asked["ciphertext"].removeprefix(PREFIX)}
        )
        body = json.dumps({"data": answer}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def decrypt(ciphertext: str) -> bytes:
    """Return what was encrypted."""
    return base64.b64decode(ciphertext.removeprefix(PREFIX))


@cache
def variables() -> dict[str, str]:
    """Return the variables by which Pulumi finds a server that ends with this process."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Transit)
    threading.Thread(target=server.serve_forever, name="vault", daemon=True).start()
    return {"VAULT_SERVER_URL": f"http://127.0.0.1:{server.server_port}", "VAULT_SERVER_TOKEN": "tests"}
