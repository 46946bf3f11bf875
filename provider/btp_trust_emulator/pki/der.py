"""A small DER encoder and reader (ITU-T X.690): as much of it as one certificate needs.

It exists because certificate builders refuse what the real service makes: negative serial numbers and common names of
more than 64 characters.
"""

from __future__ import annotations

from datetime import UTC, datetime

_SHORT_LENGTH = 0x80
_LAST_YEAR_OF_UTC_TIME = 2049


def encode(tag: int, *contents: bytes) -> bytes:
    """Return one value: its tag, its length, and `contents` one after the other."""
    joined = b"".join(contents)
    return bytes([tag]) + _length(len(joined)) + joined


def _length(count: int) -> bytes:
    if count < _SHORT_LENGTH:
        return bytes([count])
    octets = count.to_bytes((count.bit_length() + 7) // 8, "big")
    return bytes([_SHORT_LENGTH | len(octets)]) + octets


def sequence(*contents: bytes) -> bytes:
    """Return a SEQUENCE of encoded values."""
    return encode(0x30, *contents)


def set_of(member: bytes) -> bytes:
    """Return a SET with one encoded member (with more, DER would have to sort them)."""
    return encode(0x31, member)


def explicit(number: int, content: bytes) -> bytes:
    """Return a value under the context-specific tag `number`."""
    return encode(0xA0 | number, content)


def integer(value: int) -> bytes:
    """Return an INTEGER, negative ones too, in the fewest bytes of two's complement."""
    bits = (value if value >= 0 else ~value).bit_length()
    return encode(0x02, value.to_bytes(bits // 8 + 1, "big", signed=True))


def bit_string(octets: bytes) -> bytes:
    """Return a BIT STRING of whole octets."""
    return encode(0x03, b"\x00", octets)


def null() -> bytes:
    """Return the NULL value."""
    return encode(0x05)


def object_identifier(dotted: str) -> bytes:
    """Return an OBJECT IDENTIFIER such as `2.5.4.3`."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    return encode(0x06, *(_arc(arc) for arc in (40 * first + second, *rest)))


def _arc(value: int) -> bytes:
    octets = [value & 0x7F]
    while value := value >> 7:
        octets.insert(0, 0x80 | (value & 0x7F))
    return bytes(octets)


def utf8_string(text: str) -> bytes:
    """Return a UTF8String."""
    return encode(0x0C, text.encode())


def time(moment: datetime) -> bytes:
    """Return a Time of RFC 5280, cut to the second: UTCTime to the end of 2049, GeneralizedTime after it."""
    if moment.year <= _LAST_YEAR_OF_UTC_TIME:
        return encode(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())
    return encode(0x18, moment.strftime("%Y%m%d%H%M%SZ").encode())


def parse_time(octets: bytes) -> datetime:
    """Parse what `time` encodes.

    Raises:
        ValueError: it is something else.
    """
    form = "%y%m%d%H%M%SZ" if octets[:1] == b"\x17" else "%Y%m%d%H%M%SZ"
    return datetime.strptime(content(octets).decode(), form).replace(tzinfo=UTC)


def members(octets: bytes) -> list[bytes]:
    """Return the encoded values in a constructed one; octets after it are ignored.

    Raises:
        ValueError: a length exceeds the octets.
    """
    left = content(octets)
    values = []
    while left:
        _, rest = _split(left)
        values.append(left[: len(left) - len(rest)])
        left = rest
    return values


def content(octets: bytes) -> bytes:
    """Return the content of an encoded value; octets after it are ignored.

    Raises:
        ValueError: the length exceeds the octets.
    """
    return _split(octets)[0]


def _split(octets: bytes) -> tuple[bytes, bytes]:
    """Return the content of the first value, and the octets after it."""
    start = 2
    length = octets[1] if len(octets) > 1 else len(octets)
    if length > _SHORT_LENGTH:
        start += length & 0x7F
        length = int.from_bytes(octets[2:start], "big")
    if len(octets) < start + length:
        raise ValueError("a value is longer than the octets")
    return octets[start : start + length], octets[start + length :]
