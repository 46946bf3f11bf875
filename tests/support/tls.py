"""Certificates generated at run time, and local servers and proxies that use them for TLS."""

from __future__ import annotations

import contextlib
import ipaddress
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


@dataclass(frozen=True)
class CertificateAndKey:
    """A certificate with its key, as PEM."""

    certificate: str
    key: str

    def file(self, folder: Path) -> Path:
        """Write certificate and key into one file."""
        path = folder / "pair.pem"
        path.write_text(self.certificate + self.key)
        return path


class Authority:
    """A certificate authority."""

    def __init__(self, name: str = "Test authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 30 * DAY)
            .not_valid_after(NOW + 30 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.pem = _pem(self.certificate)

    def issue(
        self,
        *hosts: str,
        begins: timedelta = -DAY,
        ends: timedelta = DAY,
        has_authority_key: bool = True,
        is_client: bool = False,
    ) -> CertificateAndKey:
        """Issue a certificate for hosts or addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if is_client else ExtendedKeyUsageOID.SERVER_AUTH
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name("one"))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW + begins)
            .not_valid_after(NOW + ends)
            .add_extension(x509.SubjectAlternativeName([_host(each) for each in hosts]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        )
        if has_authority_key:
            identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
            builder = builder.add_extension(identifier, critical=False)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return CertificateAndKey(_pem(builder.sign(self._key, hashes.SHA256())), private.decode())


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def server_context(pair: CertificateAndKey, folder: Path, clients: Authority | None = None) -> ssl.SSLContext:
    """Return TLS settings of a server; with `clients`, it requires client certificates of that authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.file(folder))
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=clients.pem)
    return context


@dataclass
class RunningServer:
    """A running server, with its number of connections and its requests."""

    port: int = 0
    connections: int = 0
    requests: list[str] = field(default_factory=list)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    tls: ssl.SSLContext | None = None
    seen: RunningServer

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        connection.settimeout(5)
        self.seen.connections += 1
        if self.tls is not None:
            try:
                connection = self.tls.wrap_socket(connection, server_side=True)
            except OSError:
                connection.close()
                raise
        return connection, address

    def handle_error(self, *_: object) -> None:
        """Ignore errors: clients close connections in these tests."""


@contextlib.contextmanager
def run_server(
    tls: ssl.SSLContext | None = None, handler: type[BaseHTTPRequestHandler] | None = None
) -> Iterator[RunningServer]:
    """Run a server that answers `{}`, or as its handler does."""
    seen = RunningServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            seen.requests.append(self.requestline)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_POST = do_GET  # noqa: N815 - the name that http.server looks for

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with _Server(("127.0.0.1", 0), handler or Handler) as server:
        server.tls, server.seen = tls, seen
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        seen.port = server.server_port
        yield seen
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def run_proxy(
    answer: Callable[[BaseHTTPRequestHandler], None] | None = None,
    *,
    to: int = 9,
    tls: ssl.SSLContext | None = None,
) -> Iterator[RunningServer]:
    """Run a proxy that answers with a fixed response, or leads every tunnel to a local port."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            requests.append(f"{self.requestline}\n{self.headers}")
            if answer is not None:
                answer(self)
                return
            with socket.create_connection(("127.0.0.1", to), 5) as other:
                self.send_response(200)
                self.end_headers()
                _join(self.connection, other)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with run_server(tls, Handler) as running:
        running.requests = requests
        yield running


def _join(one: socket.socket, other: socket.socket) -> None:
    """Forward bytes in both directions until one side closes."""
    while True:
        pending = isinstance(one, ssl.SSLSocket) and one.pending() > 0
        ready = [one] if pending else select.select([one, other], [], [], 5)[0]
        for each in ready:
            data = each.recv(65536)
            if not data:
                return
            (other if each is one else one).sendall(data)
        if not ready:
            return
