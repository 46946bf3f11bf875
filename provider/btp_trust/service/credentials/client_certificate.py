"""Client certificates for mutual TLS: the pair of a certificate chain and its private key, as credentials hold them."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

from btp_trust.parsing.pem import find_blocks


class UnusablePair(ValueError):
    """OpenSSL refuses a certificate and a private key together."""


def load_client_certificate(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Load a pair from a temporary file: `ssl` reads private keys from files only.

    Raises:
        UnusablePair: They are of different pairs, or damaged.
    """
    with tempfile.TemporaryDirectory(prefix="btp-trust-") as folder:
        chain = Path(folder, "chain.pem")
        # The permissions are set before the key is in the file.
        chain.touch(mode=0o600)
        chain.write_text(_pem_lines(certificate) + _pem_lines(key), encoding="utf-8")
        try:
            # With an empty pass phrase OpenSSL raises; with None it would wait at the terminal for one.
            context.load_cert_chain(chain, password="")
        except OSError:
            raise UnusablePair("OpenSSL refuses to load the pair") from None


def _pem_lines(pem: str) -> str:
    return "".join(block.text for block in find_blocks(pem))
