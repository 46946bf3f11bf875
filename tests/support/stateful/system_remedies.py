"""Remedies of refusals about communication systems."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from support.stateful.refusals import Refusal, Remedies, Remedy


def _foreign(refusal: Refusal) -> Remedies:
    """The block gets the active certificate, or is left out."""
    block = re.findall(r"\((oauth2|saml-bearer)\) trusts", refusal.problem)[0]
    systems = refusal.targets.communication_systems
    yield Remedy("upload it", (refusal.spec,), preconditions=(lambda: systems.trust(block, "active"),))
    others = tuple(other for other in refusal.spec.switches if other != block)
    yield Remedy("switch the others", (replace(refusal.spec, switches=others),))


def _unlock(refusal: Refusal) -> Remedies:
    yield Remedy("unlock the user", (refusal.spec,), preconditions=(refusal.targets.communication_systems.repair,))


def _left_behind(refusal: Refusal) -> Remedies:
    """The system is repaired or gets the certificate from a person; or the previous signer is restored."""
    systems = refusal.targets.communication_systems
    yield Remedy("repair the system", (refusal.spec,), preconditions=(systems.repair,))
    yield Remedy("upload into all", (refusal.spec,), preconditions=(systems.repair_and_upload,))


def left_to_people(refusal: Refusal) -> list[Remedy]:
    """Return what the page for an administrator says: the certificate is uploaded."""
    systems = refusal.targets.communication_systems
    return [Remedy("upload into all", (refusal.spec,), preconditions=(systems.repair_and_upload,))]


SYSTEM_REMEDIES: Final[list[tuple[str, Callable[[Refusal], Remedies]]]] = [
    (r"^If this system is meant, let it trust the active certificate first", _foreign),
    (r"^Check its user and its (password|certificate)", _unlock),
    (r"^Run `pulumi up` again once that is resolved, or let an administrator upload", _left_behind),
    (r"^Look at what the system says", _left_behind),
    (r"Run the same command again once the system answers", _left_behind),
]
