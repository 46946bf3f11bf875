"""One program with several subaccounts, on the real command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from btp_trust_emulator import Emulator
from support.pulumi_project import PulumiProject
from support.verification import PASSWORD, USER, USER_CONFIG, create_trusting_target

CONNECTIONS = ("berlin", "turin", "lyon")
PROGRAM = """
from pulumi import ResourceOptions, export
from btp_trust import ActiveTrustCertificate, PassiveTrustCertificate, RotationTrigger

earlier = []
for name, signer in {signers}.items():
    following = PassiveTrustCertificate(f"{{name}}-next", connection=name, generation="2028-11")
    options = ResourceOptions(depends_on=[*earlier] if name == {last!r} else None)
    rotation = RotationTrigger(
        f"{{name}}-rotation", connection=name, generation=signer, candidate=following, opts=options,
        verify_destinations={destinations},
    )
    ActiveTrustCertificate(f"{{name}}-signing", connection=name, rotation=rotation)
    earlier.append(rotation)
export("whole", following)
"""


def program(signer: str, last: str = "", destinations: tuple[str, ...] = (), **signers: str) -> str:
    """Return the program in which one certificate signs for all, or others for some; one may come after the others."""
    signs = {**dict.fromkeys(CONNECTIONS, signer), **signers}
    return PROGRAM.format(signers=signs, last=last, destinations=list(destinations))


def test_broken_connection_withholds_all_writes(
    emulator: Emulator, tmp_path: Path, make_project: Callable[[Emulator, str, Path], PulumiProject]
) -> None:
    """All subaccounts are read ahead; one with a broken key withholds the writes of all, unless it has nothing due."""
    guids = {name: emulator.create_subaccount(generate=True).guid for name in CONNECTIONS}
    keys = {name: emulator.service_key(guid) for name, guid in guids.items()}
    project = make_project(emulator, guids["berlin"], tmp_path)
    project.set_config("btp-trust:connections", json.dumps(keys), secret=True)
    project.deploy(program("2026-11"))
    emulator.clear_journal()

    planned = json.loads(project.preview("--json").text)
    assert planned["changeSummary"] == {"same": 10}
    whole = project.state()["project-dev"]["outputs"]["whole"]
    assert "fingerprint" in whole
    assert "announced_connections" not in whole
    assert "announced" not in str(planned)
    assert sorted(entry.subaccount or "" for entry in emulator.journal()) == sorted([*guids.values()] * 3)

    broken = {**keys, "lyon": {**keys["lyon"], "clientsecret": "expired"}}
    project.set_config("btp-trust:connections", json.dumps(broken), secret=True)
    project.write(program("2028-11"))
    emulator.clear_journal()
    refused = project.up(status=1)
    assert "connection 'lyon' is out of reach" in refused or "rejects the service key" in refused.message[0]
    assert project.writes() == []

    project.write(program("2028-11", lyon="2026-11"))
    unchanged = project.up()
    assert "was not checked" in unchanged.diagnostics
    assert project.writes() == ["POST rotateCertificate"] * 2

    # Lyon comes after the writes of the others, so that the engine would reach it only then.
    project.write(program("2026-11", lyon="2028-11", last="lyon"))
    assert "connection 'lyon' is out of reach" in project.up(status=1)
    assert len(project.writes()) == 2
    project.set_config("btp-trust:partial", "true")
    project.up(status=1)
    assert project.writes() == ["POST rotateCertificate"] * 4


@pytest.mark.parametrize("options", [(), ("--parallel", "1")])
def test_rejection_withholds_later_rotations(
    emulator: Emulator,
    tmp_path: Path,
    make_project: Callable[[Emulator, str, Path], PulumiProject],
    options: tuple[str, ...],
) -> None:
    """The target of the second of three rejects: the first stays rotated, the third waits until that is reverted.

    The third depends on the others, and the update of a rotation that was rolled back succeeds.
    """
    guids = {name: emulator.create_subaccount(generate=True, subdomain=name).guid for name in CONNECTIONS}
    project = make_project(emulator, guids["berlin"], tmp_path)
    keys = {name: emulator.service_key(guid) for name, guid in guids.items()}
    project.set_config("btp-trust:connections", json.dumps(keys), secret=True)
    users = dict.fromkeys(guids, json.loads(USER_CONFIG))
    project.set_config("btp-trust:users", json.dumps(users), secret=True)
    destinations = ("s4", "assertion")
    project.deploy(program("2026-11", "lyon", destinations))
    for name, guid in guids.items():
        emulator.create_user(guid, USER, PASSWORD)
        create_trusting_target(emulator, guid, f"s4-{name}")
    before = {name: emulator.slots(guid) for name, guid in guids.items()}
    emulator.misreport("s4-turin", before["turin"].passive or "")

    emulator.clear_journal()
    project.write(program("2028-11", "lyon", destinations))
    withheld = project.up(*options, status=1)
    assert project.writes() == ["POST rotateCertificate"] * 3
    assert {name: emulator.slots(guid).active for name, guid in guids.items()} == {
        "berlin": before["berlin"].passive,
        "turin": before["turin"].active,
        "lyon": before["lyon"].active,
    }
    assert f"turin ({guids['turin'][:8]}): Generation '2028-11' was rejected by the target of s4" in withheld
    # The program fails a moment after the rollback, and on a loaded machine before it has registered the third.
    is_refused = f"lyon ({guids['lyon'][:8]}): Generation '2028-11' was not made to sign" in withheld
    assert is_refused == ("Then deploy again: that rotates what is left." in withheld)
    assert is_refused == ("RotationTrigger lyon-rotation" in withheld)

    emulator.clear_journal()
    assert "was rejected by the target of s4" in project.up(*options, status=1).message[0]
    assert project.writes() == []
    project.deploy(program("2028-11", "lyon", destinations, turin="2026-11"), *options)
    assert project.writes() == ["POST rotateCertificate"]
    assert emulator.slots(guids["lyon"]).active == before["lyon"].passive


def test_explicit_provider_has_connections_of_its_own(
    emulator: Emulator, tmp_path: Path, make_project: Callable[[Emulator, str, Path], PulumiProject]
) -> None:
    """The stack has the key of one subaccount, an explicit provider that of another one: both are deployed."""
    guids = [emulator.create_subaccount(generate=True).guid for _ in range(2)]
    project = make_project(emulator, guids[0], tmp_path)
    berlin, turin = (
        json.dumps({name: emulator.service_key(guid)}) for name, guid in zip(CONNECTIONS, guids, strict=False)
    )
    project.set_config("btp-trust:connections", berlin, secret=True)
    (project.program / "turin.json").write_text(turin)
    project.write(
        "import pulumi\n"
        "from btp_trust import ActiveTrustCertificate\n"
        "keys = pulumi.Output.secret(open('turin.json').read())\n"
        "own = pulumi.ProviderResource('pulumi-python', 'own', {'btp-trust:connections': keys})\n"
        "ActiveTrustCertificate('berlin', connection='berlin')\n"
        "ActiveTrustCertificate('turin', connection='turin', opts=pulumi.ResourceOptions(provider=own))\n"
    )
    assert "4 created" in project.up()
