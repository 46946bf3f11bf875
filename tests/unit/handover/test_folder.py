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
    """What is written."""
    return trust.HandOver.of(target, certificate=NEW, replaces=OLD)


def below(folder: Path) -> dict[str, bytes]:
    """Every file and its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_everything_is_written_byte_for_byte(tmp_path: Path) -> None:
    """The page, the files with their line ends, the attestation; given as an object or as the stack's output."""
    made = hand_over()
    written = trust.write_hand_over(made, tmp_path / "one")
    assert trust.write_hand_over(made.to_dict(), str(tmp_path / "two"))[0].name == "README.md"
    assert made.attestation is not None
    assert below(tmp_path / "one") == {
        f"{PLACE}/README.md": made.page.encode(),
        f"{PLACE}/trust/s4.yaml": made.attestation.content.encode(),
        **{f"{PLACE}/{file.name}": file.content.encode() for file in made.files},
    }
    assert below(tmp_path / "one") == below(tmp_path / "two")
    assert {str(path.relative_to(tmp_path / "one")) for path in written} == set(below(tmp_path / "one"))


def test_an_attestation_that_somebody_filled_in_is_left_alone(tmp_path: Path) -> None:
    """Everything else is written anew; another certificate goes elsewhere."""
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


def test_what_was_written_before_the_swap_stays_after_it(tmp_path: Path) -> None:
    """Only that page names the old certificate, which is to be removed when all is over."""
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


def test_where_one_certificate_fits_no_attestation_is_written(tmp_path: Path) -> None:
    """There is nothing to attest before the swap."""
    trust.write_hand_over(hand_over(trust.Target("sf", kind="successfactors", system="ACME")), tmp_path)
    assert not list(tmp_path.rglob("*.yaml"))


@pytest.mark.parametrize("name", ["../../stolen.pem", "/stolen.pem", "../sf.yaml"])
def test_a_mapping_that_leads_out_of_the_folder_is_refused_whole(tmp_path: Path, name: str) -> None:
    """A file of names comes from anywhere; nothing of it is written."""
    data = hand_over().to_dict()
    data["files"][0]["name"] = name
    with pytest.raises(Refused, match="outside of its folder"):
        trust.write_hand_over(data, tmp_path / "folder")
    assert below(tmp_path) == {}


def test_a_name_that_the_package_does_not_have_is_missing() -> None:
    """Names of hand-over are imported on request; others are errors as everywhere."""
    with pytest.raises(AttributeError, match="has no attribute 'HandOvers'"):
        trust.HandOvers  # type: ignore[attr-defined]  # noqa: B018 - to ask is the test


class Engine(pulumi.runtime.Mocks):
    """An engine that has a certificate for each resource."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """Give the certificate that the resource's name asks for."""
        return f"id of {args.name}", {**args.inputs, "certificate": {"next": NEW, "signing": OLD}.get(args.name)}

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        """Nothing here calls a function."""
        raise NotImplementedError(args.token)


@pytest.mark.usefixtures("program_loop")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the mocks' own event loops
def test_a_program_hands_over_resources_outputs_and_texts() -> None:
    """All give the same mapping; what is no certificate is refused where the program says it."""
    pulumi.runtime.set_mocks(Engine(), preview=False)
    found: list[Mapping[str, Any]] = []

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def program() -> pulumi.Output[Any]:
        upcoming = trust.PassiveTrustCertificate("next", generation="2028-11")
        signing = trust.ActiveTrustCertificate("signing")
        with pytest.raises(Refused, match="`replaces` is not a certificate"):
            trust.hand_over(TARGET, certificate=upcoming, replaces=pulumi.ComponentResource("a:b:C", "other"))  # type: ignore[arg-type]
        made = [
            trust.hand_over(TARGET, certificate=upcoming, replaces=signing),
            trust.hand_over(TARGET, certificate=upcoming.certificate, replaces=signing.certificate),
            trust.hand_over(TARGET, certificate=NEW, replaces=OLD),
        ]
        return pulumi.Output.all(*made).apply(found.extend)

    program()
    assert found == [hand_over().to_dict()] * 3
