"""`btp-trust metrics` against the emulator: printed, written and served; an outage leaves what was known."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from btp_trust.certificate import parse_pem
from btp_trust.errors import ConfigurationError
from btp_trust.runtime.host import Host
from btp_trust_cli.connections import Selection
from btp_trust_cli.exit_codes import Severity
from btp_trust_cli.metrics.command import MetricsRequest, run_metrics
from btp_trust_cli.metrics.text import from_text
from btp_trust_cli.options import Address
from btp_trust_emulator import Emulator, FaultKind
from support.fake_engine import FakeEngine
from support.fake_pulumi import FakePulumi, export_of
from support.terminals import pipes, printed

MakeHost = Callable[..., Host]


class Stopped(Exception):
    """The end of a server, for a test."""


def samples(text: str, name: str) -> dict[str, float]:
    """Return {slot or connection: value} of a metric."""
    return {
        sample.labels.get("slot", sample.labels.get("connection", "")): sample.value
        for family in from_text(text)
        for sample in family.samples
        if sample.name == name
    }


@pytest.fixture
def key(emulator: Emulator) -> dict[str, str]:
    """The variables of a host that reaches one subaccount."""
    guid = emulator.create_subaccount(generate=True).guid
    return {"BTP_TRUST_SERVICE_KEY": json.dumps(emulator.service_key(guid))}


def test_stack_is_printed(engine: FakeEngine, pulumi: FakePulumi, make_host: MakeHost, emulator: Emulator) -> None:
    """Both slots with generation and serial number; drift after a colleague's swap."""
    pulumi.add_stack("dev", engine.config, export_of(engine), current=True)
    emulator.rotate(engine.guid)
    terminal = pipes()
    severity = run_metrics(MetricsRequest(Selection(folder=pulumi.folder)), make_host(), terminal)
    families = {family.name: family for family in from_text(printed(terminal))}
    assert severity is Severity.CRITICAL
    slots = {sample.labels["slot"]: sample.labels for sample in families["btp_trust_cert_info"].samples}
    assert (slots["active"]["fingerprint"], slots["passive"]["fingerprint"]) == engine.slots
    assert (slots["active"]["generation"], slots["passive"]["generation"]) == ("b", "a")
    serial_numbers = [parse_pem(pem or "").serial_number for pem in emulator.certificates(engine.guid)]
    assert [slots["active"]["serial_number"], slots["passive"]["serial_number"]] == serial_numbers
    assert families["btp_trust_drift"].samples[0].value == 1.0


def test_another_date_is_judged(make_host: MakeHost, key: dict[str, str], tmp_path: Path, emulator: Emulator) -> None:
    """`--as-of` moves the state; the moments stay."""
    texts = []
    for as_of in (None, emulator.now.replace(year=emulator.now.year + 3)):
        terminal = pipes()
        run_metrics(MetricsRequest(Selection(folder=tmp_path), as_of), make_host(**key), terminal)
        texts.append(printed(terminal))
    assert [samples(text, "btp_trust_severity")["default"] for text in texts] == [0.0, 2.0]
    assert len({str(samples(text, "btp_trust_cert_not_after")) for text in texts}) == 1


def test_file_outlasts_an_outage(make_host: MakeHost, key: dict[str, str], tmp_path: Path, emulator: Emulator) -> None:
    """The file is replaced as a whole, and keeps the expiry of what could not be read."""
    file = tmp_path / "btp_trust.prom"
    request = MetricsRequest(Selection(folder=tmp_path), textfile=file)
    terminal = pipes()
    assert run_metrics(request, make_host(**key), terminal) is Severity.OK
    assert printed(terminal) == "OK: 1 subaccount, 1 OK\n"
    expiry = samples(file.read_text(), "btp_trust_cert_not_after")
    emulator.fault(FaultKind.FAIL, path="token", status=503, count=99)
    try:
        assert run_metrics(request, make_host(**key), pipes()) is Severity.UNKNOWN
    finally:
        emulator.clear_faults()
    assert samples(file.read_text(), "btp_trust_cert_not_after") == expiry
    assert samples(file.read_text(), "btp_trust_read_error") == {"default": 1.0}
    assert list(tmp_path.glob(".*")) == []


