"""The metrics, from statuses with chosen contents: their text, what an outage keeps, and what uses them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from btp_trust_cli.landscape import SubaccountStatus
from btp_trust_cli.metrics.families import HELP, Reading, metric_families
from btp_trust_cli.metrics.text import from_text, to_openmetrics
from support.paths import ROOT
from support.statuses import ALL, CLOSED, ERROR, FINE, OLD, ROTATING, status

NOW = datetime(2027, 11, 22, tzinfo=UTC)
TEXT = (Path(__file__).parent / "metrics.txt").read_text()
MONITORING = ROOT / "examples/monitoring"
ALERTS = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"][0]["rules"]


def written(*statuses: SubaccountStatus, **reading: Any) -> list[Metric]:
    """Return the metrics of a run, written and read again."""
    return from_text(to_openmetrics(metric_families(Reading(NOW, statuses, **reading))))


def values(families: list[Metric], name: str) -> dict[str, float]:
    """Return {connection: value} of a metric."""
    return {
        sample.labels.get("connection", ""): sample.value
        for family in families
        for sample in family.samples
        if sample.name == name
    }


def test_text_is_stable() -> None:
    """By stack and connection, with whole fingerprints, serial numbers and moments."""
    assert to_openmetrics(metric_families(Reading(NOW, ALL))) == TEXT
    assert to_openmetrics(metric_families(Reading(NOW, ALL[::-1]))) == TEXT


def test_both_formats_read_it() -> None:
    """OpenMetrics, and the older format of the node exporter's textfile collector."""
    assert list(parse_openmetrics(TEXT)) == from_text(TEXT)  # type: ignore[no-untyped-call]
    assert {family.type for family in from_text(TEXT)} == {"gauge"}


def test_labels_are_escaped() -> None:
    """A generation and a name may have quotes, backslashes and line ends."""
    odd = 'say "a\\b"\nand c'
    families = written(replace(FINE, name=odd))
    assert {sample.labels.get("subaccount", odd) for family in families for sample in family.samples} == {odd}


def test_negative_serial_number_is_a_label() -> None:
    """As the outputs of the resources have it: the content of the DER, whose first digit above 7 means negative."""
    certificate = structs.replace(OLD, serial_number="f00d")
    families = written(status(certificate))
    assert {sample.labels.get("serial_number", "f00d") for family in families for sample in family.samples} == {"f00d"}


def test_empty_slots_have_no_step() -> None:
    """A new subaccount has been read, and that is all."""
    families = written(status(None))
    assert values(families, "btp_trust_last_success_timestamp_seconds") != {}
    assert (
        values(families, "btp_trust_cert_not_after") == values(families, "btp_trust_next_step_timestamp_seconds") == {}
    )


def test_outage_keeps_what_was_known() -> None:
    """The expiry, the drift and the last success stay; the error is there besides."""
    before = written(FINE, ROTATING)
    gone = replace(FINE, snapshot=None, read_at=None, error=ERROR, subaccount_id=None, name=None)
    now = metric_families(Reading(NOW, [gone, ROTATING]), before)
    for name in ("btp_trust_cert_not_after", "btp_trust_drift", "btp_trust_last_success_timestamp_seconds"):
        assert values(now, name) == values(before, name)
    assert values(now, "btp_trust_read_error") == {"fine": 1.0, "prod": 0.0}
    assert values(now, "btp_trust_severity")["fine"] == 3.0
    assert metric_families(Reading(NOW, [FINE, ROTATING]), now) == metric_families(Reading(NOW, [FINE, ROTATING]))


@pytest.mark.parametrize(
    "reading",
    [
        Reading(NOW, error=ERROR),
        Reading(NOW, [SubaccountStatus("", "live", error=ERROR)]),
    ],
)
def test_unreadable_stack_keeps_its_subaccounts(reading: Reading) -> None:
    """A stack, or a whole run, that fails leaves all of its connections as they were."""
    before = metric_families(Reading(NOW, [replace(FINE, stack="live"), replace(ROTATING, stack="live")]))
    now = metric_families(reading, before)
    assert set(values(now, "btp_trust_cert_not_after")) == {"fine", "prod"}
    assert values(now, "btp_trust_run_error") == {"": float(reading.error is not None)}


