"""The protection of a connection to a Dask scheduler."""

from __future__ import annotations

from pathlib import Path

import dask
import pytest

from btp_trust.errors import ConfigurationError
from btp_trust_fleet.schedulers.dask_security import security_of


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:8786", "tcp://localhost:8786", "tcp://[::1]:8786"])
def test_loopback_needs_no_certificates(address: str) -> None:
    """On one machine, TCP is enough."""
    assert security_of(address) is None


@pytest.mark.parametrize(
    "address", ["tcp://10.0.0.1:8786", "tcp://localhost.example:1", "tcp://", "ws://127.0.0.1:1", "127.0.0.1:8786", ""]
)
def test_open_scheduler_is_refused(address: str) -> None:
    """Everywhere else, it is TLS or nothing."""
    with pytest.raises(ConfigurationError, match="is refused"):
        security_of(address)


@pytest.mark.parametrize("address", ["tls://jane:secret@host:1", "tls://host:1?token=secret", "jane:secret@host:1"])
def test_address_with_credentials_is_hidden(address: str) -> None:
    """The message says which form is wanted, and quotes nothing."""
    with pytest.raises(ConfigurationError, match="The address of the Dask scheduler is refused") as raised:
        security_of(address)
    assert "secret" not in str(raised.value)
    assert "jane" not in str(raised.value)


@pytest.mark.parametrize("ca_file", [None, "missing.pem"])
def test_missing_certificates_are_named(ca_file: str | None, tmp_path: Path) -> None:
    """The message has the settings that Dask reads."""
    file = ca_file and str(tmp_path / ca_file)
    tls = {"distributed.comm.tls.ca-file": file, "distributed.comm.tls.client.cert": file}
    with dask.config.set(tls), pytest.raises(ConfigurationError) as raised:
        security_of("tls://10.0.0.1:8786")
    assert "DASK_DISTRIBUTED__COMM__TLS__CA_FILE" in raised.value.remedy
