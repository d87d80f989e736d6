"""Unpack a zip archive of foreign origin safely."""

import shutil
import stat
import struct
import unicodedata
import zipfile
from pathlib import Path
from typing import BinaryIO

from netdissect.types import NetdissectError, OnProgress, no_progress, one_line

#: Bits of an entry's flags: encrypted, strongly encrypted, masked header.
_ENCRYPTED = 0x1 | 0x40 | 0x2000


class BadArchiveError(NetdissectError):
    """The archive is damaged or unsafe: another copy may be better."""


def unpack(path: Path, folder: str, into: Path, on_progress: OnProgress = no_progress) -> Path:
    """Unpack the zip archive ``path``, which holds one folder named ``folder``, into the directory ``into``.

    Names, kinds and sizes of all entries are checked before anything is written, and the checksum (CRC-32) of each
    while it is written. Files that macOS adds, ``__MACOSX/`` and ``.DS_Store``, are left out. Returns
    ``into / folder``. Raises ``BadArchiveError`` naming the entry, ``NetdissectError`` if the disk has too little room,
    and ``OSError`` if writing fails; files written until then stay.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as root:
    ...     archive = Path(root) / "a.zip"
    ...     with zipfile.ZipFile(archive, "w") as file:
    ...         file.writestr("data/x.txt", "hello")
    ...     (unpack(archive, "data", Path(root)) / "x.txt").read_text()
    'hello'
    """
    with path.open("rb") as file:
        try:
            archive = zipfile.ZipFile(file)
        except Exception as error:  # zipfile raises errors of many kinds for damaged files
            length = path.stat().st_size
            raise BadArchiveError(f"{path}: its {length} bytes are no whole zip archive: {one_line(error)}") from error
        with archive:
            _check_count(archive, file, path)
            entries = _checked_entries(archive, folder, path)
            _check_room(entries, into, path)
            for done, entry in enumerate(entries):
                on_progress("unpack", done, len(entries))
                _write(archive, entry, into / entry.orig_filename, path)
            on_progress("unpack", len(entries), len(entries))
    return into / folder


def _check_count(archive: zipfile.ZipFile, file: BinaryIO, path: Path) -> None:
    """Raise ``BadArchiveError`` unless the archive has as many entries as its end says; zipfile does not check."""
    file.seek(max(0, path.stat().st_size - 2**17))  # the end is shorter, with the longest comment
    tail = file.read()
    end = tail.rfind(b"PK\5\6")
    (said,) = struct.unpack_from("<H", tail, end + 10)
    if said == 0xFFFF and tail[end - 76 : end - 72] == b"PK\6\6":  # zip64
        (said,) = struct.unpack_from("<Q", tail, end - 44)
    found = len(archive.infolist())
    if said not in (found, found % 2**16):  # some programs write the remainder instead of zip64
        raise BadArchiveError(f"{path}: lists {found} entries, but its end says {said}")


def _checked_entries(archive: zipfile.ZipFile, folder: str, path: Path) -> list[zipfile.ZipInfo]:
    """Return the entries to unpack. Raises ``BadArchiveError`` for the first unsafe one."""
    length = path.stat().st_size
    entries: dict[str, zipfile.ZipInfo] = {}
    for entry in archive.infolist():
        # As stored: zipfile cuts a name at a zero byte and, on Windows, takes backslashes for slashes.
        name = entry.orig_filename
        if name.startswith("__MACOSX/") or name.split("/")[-1] == ".DS_Store":
            continue
        objection = _objection(entry, folder)
        # Some file systems take names for equal that others tell apart.
        key = unicodedata.normalize("NFC", name.removesuffix("/")).casefold()
        if objection is None and key in entries:
            objection = "has the name of another entry"
        if objection is None and not 0 <= entry.header_offset < length:
            objection = "lies outside of the archive"
        if objection:
            raise BadArchiveError(f"{path}: is not unpacked: entry {name!r} {objection}")
        entries[key] = entry
    if not entries:
        raise BadArchiveError(f"{path}: is not unpacked: it holds no folder {folder}")
    for key, entry in entries.items():
        while "/" in key:
            key = key.rpartition("/")[0]
            if key in entries and not entries[key].orig_filename.endswith("/"):
                raise BadArchiveError(f"{path}: is not unpacked: entry {entry.orig_filename!r} lies in a file")
    return list(entries.values())


def _objection(entry: zipfile.ZipInfo, folder: str) -> str | None:
    """Return the reason why an entry may not be unpacked, judged alone; None if it may."""
    name = entry.orig_filename
    parts = name.removesuffix("/").split("/")
    if name.startswith("/") or ".." in parts or "\\" in name or ":" in name:
        return "would leave the directory"
    if "" in parts or "." in parts or not name.isprintable():
        return "has no plain name"
    if parts[0] != folder or name == folder:
        return f"lies outside of the folder {folder}"
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or another special file"
    if entry.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if name.endswith("/") and entry.file_size:
        return "is a folder, but holds bytes"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"is compressed by method {entry.compress_type}; 0 (stored) and 8 (deflate) are known"
    return None


def _check_room(entries: list[zipfile.ZipInfo], into: Path, path: Path) -> None:
    needed, free = sum(entry.file_size for entry in entries), shutil.disk_usage(into).free
    if needed > free:
        raise NetdissectError(f"{path}: unpacks to {needed} bytes, but the disk has {free} left")


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, to: Path, path: Path) -> None:
    """Unpack an entry to the file ``to``. Raises ``BadArchiveError`` if its checksum or size is wrong."""
    name, declared = entry.orig_filename, entry.file_size
    if name.endswith("/"):
        to.mkdir(parents=True, exist_ok=True)
        return
    to.parent.mkdir(parents=True, exist_ok=True)
    entry.file_size += 1  # zipfile stops there: an entry longer than declared would not show
    try:
        with archive.open(entry) as packed, to.open("xb") as file:
            shutil.copyfileobj(packed, file, 2**20)
            size = file.tell()
    except OSError:  # an error of the disk, not of the archive
        raise
    except Exception as error:  # zipfile raises errors of many kinds for damaged files
        raise BadArchiveError(f"{path}: entry {name!r} is damaged: {one_line(error)}") from error
    if size != declared:
        more = " or more" if size > declared else ""
        raise BadArchiveError(f"{path}: entry {name!r} says {declared} bytes, but unpacks to {size}{more}")
