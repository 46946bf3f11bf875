"""Fingerprints as tools print them and people copy them: normalized, or refused by a message that leaves them out."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.parsing.fingerprint import OtherDigest, normalize_fingerprint
from btp_trust_emulator.pki import keys, trust_certificate

MARKS = "\ufeff\u200b\u200c\u200d\u200e\u200f\u202a\u202c\u2060\u2066\u2069\u00ad\ufe0f\0"
LABELS = [
    "",
    "sha256 Fingerprint=",
    "SHA256 Fingerprint=",
    "SHA-256 Fingerprint: ",
    "SHA256:",
    "sha256: ",
    "SHA-256: ",
    "SHA-256\t",
    "sha_256=",
    "sha 256 fingerprint ",
    "SHA2-256:",
    "Fingerprint (SHA-256): ",
    "Fingerprint=",
    "Thumbprint: ",
    "sha256 digest: ",
    "SHA256-Fingerprint: ",
    "sha256_fingerprint=",
    "Certificate fingerprint (SHA-256): ",
    "Fingerprint: sha256 ",
    "[SHA-256] ",
    "SHA2-256(stdin)= ",
    "SHA-256 Fingerabdruck: ",
    "sha256//",
    "0x",
]


@given(
    digest=st.binary(min_size=32, max_size=32),
    label=st.sampled_from(LABELS),
    separator=st.sampled_from(
        ["", ":", " ", "-", "\u2010", "\u2011", "\u2013", "\u2212", "\u00a0", "\u202f", ": ", "\n", "\\n", "\uff1a"]
    ),
    capitals=st.booleans(),
    marks=st.lists(st.tuples(st.integers(0, 200), st.sampled_from(MARKS)), max_size=5),
    around=st.sampled_from(["", " ", "\u00a0", "\r\n", "\u3000", "'", '"', "`", ","]),
)
def test_normalizes_a_fingerprint(
    digest: bytes, label: str, separator: str, marks: list[tuple[int, str]], around: str, *, capitals: bool
) -> None:
    """Labels, separators, capitals and invisible marks come to 64 lower-case digits, and these stay so."""
    text = label + separator.join(f"{octet:02X}" if capitals else f"{octet:02x}" for octet in digest)
    for place, mark in marks:
        text = text[:place] + mark + text[place:]
    assert normalize_fingerprint(f"{around}{text}{around}") == digest.hex()
    assert normalize_fingerprint(digest.hex()) == digest.hex()


def test_reads_the_output_of_openssl(tmp_path: Path) -> None:
    """As this machine prints it, of SHA-256 and of other digests."""
    since, until = datetime(2026, 11, 24, tzinfo=UTC), datetime(2028, 11, 24, tzinfo=UTC)
    pem = trust_certificate.generate_certificate(keys.generate(1024), "a subaccount", 5, since, until)
    file = tmp_path / "certificate.pem"
    file.write_text(pem)
    command = ["openssl", "x509", "-noout", "-fingerprint", "-in", str(file)]

    def printed(digest: str) -> str:
        return subprocess.run([*command, digest], capture_output=True, text=True, check=True).stdout

    assert normalize_fingerprint(printed("-sha256")) == trust_certificate.fingerprint(pem)
    for digest in ("-sha1", "-md5", "-sha512", "-sha3-256", "-blake2s256", "-sha512-256"):
        with pytest.raises(ValueError, match="SHA-256"):
            normalize_fingerprint(printed(digest))


@given(
    label=st.sampled_from(["sha1 Fingerprint=", "SHA-1:", "SHA1: ", "MD5 Fingerprint=", "md5:", "SHA-512: ", "sha384:"])
    | st.sampled_from(["SHA3-256 Fingerprint=", "sha512/256:", "SHA: ", "blake2s Fingerprint=", "RIPEMD160:"]),
    digits=st.text("0123456789abcdefABCDEF", min_size=64, max_size=64) | st.just("ab" * 20) | st.just("ab" * 16),
)
def test_refuses_the_label_of_another_digest(label: str, digits: str) -> None:
    """Also where the length would fit."""
    with pytest.raises(OtherDigest, match=r"^a .*SHA-256"):
        normalize_fingerprint(label + digits)


@pytest.mark.parametrize("label", ["", "SHA1 Fingerprint=", "Thumbprint: ", "\u200e"])
def test_names_a_sha1_fingerprint(label: str) -> None:
    """Windows shows it alone."""
    with pytest.raises(OtherDigest, match=r"SHA-?1"):
        normalize_fingerprint(label + ":".join(["AB"] * 20))


@given(text=st.text(min_size=1) | st.tuples(st.sampled_from(LABELS), st.text()).map("".join))
def test_refuses_another_text(text: str) -> None:
    """The message says what is expected; the text may be a secret, and is left out."""
    with pytest.raises(ValueError, match="SHA-256") as caught:
        normalize_fingerprint(text)
    assert str(caught.value) == "not a SHA-256 fingerprint (64 hexadecimal digits)"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a" * 63, id="a digit short"),
        pytest.param("a" * 65, id="a digit long"),
        pytest.param("a" * 40, id="a SHA-1 fingerprint"),
        pytest.param("g" * 64, id="no hexadecimal"),
        pytest.param("a" * 64 + "=", id="something after it"),
        pytest.param("x sha256 Fingerprint=" + "a" * 64, id="something before its label"),
        pytest.param("sha256sha256:" + "a" * 64, id="two labels"),
        pytest.param("SHA256 Fingerprint=" + "a" * 63, id="with a label, a digit short"),
    ],
)
def test_refuses_a_near_miss(text: str) -> None:
    """Digits are never cut, filled up or guessed."""
    with pytest.raises(ValueError, match="SHA-256"):
        normalize_fingerprint(text)
