"""The command `btp-trust` in the folder of a program, and a webhook that takes its messages."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from support.pulumi_project import CommandOutput, PulumiProject, assert_no_secret

COMMAND: Final = (sys.executable, "-m", "btp_trust_cli")


def run(project: PulumiProject, *words: str, status: int = 0) -> CommandOutput:
    """Run the command in the folder of the program; assert its exit code, and that its output is free of secrets."""
    done = subprocess.run(
        [*COMMAND, *words], cwd=project.program, env=project.environment, capture_output=True, text=True, check=False
    )
    assert_no_secret(done.stdout + done.stderr, project.known_secrets)
    assert done.returncode == status, done.stdout + done.stderr
    return CommandOutput(done.returncode, done.stdout)


def rows_of(output: CommandOutput) -> dict[str, Any]:
    """Return {connection: subaccount} of `--json`."""
    return {row["connection"]: row for row in json.loads(output.text)["subaccounts"]}


@dataclass
class Webhook:
    """A server that accepts all messages."""

    url: str
    messages: list[Any]


@contextmanager
def receive_messages() -> Iterator[Webhook]:
    """Serve a webhook on this machine."""
    messages: list[Any] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Webhook(f"http://127.0.0.1:{server.server_port}/hook", messages)
        server.shutdown()
        thread.join()