def test_removed_subaccount_is_gone() -> None:
    """Samples stay for what fails, and go with what is no longer chosen."""
    now = metric_families(Reading(NOW, [CLOSED]), written(FINE, ROTATING))
    assert values(now, "btp_trust_cert_not_after") == {}


@given(st.text() | st.sampled_from(["a{", 'a{b="', "a 1 2 3 4", "# TYPE a\n", "a{b=1} x", TEXT[:-200]]))
def test_damaged_text_has_no_metrics(text: str) -> None:
    """Any text can be read; a file that was written otherwise is no reason to end."""
    assert isinstance(from_text(text), list)


def test_rules_and_dashboard_use_existing_metrics() -> None:
    """Each name that they use is a metric, and each label one of its labels."""
    for name in ("alerts.yaml", "dashboard.json"):
        used = set(re.findall(r"\bbtp_trust_\w+", (MONITORING / name).read_text()))
        assert used
        assert used <= set(HELP), name
    labels = {label for family in from_text(TEXT) for sample in family.samples for label in sample.labels}
    rules = json.dumps(ALERTS)
    assert set(re.findall(r"\$labels\.(\w+)", rules)) | set(re.findall(r"(\w+)=", rules)) - {"slot"} <= labels


def test_dashboard_can_be_imported() -> None:
    """Each panel has a place of its own, its queries ask one data source that the reader chooses."""
    panels = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len({str(panel["gridPos"]) for panel in panels}) == len(panels)
    assert {target["datasource"]["uid"] for panel in panels for target in panel["targets"]} == {"${datasource}"}


def test_rules_have_each_threshold() -> None:
    """The days of `btp-trust notify`, each with a severity."""
    days = [rule["labels"]["days"] for rule in ALERTS if rule["alert"] == "BtpTrustSignerExpires"]
    assert days == ["60", "30", "14", "7", "3"]
    assert all(rule["labels"]["severity"] and rule["annotations"]["description"] for rule in ALERTS)


def test_rules_have_the_form_of_prometheus() -> None:
    """The fields of an alerting rule, durations, and balanced expressions: for machines without promtool."""
    for rule in ALERTS:
        assert (
            {"alert", "expr", "labels", "annotations"} <= set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        )
        assert re.fullmatch(r"\d+[smhdwy]", rule.get("for", "1m"))
        assert re.fullmatch(r"[A-Za-z_]\w*", rule["alert"])
        for text in (rule["expr"], *rule["annotations"].values()):
            assert all(text.count(one) == text.count(other) for one, other in ("()", "{}"))
        assert rule["expr"].count('"') % 2 == 0


def test_promtool_accepts_rules() -> None:
    """Prometheus' own tool checks the rules and runs their unit tests."""
    if (promtool := shutil.which("promtool")) is None:
        pytest.skip("promtool is missing: `make system-packages` installs it")
    for words in (["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"]):
        done = subprocess.run(
            [promtool, *words], cwd=MONITORING, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_accepts_metrics() -> None:
    """Names and help as Prometheus recommends them, except for the names in the manner of other exporters."""
    if (promtool := shutil.which("promtool")) is None:
        pytest.skip("promtool is missing: `make system-packages` installs it")
    done = subprocess.run(
        [promtool, "check", "metrics"], input=TEXT, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_age_is_in_the_samples() -> None:
    """Each reading has its moment, by the service's clock; the run has that of this machine."""
    later = written(replace(FINE, read_at=NOW - timedelta(hours=1)))
    assert values(later, "btp_trust_last_success_timestamp_seconds") == {"fine": NOW.timestamp() - 3600}
    assert values(later, "btp_trust_last_run_timestamp_seconds") == {"": NOW.timestamp()}


def test_reference_has_every_metric() -> None:
    """The table is that of the code, and all labels are explained."""
    page = (ROOT / "docs/reference/command-line.md").read_text()
    assert dict(re.findall(r"^\| `(btp_trust_\w+)` \| (.*) \|$", page, re.MULTILINE)) == HELP
    labels = {label for family in from_text(TEXT) for sample in family.samples for label in sample.labels}
    assert all(f"`{label}`" in page for label in labels)
