"""A target that a rotation is proved to, and a user as whom, for a stack of the real command line."""

from __future__ import annotations

import json

from propagating import PASSWORD, SAML, USER

from btp_trust_emulator import Emulator
from project import Project, rotating

S4 = "s4"
ASSERTION = SAML["Name"]
CHECKED = [S4, ASSERTION]
"""The target, and what shows who signs."""
PRIVATE = {PASSWORD, USER.partition("@")[0]}
"""What may never be printed or stored."""
NAMED = json.dumps({"name": USER, "password": PASSWORD})


def check(*destinations: str) -> str:
    """Write the arguments of a trigger that tries these destinations."""
    return f", verify_destinations={json.dumps(destinations)}, list_affected=True"


def checking(signs: str) -> str:
    """Write the program that has prepared 2028-11 and proves what signs to the target."""
    return rotating("2028-11", signs, trigger=check(*CHECKED))


def create_trusting_target(emulator: Emulator, guid: str, name: str = S4) -> None:
    """Create a target that trusts both certificates, a destination that leads to it, and one that shows who signs."""
    emulator.create_destination(guid, emulator.create_target(name).properties(S4))
    emulator.create_destination(guid, SAML)
    for certificate in emulator.certificates(guid):
        emulator.upload_certificate(name, certificate or "")


def prepare(project: Project) -> None:
    """Deploy what is to be rotated, with a user and the target."""
    project.emulator.create_user(project.guid, USER, PASSWORD)
    project.known_secrets |= PRIVATE
    project.pulumi("config", "set", "--secret", "btp-trust:user", stdin=NAMED)
    project.deploy(checking("2026-11"))
    create_trusting_target(project.emulator, project.guid)
