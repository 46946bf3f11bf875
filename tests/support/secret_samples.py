"""Secrets as people paste them: generated at run time, in every form and every wrapping."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Callable
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from hypothesis import strategies as st

from btp_trust_emulator import Emulator

_RSA: Final = rsa.generate_private_key(65537, 2048)
_EC: Final = ec.generate_private_key(ec.SECP256R1())
_ENCRYPTION: Final = BestAvailableEncryption(b"pass phrase")


def _pem(key: Any, form: PrivateFormat, encryption: Any = None) -> str:
    return str(key.private_bytes(Encoding.PEM, form, encryption or NoEncryption()).decode())


def _part(document: dict[str, Any] | bytes) -> str:
    octets = document if isinstance(document, bytes) else json.dumps(document).encode()
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


with Emulator(key_size=2048) as _emulator:
    _account = _emulator.create_subaccount(generate=True)
    CERTIFICATE: Final = str(_emulator.certificates(_account.guid)[0])
    SERVICE_KEY: Final = _emulator.service_key(_account.guid)
    X509_KEY: Final = _emulator.service_key(_account.guid, "x509", 10**9)

PEMS: Final = {
    "PKCS#8": _pem(_RSA, PrivateFormat.PKCS8),
    "PKCS#8, encrypted": _pem(_RSA, PrivateFormat.PKCS8, _ENCRYPTION),
    "PKCS#1": _pem(_RSA, PrivateFormat.TraditionalOpenSSL),
    "PKCS#1, encrypted": _pem(_RSA, PrivateFormat.TraditionalOpenSSL, _ENCRYPTION),
    "OpenSSH": _pem(_RSA, PrivateFormat.OpenSSH),
    "EC, PKCS#8": _pem(_EC, PrivateFormat.PKCS8),
    "EC, SEC1": _pem(_EC, PrivateFormat.TraditionalOpenSSL),
}
"""Private keys."""
JWT: Final = ".".join(
    [_part({"alg": "RS256", "kid": "one"}), _part({"sub": "jane", "exp": 1}), _part(bytes(range(60, 255)))]
)
_STORE: Final = pkcs12.serialize_key_and_certificates(b"key", _RSA, None, None, _ENCRYPTION)
KEYS: Final = {
    **PEMS,
    "certificate, then key": CERTIFICATE + PEMS["PKCS#8"],
    "key, then certificate": PEMS["PKCS#1"] + CERTIFICATE,
    "body alone": "".join(PEMS["PKCS#8"].splitlines()[1:-1]),
    "lines of a body": "\n".join(PEMS["PKCS#1"].splitlines()[1:-1]),
    "middle of a body": "\n".join(PEMS["PKCS#8"].splitlines()[3:-3]),
    "certificate, then the middle of a body": CERTIFICATE + "\n".join(PEMS["PKCS#8"].splitlines()[3:-3]),
    "PKCS#12": base64.b64encode(_STORE).decode(),
    "PKCS#12, in lines": base64.encodebytes(_STORE).decode(),
    "Java key store": base64.b64encode(b"\xfe\xed\xfe\xed\x00\x00\x00\x02\x00\x00\x00\x01" + _STORE[:90]).decode(),
    "PuTTY": "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\n",
    "JWK": json.dumps({"kty": "EC", "crv": "P-256", "d": "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}),
}
TOKENS: Final = {
    "JWT": JWT,
    "Bearer": f"Bearer {JWT}",
    "opaque": "Authorization: Bearer 9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d",
    "basic": f"Basic {base64.b64encode(b'client:its-secret').decode()}",
    "its claims": JWT.split(".")[1],
    "its beginning cut off": JWT[7:],
    "refresh token": f"{'1f2e3d4c' * 4}-r",
    "GitHub": f"ghp_{'aB3dE6gH9j' * 3}",
    "assertion": '<saml2:Assertion xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion" ID="_1">',
}
CREDENTIALS: Final = {
    "service key": json.dumps(SERVICE_KEY),
    "service key, indented": json.dumps(SERVICE_KEY, indent=2),
    "binding": json.dumps({"credentials": SERVICE_KEY}),
    "service key, its end cut off": json.dumps(SERVICE_KEY)[: json.dumps(SERVICE_KEY).index("$") + 12],
    "service key, its beginning cut off": json.dumps(SERVICE_KEY)[json.dumps(SERVICE_KEY).index("$") - 8 :],
    "YAML": "clientid: one\nclientsecret: another-1234\n",
    "YAML, block": "credentials:\n  clientsecret: >-\n    another-1234\n",
    "JSON, list": '{"clientsecret": ["another-1234"]}',
    "JSON, object": '{"clientsecret": {"value": "another-1234"}}',
    "key of a subscription": "Ocp-Apim-Subscription-Key: 0123456789abcdef",
    "variables": "CLIENT_ID=one\nCLIENT_SECRET=another-1234\n",
    "of an identity service": json.dumps({"client_id": "one", "client_secret": "Zk[9w?another.one"}),
    "user": json.dumps({"name": "jane", "password": "correct horse"}),
    "XML": "<user><name>jane</name><password>correct horse</password></user>",
    "URL": "https://jane:correct-horse@service.example/path",
    "URL, its password in quotes": "https://jane:'correct horse'@service.example/path",
    "client secret": SERVICE_KEY["clientsecret"],
    "client secret, old": "p0YhkRPLG2Kk2Wh+QKZ2q9lYqfE=",
    "client secret, its half": SERVICE_KEY["clientsecret"].rpartition("$")[2],
}
X509: Final = {"X.509 key": json.dumps(X509_KEY), "X.509 key, cut off": json.dumps(X509_KEY)[:-200]}
SECRETS: Final = {**KEYS, **TOKENS, **CREDENTIALS, **X509}
"""{name: the pasted text}"""

WRAPPINGS: Final[dict[str, Callable[[str], str]]] = {
    "as it is": lambda text: text,
    "line feeds escaped": lambda text: text.replace("\n", "\\n"),
    "line feeds escaped twice": lambda text: text.replace("\n", "\\\\n"),
    "in one line": lambda text: text.replace("\n", " "),
    "carriage returns": lambda text: text.replace("\n", "\r\n"),
    "in quotes": lambda text: f"'{text}'",
    "JSON": json.dumps,
    "JSON in JSON": lambda text: json.dumps(json.dumps({"value": text})),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 in lines": lambda text: base64.encodebytes(text.encode()).decode(),
    "base64 twice": lambda text: base64.b64encode(base64.b64encode(text.encode())).decode(),
    "base64 of UTF-16": lambda text: base64.b64encode(text.encode("utf-16-le")).decode(),
    "for a URL": urllib.parse.quote,
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal, with colons": lambda text: text.encode().hex(":"),
    "with marks that nobody sees": lambda text: text.replace("e", "e\u200b").replace("E", "E\u00ad"),
    "in a sentence": lambda text: f"take this one: {text}",
}
"""Changes of a text by people and tools."""

_OPAQUE: Final = {"client secret, old", "client secret, its half"}
"""Secrets that are recognized by their form only, and so only without an encoding."""

secrets = st.sampled_from(sorted(SECRETS)).flatmap(
    lambda name: st.sampled_from(
        ["as it is", "in quotes", "JSON", "in a sentence"] if name in _OPAQUE else sorted(WRAPPINGS)
    ).map(lambda wrapping: WRAPPINGS[wrapping](SECRETS[name]))
)
"""A secret in any form and any wrapping."""

CONTAINERS: Final[dict[str, Callable[[str], Any]]] = {
    "text": lambda text: text,
    "list": lambda text: ["harmless", text],
    "map": lambda text: {"harmless": text},
    "key of a map": lambda text: {text: "harmless"},
    "deep": lambda text: {"harmless": [{"harmless": ["harmless", {"by": text}]}]},
    "attestation": lambda text: {"s4": {"kind": "attested", "fingerprint": text, "by": "jane", "on": "2028-11-20"}},
}
"""Places of a secret in an argument."""


def contains_secret(text: str, secret: str) -> bool:
    """Return True if a text contains a part of a secret that is longer than a word."""
    return any(secret[start : start + 16] in text for start in range(max(1, len(secret) - 15)))
