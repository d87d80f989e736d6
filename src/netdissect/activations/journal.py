"""A folder of files that only grow, and a state that records how much of each file is finished.

Appended data count once the state says so, and the state is replaced in one step. So if the process is killed, the
folder is as it was at the last ``commit``. Checksums show damage done by a failure of the machine.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from netdissect.storage import not_writable, read_npz, write_npz
from netdissect.types import NetdissectError

#: The file of the state.
STATE = "state.npz"

#: Bytes read at a time for a checksum.
_CHUNK = 2**22


@dataclass(frozen=True)
class State:
    """The contents of a commit: plain data, arrays, and the length and CRC-32 of each file."""

    description: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]
    files: Mapping[str, tuple[int, int]]


class Journal:
    """A folder to append to. It is created if there is none, and else cut back to its last commit.

    Raises ``NetdissectError`` if the folder is damaged, or if it cannot be written, for example to a full disk.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     journal = Journal(Path(folder))
    ...     journal.append("numbers", np.arange(3, dtype=np.uint8))
    ...     journal.commit({"end": 3}, {})
    ...     journal.append("numbers", np.arange(5, dtype=np.uint8))
    ...     Journal(Path(folder)).state.files["numbers"][0], (Path(folder) / "numbers").read_bytes().hex()
    (3, '000102')
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = read_state(folder) if (folder / STATE).is_file() else None
        self._finished: dict[str, tuple[int, int]] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if self.state is not None:
                for name, (length, _) in self.state.files.items():
                    if (folder / name).stat().st_size > length:
                        with (folder / name).open("r+b") as file:
                            file.truncate(length)
                check_files(folder, self.state.files)
                self._finished = dict(self.state.files)
        except OSError as error:
            raise self._failure(error) from error

    def append(self, name: str, array: np.ndarray) -> None:
        """Append an array's bytes to a file."""
        data = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
        try:
            # A file in no commit begins anew. Files are not kept open: there may be many.
            with (self.folder / name).open("ab" if name in self._finished else "wb") as file:
                file.write(data)
        except OSError as error:
            raise self._failure(error) from error
        length, checksum = self._finished.get(name, (0, 0))
        self._finished[name] = (length + len(data), zlib.crc32(data, checksum))

    def commit(self, description: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Make all appended data count, with plain data and arrays that describe them."""
        try:
            write_npz(self.folder / STATE, {**description, "files": self._finished}, arrays)
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> NetdissectError:
        """Return the error for a folder that cannot be written."""
        return not_writable(self.folder, error)


def read_state(folder: Path) -> State:
    """Read the last commit. Raises ``NetdissectError`` if there is none, or if it cannot be read."""
    description, arrays = read_npz(folder / STATE)
    files = description.pop("files", {})
    return State(description, arrays, {name: (length, checksum) for name, (length, checksum) in files.items()})


def check_files(folder: Path, files: Mapping[str, tuple[int, int]]) -> None:
    """Raise ``NetdissectError`` if a file's finished part is missing or was changed."""
    for name, (length, checksum) in files.items():
        found, left = 0, length
        with (folder / name).open("rb") as file:
            while left and (data := file.read(min(_CHUNK, left))):
                found = zlib.crc32(data, found)
                left -= len(data)
        if left or found != checksum:
            raise NetdissectError(f"{folder / name}: is damaged: its first {length} bytes are not those written")
