"""Downloading a published Broden: taken up again where it stopped, checked, unpacked beside, then renamed."""

import hashlib
import os
import re
import time
from pathlib import Path
from urllib.parse import urlsplit

from netdissect.broden.destination import check_destination
from netdissect.broden.fetch import Part, fetch, without_password
from netdissect.broden.unpack import BadArchiveError, unpack
from netdissect.concepts.broden import BrodenDataset
from netdissect.storage import alone, clear, not_writable, put_in_place
from netdissect.types import NetdissectError, OnProgress, no_progress

#: Where the authors publish the archives, and the image sizes (pixels) they chose.
MIRROR = "http://netdissect.csail.mit.edu/data"
SIZES = (224, 227, 384)

#: No such file is ever there: what is unpacked half is not gone on with.
_STATE = "unpacked"


def download_broden(
    out: Path,
    size: int = 224,
    *,
    mirror: str = MIRROR,
    sha256: str | None = None,
    overwrite: bool = False,
    on_progress: OnProgress = no_progress,
    pause: float = 1.0,
) -> Path:
    """Downloads the Broden of ``size`` pixels (224, 227 or 384) and unpacks it into ``out / "broden1_<size>"``.

    That directory, which is returned, appears whole or not at all. Until then the bytes that have arrived are kept in
    ``out``, in ``broden1_<size>.zip.part``; a dropped connection, or the same call after a kill, goes on from there.
    ``mirror`` is the address (http or https) of the folder with ``broden1_<size>.zip``, ``sha256`` the hash that the
    archive must have, in hexadecimal. ``overwrite`` replaces a Broden directory that is there. ``on_progress`` is told
    of ``download`` in bytes, of a total of 0 where the server names none, and of ``unpack`` in entries. ``pause`` is in
    seconds, between the first two attempts. Raises ``NetdissectError``.
    """
    if size not in SIZES:
        raise NetdissectError(f"no Broden of size {size} was published; there are {', '.join(map(str, SIZES))}")
    if sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise NetdissectError(f"sha256 {sha256!r} is not a hash of 64 hexadecimal digits")
    root = out / f"broden1_{size}"
    url = f"{_checked_mirror(mirror)}/{root.name}.zip"
    check_destination(root, overwrite)
    on_progress = _Throttled(on_progress)
    hidden = root.with_name(f".{root.name}.unfinished")
    try:
        with alone(hidden, _STATE):
            clear(hidden, _STATE)  # of what a process left that was killed
            part = Part(out / f"{root.name}.zip.part", url)
            try:
                fetch(part, pause, on_progress)
            except NetdissectError as error:
                hint = "; --mirror URL names another place" if url.startswith(MIRROR) else ""
                raise NetdissectError(f"{error}{hint}") from error
            try:
                _check_sha256(part.path, sha256)
                unpacked = unpack(part.path, root.name, hidden, on_progress)
                _check_broden(unpacked, part.path)
            except BadArchiveError as error:
                part.remove()
                raise NetdissectError(f"{error} (it came from {without_password(url)}, and is removed)") from error
            check_destination(root, overwrite)  # again: a download takes long
            put_in_place(unpacked, root)
            part.remove()
    except OSError as error:
        raise not_writable(root, error) from error
    return root


def _checked_mirror(mirror: str) -> str:
    try:
        parts = urlsplit(mirror)
        usable = parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.fragment)
    except ValueError:
        usable = False
    if not usable:
        raise NetdissectError(f"mirror {mirror!r} is not the http or https address of a folder")
    return mirror.rstrip("/")


class _Throttled:
    """``on_progress`` for calls that come faster than anybody can see."""

    def __init__(self, on_progress: OnProgress, seconds: float = 0.1) -> None:
        self._on_progress, self._seconds = on_progress, seconds
        self._last: dict[str, float] = {}

    def __call__(self, doing: str, done: int, total: int) -> None:
        now = time.monotonic()
        if doing not in self._last or done == total or now - self._last[doing] >= self._seconds:
            self._last[doing] = now
            self._on_progress(doing, done, total)


def _check_sha256(path: Path, expected: str | None) -> None:
    if expected is None:
        return
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    if digest.hexdigest() != expected.lower():
        raise BadArchiveError(f"{path}: has the SHA-256 {digest.hexdigest()}, not {expected.lower()}")


def _check_broden(unpacked: Path, archive: Path) -> None:
    try:
        BrodenDataset(unpacked)
    except NetdissectError as error:
        text = str(error).replace(f"{unpacked.parent}{os.sep}", "")  # which is gone when a person reads it
        raise BadArchiveError(f"{archive}: holds no Broden directory: {text}") from error