def test_failed_run_is_written(engine: FakeEngine, pulumi: FakePulumi, make_host: MakeHost, tmp_path: Path) -> None:
    """Where Pulumi cannot be run, the file says so, and the command ends with the error."""
    pulumi.add_stack("dev", engine.config, export_of(engine), current=True)
    file = tmp_path / "btp_trust.prom"
    request = MetricsRequest(Selection(folder=pulumi.folder), textfile=file)
    run_metrics(request, make_host(), pipes())
    with pytest.raises(ConfigurationError):
        run_metrics(request, make_host(PATH="/missing"), pipes())
    assert samples(file.read_text(), "btp_trust_run_error") == {"": 1.0}
    assert set(samples(file.read_text(), "btp_trust_cert_not_after")) == {"active", "passive"}


@pytest.mark.parametrize("place", ["missing/metrics.prom", "."])
def test_unwritable_file_is_named(make_host: MakeHost, key: dict[str, str], tmp_path: Path, place: str) -> None:
    """A missing folder, or a folder in place of a file; nothing is left behind."""
    with pytest.raises(ConfigurationError, match="cannot be written"):
        run_metrics(MetricsRequest(Selection(folder=tmp_path), textfile=tmp_path / place), make_host(**key), pipes())
    assert list(tmp_path.glob(".*")) == []


def test_server_outlasts_an_outage(
    make_host: MakeHost, key: dict[str, str], tmp_path: Path, emulator: Emulator
) -> None:
    """It reads once in an interval, answers in between and during an outage."""
    scraped: list[str] = []
    pauses: list[float] = []
    terminal = pipes()

    def sleep(seconds: float) -> None:
        if seconds < 900:  # a pause between attempts
            return
        pauses.append(seconds)
        url = printed(terminal).split()[1].rstrip(",")
        for _ in range(2):
            with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310 - of this test
                scraped.append(response.read().decode())
        if len(pauses) == 1:
            emulator.fault(FaultKind.FAIL, path="token", status=503, count=99)
        elif len(pauses) == 3:
            raise Stopped
        else:
            emulator.clear_faults()

    host = structs.replace(make_host(**key), sleep=sleep)
    with pytest.raises(Stopped):
        run_metrics(MetricsRequest(Selection(folder=tmp_path), address=Address("127.0.0.1", 0)), host, terminal)
    assert pauses == [900, 900, 900]
    assert [samples(text, "btp_trust_read_error")["default"] for text in scraped] == [0, 0, 1, 1, 0, 0]
    assert len({str(samples(text, "btp_trust_cert_not_after")) for text in scraped}) == 1


def test_server_outlasts_a_missing_pulumi(engine: FakeEngine, pulumi: FakePulumi, make_host: MakeHost) -> None:
    """A run that fails as a whole is said on stderr, and the server goes on."""
    pulumi.add_stack("dev", engine.config, export_of(engine), current=True)
    terminal, pauses = pipes(), []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            raise Stopped

    host = structs.replace(make_host(PATH="/missing"), sleep=sleep)
    request = MetricsRequest(Selection(folder=pulumi.folder), address=Address("127.0.0.1", 0), interval=5)
    with pytest.raises(Stopped):
        run_metrics(request, host, terminal)
    assert pauses == [5, 5]
    assert terminal.stderr.getvalue().startswith("btp-trust: ")  # type: ignore[attr-defined]


def test_taken_address_is_named(make_host: MakeHost, tmp_path: Path) -> None:
    """The error has the address and an example."""
    request = MetricsRequest(Selection(folder=tmp_path), address=Address("192.0.2.1", 9964))
    with pytest.raises(ConfigurationError, match=r"The address 192\.0\.2\.1:9964 cannot be served"):
        run_metrics(request, make_host(), pipes())
