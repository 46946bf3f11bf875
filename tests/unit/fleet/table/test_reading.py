"""The table of a fleet: what is read, and how each mistake is named, with its line."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from btp_trust.errors import ConfigurationError
from btp_trust_fleet.table.document import MAX_BYTES, read_document
from btp_trust_fleet.table.fleet import Fleet
from btp_trust_fleet.table.reading import read_fleet
from support.fleet_samples import TABLE, sample_fleet, write_table


def refusal_of(folder: Path, text: str) -> str:
    """Return the error of a table."""
    with pytest.raises(ConfigurationError) as caught:
        sample_fleet(folder, text)
    return str(caught.value)


def test_waves_have_their_stacks(tmp_path: Path) -> None:
    """By names and by labels, in the order of the table; connection and stack are the name by default."""
    fleet = sample_fleet(tmp_path)
    rows = [(each.wave, each.name, each.stack, each.connection) for each in fleet.stacks]
    assert rows == [
        ("canary", "acme-dev", "acme-dev", "acme-dev"),
        ("quality", "acme-qa", "acme-qa", "acme-qa"),
        ("production", "acme-prod", "live", "production"),
    ]
    canary, *_ = fleet.waves
    assert (canary.soak, canary.stop_after, canary.number) == (timedelta(days=7), 1, 1)
    assert found(fleet, "canary") == found(fleet, "1") == "canary"
    assert fleet.find_wave("4") is None
    assert fleet.find_stack("live") == fleet.find_stack("acme-prod")


def found(fleet: Fleet, text: str) -> str:
    """Return the name of the wave that a text finds."""
    wave = fleet.find_wave(text)
    assert wave is not None
    return wave.name


@pytest.mark.parametrize("written", ["2028-11", "no", "2028-11-01", "010", "1:30", "1_000", "yes", "0x1F", "1e3"])
def test_texts_are_read_as_written(tmp_path: Path, written: str) -> None:
    """YAML 1.1 makes other values of these; nobody means them in a name."""
    fleet = sample_fleet(tmp_path, TABLE.replace('generation: "2028-11"', f"generation: {written}"))
    assert {stack.generation for stack in fleet.stacks} == {written}


def test_empty_values_count_as_omitted(tmp_path: Path) -> None:
    """`passive:` without a value: no passive certificate."""
    fleet = sample_fleet(tmp_path, TABLE.replace('passive: "2028-11"', "passive:"))
    assert {stack.passive for stack in fleet.stacks} == {None}


@pytest.mark.parametrize(
    ("old", "new", "line", "sentences"),
    [
        ("labels: [test]", "label: [test]", 3, ("subaccounts.1 has the unknown key 'label'.", "Write `labels`.")),
        ("waves:", "other:", 10, ("the file has the unknown key 'other'.", "Use one of: subaccounts, waves.")),
        ("name: quality", "nam: quality", 17, ("waves.2 has the unknown key 'nam'.", "Write `name`.")),
        ("name: quality\n    ", "", 17, ("waves.2 lacks 'name'.", "Add `name:` to waves.2.")),
        (
            "soak: 7d",
            "soak: 1w",
            15,
            ("waves.1.soak is unusable: it has another form.", "Write it like this: soak: 7d"),
        ),
        ("soak: 7d", "stop_after: 0", 15, ("waves.1.stop_after is unusable", "stop_after: 1")),
        ("soak: 7d", "stop_after: many", 15, ("waves.1.stop_after is unusable", "stop_after: 1")),
        ("approval: none", "approval: maybe", 16, ("waves.1.approval is unusable", "approval: file")),
        ("subaccounts: [acme-dev]", "subaccounts: acme-dev", 12, ("waves.1.subaccounts is unusable", "[acme-dev]")),
        ("labels: [test]", "labels: [[a]]", 3, ("subaccounts.1.labels.1 is unusable", "labels: [production]")),
        ("name: canary", "name: Canary 1", 11, ("waves.1.name is unusable", "name: canary")),
        ("name: acme-qa", "name: acme-dev", 4, ("The name 'acme-dev' is that of line 2.", "a name of its own")),
        ("stack: live", "stack: ACME-dev", 8, ("The stack 'ACME-dev' is that of line 2.", "a stack of its own")),
        (
            "connection: production",
            "connection: acme-qa",
            7,
            ("The connection 'acme-qa' is that of line 4.", "its own"),
        ),
        ("name: quality", "name: canary", 17, ("The name 'canary' is that of line 11.", "a name of its own")),
        ("stack: live", "stack: ../live", 8, ("'../live' is impossible as the name of a stack.", "as Pulumi has it")),
        ("stack: live", "stack: l\u0456ve", 8, ("is impossible as the name of a stack.", "as Pulumi has it")),
        ("stack: live", "stack: acme/trust/acme-dev", 8, ("The stack 'acme-dev' is that of line 2.", "of its own")),
        (
            "name: acme-dev\n",
            "name: live\n    stack: x\n",
            9,
            ("'live' has the name of the subaccount in line 2.", "Rename one"),
        ),
        ("soak: 7d", 'soak: "7d\\n"', 15, ("has an invisible character", "Write it anew")),
        ("name: canary", 'name: "canary\\n"', 11, ("has an invisible character", "Write it anew")),
        ("stack: live", 'stack: "live\\n"', 8, ("has an invisible character", "Write it anew")),
        ("[production, eu]", '[production, "eu\\n"]', 9, ("has an invisible character", "Write it anew")),
        ("connection: production", 'connection: "p\\e[31m"', 7, ("has an invisible character", "Write it anew")),
        ('passive: "2028-11"', "passive: a\ufe0f", 14, ("has an invisible character", "Write it anew")),
        ("connection: production", "connection: p\u3164", 7, ("has an invisible character", "Write it anew")),
        ("connection: production", 'connection: "p "', 7, ("a blank at its beginning or end", "Write it anew")),
        ("[acme-dev]", "[acme-dve]", 12, ("'acme-dve' is an unknown subaccount.", "Write acme-dev.")),
        ("[acme-dev]", "[zzz]", 12, ("'zzz' is an unknown subaccount.", "take it out of the wave")),
        ("[production]", "[nowhere]", 22, ("The wave production is empty.", "Give it `subaccounts` or `labels`")),
        (
            "    subaccounts: [acme-qa]",
            "    labels: [test]",
            2,
            ("acme-dev is in several waves: canary, quality.", "Change"),
        ),
        ("[acme-qa]", "[acme-dev]", 2, ("acme-dev is in several waves: canary, quality.", "Change the labels")),
        ("waves:", "  - name: more\nwaves:", 10, ("more is in none of the waves.", "Name it in `subaccounts`")),
        (
            'generation: "2028-11"',
            "generation: ' a'",
            13,
            ("' a' cannot be the name of a generation.", "Give it a short"),
        ),
        ('passive: "2028-11"', "passive: ' a'", 14, ("' a' cannot be the name of a generation.", "Give it a short")),
        ("    labels: [test]", "\tlabels: [test]", 3, ("The file is other than YAML", "indent by spaces")),
        ("name: canary", "name: canary\n    name: b", 12, ("The key 'name' is there twice.", "Keep one of both.")),
        ("[test]", "&a [test]\n    stack: *a", 4, ("An alias repeats another value.", "in this place too")),
        ("name: acme-dev", "[a]: b", 2, ("A key is a list or a map.", "Write a plain key.")),
        ("name: acme-dev", "name: a\x01", 1, ("The file has a character that YAML forbids.", "Correct the line")),
        ("waves:\n", "---\nwaves:\n", 10, ("The file is other than YAML", "Correct the line")),
    ],
)
def test_mistake_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, sentences: tuple[str, str]
) -> None:
    """What, why, and what to do; the first mistake of the file."""
    what, why, what_to_do = refusal_of(tmp_path, TABLE.replace(old, new, 1)).splitlines()
    assert what.startswith(f"{tmp_path / 'fleet.yaml'}, line {line}: ")
    assert sentences[0] in what
    assert why.startswith("The table declares which certificate signs")
    assert sentences[1] in what_to_do


@pytest.mark.parametrize("text", ["", "- a", "text", "subaccounts: []\nwaves: []\n"])
def test_other_documents_are_refused(tmp_path: Path, text: str) -> None:
    """Nothing, a list, a text, an empty fleet."""
    assert "is unusable: Expected" in refusal_of(tmp_path, text)


def test_secret_is_refused(tmp_path: Path) -> None:
    """The table is in git; the message repeats nothing of it."""
    text = TABLE.replace("name: acme-dev", 'name: "clientsecret=s3cr3t-of-acme"', 1)
    message = refusal_of(tmp_path, text)
    assert "The file holds credentials" in message
    assert "s3cr3t" not in message


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    """A missing one, a large one, one in another encoding."""
    with pytest.raises(ConfigurationError, match="unreadable"):
        read_fleet(tmp_path / "fleet.yaml")
    path = write_table(tmp_path, "a" * (MAX_BYTES + 1))
    with pytest.raises(ConfigurationError, match="larger than"):
        read_fleet(path)
    path.write_bytes(b"a: b\nc: \xff\n")
    with pytest.raises(ConfigurationError, match="line 2: The file has bytes other than UTF-8"):
        read_fleet(path)


@pytest.mark.parametrize("text", ["[" * 100_000, "a: " + "[" * 950 + "]" * 950])
def test_deep_nesting_is_refused(tmp_path: Path, text: str) -> None:
    """Also where PyYAML would end the process."""
    with pytest.raises(ConfigurationError, match="nested too deeply"):
        read_document(write_table(tmp_path, text))
