"""A hand-over on disk: the only module here that touches the machine. Call it in updates only."""

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

    Each certificate has a folder of its own. Writing the same hand-over again changes nothing. An existing attestation
    is kept, for it may be filled in. Once the certificate signs, all existing files are kept and only missing ones are
    written: the page from before the swap is the one that names the old certificate, which its second task removes.
    To write all of it again, remove the folder.

    Args:
        hand_over: A HandOver, or the mapping that `hand_over` returned or a stack exported.
        folder: The parent folder; it is created if necessary.

    Returns:
        All files of the hand-over, the page first, both written and kept ones.

    Raises:
        Refused: `hand_over` is something else, or names a file outside of the folder.
        OSError: The folder is not writable.
    """
    content = hand_over if isinstance(hand_over, HandOver) else HandOver.from_dict(hand_over)
    place = Path(folder) / f"{content.target.name}.{short_fingerprint(content.new.fingerprint)}"
    texts = _texts(content)
    # All names are checked before the first file is written.
    for name in texts:
        _refuse_path_outside(folder, place)
        _refuse_path_outside(place, place / name)
    kept = _kept_names(content, texts)
    for name, text in texts.items():
        if not (name in kept and (place / name).exists()):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(text.encode())  # as octets: write_text changes line ends on Windows
    return [place / name for name in texts]


def _texts(hand_over: HandOver) -> dict[str, str]:
    """Return all files as {name: content}, the page first."""
    texts = {"README.md": hand_over.page, **{file.name: file.content for file in hand_over.files}}
    if hand_over.attestation is not None:
        texts[hand_over.attestation.path] = hand_over.attestation.content
    return texts


def _kept_names(hand_over: HandOver, texts: Mapping[str, str]) -> set[str]:
    """Return the names of the files that are kept where they exist."""
    if hand_over.phase is Phase.SIGNS:
        return set(texts)
    return set() if hand_over.attestation is None else {hand_over.attestation.path}


def _refuse_path_outside(folder: str | PathLike[str], file: Path) -> None:
    """Refuse a name that leads out of the folder: a mapping may come from anywhere."""
    if not file.resolve().is_relative_to(Path(folder).resolve()):
        raise Refused(
            f"A file of the hand-over would be outside of its folder: {file}.",
            "This package makes only names inside the folder, so somebody has changed the hand-over.",
            "Discard it, and make it again with `hand_over`.",
            prop="hand_over",
        )
