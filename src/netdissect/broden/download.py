"""Download a published Broden: resume after a stop, check, unpack beside the destination, then rename."""

import hashlib
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from netdissect.broden.destination import check_destination
from netdissect.broden.fetch import Part, fetch, without_password
from netdissect.broden.unpack import BadArchiveError, unpack
from netdissect.concepts.broden import BrodenDataset
from netdissect.storage import alone, clear, not_writable, put_in_place
from netdissect.types import NetdissectError, OnProgress, no_progress

#: The authors' server, and the image sizes (pixels) of their archives.
MIRROR = "http://netdissect.csail.mit.edu/data"
SIZES = (224, 227, 384)

#: A file that never exists: a half unpacked directory is not resumed.
_STATE = "unpacked"


@dataclass(frozen=True)
class Archive:
    """An archive of the published Broden, with images of ``size`` pixels (224, 227 or 384).

    ``mirror`` is the address (http or https) of the folder that holds it, ``sha256`` the hash that it must have, in
    hexadecimal. Raises ``NetdissectError`` for impossible values.

    >>> Archive(227, "http://example.org/data/").url
    'http://example.org/data/broden1_227.zip'
    """

    size: int = 224
    mirror: str = MIRROR
    sha256: str | None = None

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            sizes = ", ".join(map(str, SIZES))
            raise NetdissectError(f"no Broden of size {self.size} was published; there are {sizes}")
        if self.sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", self.sha256):
            raise NetdissectError(f"sha256 {self.sha256!r} is not a hash of 64 hexadecimal digits")
        try:
            parts = urlsplit(self.mirror)
            usable = parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.fragment)
        except ValueError:
            usable = False
        if not usable:
            raise NetdissectError(f"mirror {self.mirror!r} is not the http or https address of a folder")

    @property
    def name(self) -> str:
        """Return the name of the folder in the archive."""
        return f"broden1_{self.size}"

    @property
    def url(self) -> str:
        return f"{self.mirror.rstrip('/')}/{self.name}.zip"


def download_broden(
    out: Path,
    archive: Archive = Archive(),
    *,
    overwrite: bool = False,
    on_progress: OnProgress = no_progress,
    pause: float = 1.0,
) -> Path:
    """Download ``archive`` and unpack it into ``out / "broden1_<size>"``, which is returned.

    The directory appears whole or not at all. Until then the bytes that have arrived are kept in ``out``, in
    ``broden1_<size>.zip.part``: after a dropped connection or a kill, the same call goes on from there. ``overwrite``
    replaces an existing Broden directory. Progress is reported as ``download`` in bytes, with a total of 0 if the
    server names none, and as ``unpack`` in entries. ``pause`` is the time in seconds between the first two attempts.
    Raises ``NetdissectError``.
    """
    root = out / archive.name
    check_destination(root, overwrite)
    on_progress = _Throttled(on_progress)
    hidden = root.with_name(f".{root.name}.unfinished")
    try:
        with alone(hidden, _STATE):
            clear(hidden, _STATE)  # a killed process may have left something
            part = Part(out / f"{root.name}.zip.part", archive.url)
            try:
                fetch(part, pause, on_progress)
            except NetdissectError as error:
                hint = "; --mirror URL names another place" if archive.url.startswith(MIRROR) else ""
                raise NetdissectError(f"{error}{hint}") from error
            try:
                _check_sha256(part.path, archive.sha256)
                unpacked = unpack(part.path, root.name, hidden, on_progress)
                _check_broden(unpacked, part.path)
            except BadArchiveError as error:
                part.remove()
                raise NetdissectError(
                    f"{error} (it came from {without_password(archive.url)}, and is removed)"
                ) from error
            check_destination(root, overwrite)  # again: a download takes long
            put_in_place(unpacked, root)
            part.remove()
    except OSError as error:
        raise not_writable(root, error) from error
    return root


class _Throttled:
    """An ``on_progress`` that passes calls on no faster than people can see."""

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


def _check_broden(unpacked: Path, packed: Path) -> None:
    try:
        BrodenDataset(unpacked)
    except NetdissectError as error:
        text = str(error).replace(f"{unpacked.parent}{os.sep}", "")  # a path that will not exist
        raise BadArchiveError(f"{packed}: holds no Broden directory: {text}") from error
