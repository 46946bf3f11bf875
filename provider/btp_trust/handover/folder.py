"""A hand-over on disk. The only module here that touches the machine; no preview calls it."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from btp_trust.errors import Refused
from btp_trust.formatting import short_fingerprint
from btp_trust.handover.hand_over import HandOver
from btp_trust.handover.tasks import Phase
from btp_trust.secret_guard.guard import refuses_secret_arguments


@refuses_secret_arguments
def write_hand_over(hand_over: HandOver | Mapping[str, Any], folder: str | PathLike[str]) -> list[Path]:
    """Write the page, the files and the attestation below `<folder>/<target>.<first eight digits of the fingerprint>`.

    Another certificate has another folder. Writing the same again changes nothing; an attestation that is there is
    left as it is, for somebody may have filled it in. Once the certificate signs, all that is there is left as it is,
    and only what is missing is written: the page from before the swap names the old certificate, which a later one
    cannot, and its second task is to remove that one. To have it written anew, remove the folder.

    Args:
        hand_over: A HandOver, or the mapping that `hand_over` returned or a stack exported.
        folder: Where; it is made if it is not there.

    Returns:
        What the hand-over consists of, the page first; whether it was written now or left as it was.

    Raises:
        Refused: It is no hand-over, or names a file elsewhere.
        OSError: The folder cannot be written.
    """
    given = hand_over if isinstance(hand_over, HandOver) else HandOver.from_dict(hand_over)
    place = Path(folder) / f"{given.target.name}.{short_fingerprint(given.new.fingerprint)}"
    lasting = set() if given.attestation is None else {given.attestation.path}
    contents = {"README.md": given.page, **{file.name: file.content for file in given.files}}
    if given.attestation is not None:
        contents[given.attestation.path] = given.attestation.content
    for name in contents:
        _refuse_path_outside(folder, place)
        _refuse_path_outside(place, place / name)
    for name, content in contents.items():
        stays = name in lasting or given.phase is Phase.SIGNS
        if not (stays and (place / name).exists()):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content.encode())
    return [place / name for name in contents]


def _refuse_path_outside(folder: str | PathLike[str], file: Path) -> None:
    """Refuse a name that leads out of the folder: a mapping may come from anywhere."""
    if not file.resolve().is_relative_to(Path(folder).resolve()):
        raise Refused(
            f"A file of the hand-over would be outside of its folder: {file}.",
            "No hand-over that this package made has such names; somebody has changed it.",
            "Do not use it; make it anew with `hand_over`.",
            prop="hand_over",
        )
