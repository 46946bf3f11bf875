"""A hand-over on disk, and in a program."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest

import btp_trust as trust
from btp_trust.certificate import parse_pem
from btp_trust.errors import Refused
from support.certificates import certificate

NEW, OLD = certificate(2), certificate(1)
TARGET = trust.Target("s4", kind="communication-system", system="my300123", client="100", ticket="CHG-4711")
PLACE = f"s4.{parse_pem(NEW).fingerprint[:8]}"


def hand_over(target: trust.Target = TARGET) -> trust.HandOver:
    """Return the hand-over that is written."""
    return trust.HandOver.of(target, certificate=NEW, replaces=OLD)


def below(folder: Path) -> dict[str, bytes]:
    """Return all files as {path: content}."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_all_files_are_written_unchanged(tmp_path: Path) -> None:
    """Page, files and attestation are written byte for byte, from an object and from a stack's output alike."""
    content = hand_over()
    written = trust.write_hand_over(content, tmp_path / "one")
    assert trust.write_hand_over(content.to_dict(), str(tmp_path / "two"))[0].name == "README.md"
    assert content.attestation is not None
    assert below(tmp_path / "one") == {
        f"{PLACE}/README.md": content.page.encode(),
        f"{PLACE}/trust/s4.yaml": content.attestation.content.encode(),
        **{f"{PLACE}/{file.name}": file.content.encode() for file in content.files},
    }
    assert below(tmp_path / "one") == below(tmp_path / "two")
    assert {str(path.relative_to(tmp_path / "one")) for path in written} == set(below(tmp_path / "one"))


def test_filled_in_attestation_is_kept(tmp_path: Path) -> None:
    """An attestation is kept, all other files are written again, and another certificate has its own folder."""
    trust.write_hand_over(hand_over(), tmp_path)
    attestation, page = tmp_path / PLACE / "trust/s4.yaml", tmp_path / PLACE / "README.md"
    attestation.write_text("by: Ada\n")
    page.write_text("scribbled over\n")

    written = trust.write_hand_over(hand_over(), tmp_path)
    trust.write_hand_over(trust.HandOver.of(TARGET, certificate=OLD), tmp_path)

    assert attestation in written
    assert attestation.read_text() == "by: Ada\n"
    assert page.read_text() == hand_over().page
    assert len(list(tmp_path.iterdir())) == 2


def test_files_before_swap_are_kept(tmp_path: Path) -> None:
    """After the swap existing files are kept: only the earlier page names the old certificate to remove."""
    trust.write_hand_over(hand_over(), tmp_path)
    before = below(tmp_path)
    signs = trust.HandOver.of(TARGET, certificate=NEW, replaces=NEW)

    written = trust.write_hand_over(signs.to_dict(), tmp_path)

    assert below(tmp_path) == before
    assert {str(path.relative_to(tmp_path)) for path in written} < set(before)
    written[0].unlink()
    assert trust.write_hand_over(signs, tmp_path)[0].read_text() == signs.page
    trust.write_hand_over(hand_over(), tmp_path)
    assert below(tmp_path) == before


def test_single_slot_target_has_no_attestation(tmp_path: Path) -> None:
    """A target with room for one certificate has no attestation file."""
    trust.write_hand_over(hand_over(trust.Target("sf", kind="successfactors", system="ACME")), tmp_path)
    assert not list(tmp_path.rglob("*.yaml"))


@pytest.mark.parametrize("name", ["../../stolen.pem", "/stolen.pem", "../sf.yaml"])
def test_path_outside_of_folder_is_refused(tmp_path: Path, name: str) -> None:
    """A mapping with a file outside of the folder is refused before any file is written."""
    data = hand_over().to_dict()
    data["files"][0]["name"] = name
    with pytest.raises(Refused, match="outside of its folder"):
        trust.write_hand_over(data, tmp_path / "folder")
    assert below(tmp_path) == {}


def test_unknown_name_of_package_is_missing() -> None:
    """An unknown name of the package is an AttributeError, although some names are imported on first use."""
    with pytest.raises(AttributeError, match="has no attribute 'HandOvers'"):
        trust.HandOvers  # type: ignore[attr-defined]  # noqa: B018 - to ask is the test


class Engine(pulumi.runtime.Mocks):
    """Mocks with a certificate for each resource."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """Return the certificate of the resource's name."""
        return f"id of {args.name}", {**args.inputs, "certificate": {"next": NEW, "signing": OLD}.get(args.name)}

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        """Fail: these programs call no function."""
        raise NotImplementedError(args.token)


@pytest.mark.usefixtures("program_loop")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the mocks' own event loops
def test_resources_outputs_and_texts_are_equal() -> None:
    """Resources, outputs and PEM texts give the same mapping; other resources are refused."""
    pulumi.runtime.set_mocks(Engine(), preview=False)
    mappings: list[Mapping[str, Any]] = []

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def program() -> pulumi.Output[Any]:
        upcoming = trust.PassiveTrustCertificate("next", generation="2028-11")
        signing = trust.ActiveTrustCertificate("signing")
        with pytest.raises(Refused, match="`replaces` is not a certificate"):
            trust.hand_over(TARGET, certificate=upcoming, replaces=pulumi.ComponentResource("a:b:C", "other"))  # type: ignore[arg-type]
        outputs = [
            trust.hand_over(TARGET, certificate=upcoming, replaces=signing),
            trust.hand_over(TARGET, certificate=upcoming.certificate, replaces=signing.certificate),
            trust.hand_over(TARGET, certificate=NEW, replaces=OLD),
        ]
        return pulumi.Output.all(*outputs).apply(mappings.extend)

    program()
    assert mappings == [hand_over().to_dict()] * 3
