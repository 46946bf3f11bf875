"""The certificate authority of the host that accepts client certificates: ordinary certificates, unlike trust ones."""

from __future__ import annotations

import functools
import ipaddress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from btp_trust_emulator.pki import keys

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes


@dataclass(frozen=True, slots=True)
class Authority:
    """The certificate authority of the host that accepts client certificates (PEM both)."""

    certificate: str
    private_key: str = field(repr=False)


_CLIENT = "urn:btp-trust-emulator:client:"
_CLIENT_KEY_SIZE = 2048
# Clients check these by their own clock instead of the emulator's, so these are valid at any time of either clock.
_ALWAYS = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2201, 1, 1, tzinfo=UTC))


def create() -> Authority:
    """Create an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name("btp-trust-emulator CA")
    certificate = (
        _builder(subject, subject, key.public_key(), _ALWAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(_pem(certificate), _key_pem(key))


def issue_client(authority: Authority, client_id: str, not_before: datetime, not_after: datetime) -> tuple[str, str]:
    """Issue a client certificate to exactly this OAuth client; return its chain and its RSA key, both PEM."""
    key = keys.generate(_CLIENT_KEY_SIZE)
    name = x509.UniformResourceIdentifier(_CLIENT + quote(client_id, safe=""))
    leaf = _issue(
        authority,
        key.public_key(),
        (not_before, not_after),
        x509.SubjectAlternativeName([name]),
        ExtendedKeyUsageOID.CLIENT_AUTH,
    )
    return leaf + authority.certificate, keys.to_pem(key)


def issue_server(authority: Authority, host: str) -> tuple[str, str]:
    """Issue a server certificate for an IP address and `localhost`; return it and its key, both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host)), x509.DNSName("localhost")])
    return _issue(authority, key.public_key(), _ALWAYS, names, ExtendedKeyUsageOID.SERVER_AUTH), _key_pem(key)


@functools.lru_cache(maxsize=8)
def token_server_certificate(token_key: str) -> str:
    """Return the self-signed certificate (PEM) of the token servers' key (PEM); the same for the same key."""
    key = keys.from_pem(token_key)
    name = _name("btp-trust-emulator token servers")
    return _pem(_builder(name, name, key.public_key(), _ALWAYS).sign(key, hashes.SHA256()))


def client_id_of(pem: str, now: datetime) -> str | None:
    """Return the OAuth client of a certificate; None if it names no client, or is invalid `now`.

    The TLS handshake has checked that the authority signed it; only the dates are left.
    """
    certificate = x509.load_pem_x509_certificate(pem.encode())
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        return None
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    for name in names.get_values_for_type(x509.UniformResourceIdentifier):
        return unquote(name.removeprefix(_CLIENT))
    return None


def _issue(
    authority: Authority,
    public_key: CertificatePublicKeyTypes,
    validity: tuple[datetime, datetime],
    names: x509.SubjectAlternativeName,
    effect: x509.ObjectIdentifier,
) -> str:
    issuer = x509.load_pem_x509_certificate(authority.certificate.encode())
    key = load_pem_private_key(authority.private_key.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is not on an elliptic curve")
    certificate = (
        _builder(_name("btp-trust-emulator"), issuer.subject, public_key, validity)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([effect]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pem(certificate)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: CertificatePublicKeyTypes,
    validity: tuple[datetime, datetime],
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public_key)
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(validity[0]).not_valid_after(validity[1])


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
