"""The pickles of every released version load permanently: they are in the state of every stack."""

from __future__ import annotations

import base64
import pickletools
from pathlib import Path
from typing import Any

import dill  # type: ignore[import-untyped]
import pytest
from pulumi.dynamic import dynamic

from btp_trust import providers
from btp_trust_emulator import Emulator

GOLDEN = sorted((Path(__file__).parent / "golden").glob("v*/*.b64"))
PROVIDERS = {
    "ActiveTrustCertificateProvider",
    "CommunicationSystemTrustProvider",
    "PassiveTrustCertificateProvider",
    "RotationTriggerProvider",
    "TrustedIdentityProviderProvider",
}
golden = pytest.mark.parametrize("file", GOLDEN, ids=lambda file: f"{file.parent.name} {file.stem}")


def test_a_release_has_every_pickle() -> None:
    """A folder for each release, with a pickle of each provider."""
    assert GOLDEN
    for folder in {file.parent for file in GOLDEN}:
        assert {file.stem for file in folder.glob("*.b64")} == PROVIDERS


@golden
def test_a_pickle_loads_as_todays_provider(file: Path) -> None:
    """It is an empty instance of the class that its name says; pickles of development versions are the same files."""
    loaded = dill.loads(base64.b64decode(file.read_text()))  # noqa: S301 - a file of this repository

    assert type(loaded) is getattr(providers, file.stem)
    assert vars(loaded) == {}


@golden
def test_a_pickle_is_a_reference(file: Path) -> None:
    """Its only strings are the module path and the class name, and all of it is data."""
    operations = list(pickletools.genops(base64.b64decode(file.read_text())))

    strings = [argument for operation, argument, _ in operations if "UNICODE" in operation.name]
    assert strings == ["btp_trust.providers", file.stem]
    assert not any("BYTES" in operation.name for operation, _, _ in operations)
    assert dynamic.serialize_provider(getattr(providers, file.stem)()) == file.read_text().strip()


@golden
def test_reads_a_state_with_this_pickle(file: Path, configured_plugin: Any, emulator: Emulator, guid: str) -> None:
    """The process that Pulumi starts loads the pickle and reads with it."""
    kind = file.stem.removesuffix("Provider")
    configured_plugin.pickles[kind] = file.read_text().strip()
    fingerprint = emulator.slots(guid).active
    certificate = {"generation": "2026-11", "subaccount_id": guid, "fingerprint": fingerprint}
    registration = {"connection": "target", "origin_key": "gone", "subaccount_id": guid, "trusted": [fingerprint]}

    if kind == "CommunicationSystemTrust":
        emulator.create_communication_system("erp", "BTP", emulator.certificates(guid)[0])
        assert configured_plugin.read(kind, {"connection": "s4", "system": "BTP"})["trusted"] == [fingerprint]
    elif kind == "TrustedIdentityProvider":
        assert configured_plugin.read(kind, registration)["trusted"] == []
    else:
        assert configured_plugin.read(kind, certificate)["fingerprint"] == fingerprint
