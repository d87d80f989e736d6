"""A folder of files that only grow, and a state that tells how much of them is finished.

What is appended counts once the state says so, and the state is replaced in one step. So whatever happens to the
process, the folder is as it was at the last ``commit``. Should the machine itself fail, checksums tell.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from netdissect.storage import not_writable, read_npz, write_npz
from netdissect.types import NetdissectError

STATE = "state.npz"

#: Bytes read at a time for a checksum.
_CHUNK = 2**22


@dataclass(frozen=True)
class State:
    """What a commit has said: plain data, arrays, and the length and CRC-32 of each file."""

    description: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]
    files: Mapping[str, tuple[int, int]]


class Journal:
    """A folder to append to, created where there is none, and otherwise cut back to its last commit.

    Raises ``NetdissectError`` if it is damaged, or if it cannot be written to: a full disk, say.
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
        """Adds an array's bytes to a file."""
        data = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
        try:
            # A file that no commit speaks of begins anew. None stays open: there may be many.
            with (self.folder / name).open("ab" if name in self._finished else "wb") as file:
                file.write(data)
        except OSError as error:
            raise self._failure(error) from error
        length, checksum = self._finished.get(name, (0, 0))
        self._finished[name] = (length + len(data), zlib.crc32(data, checksum))

    def commit(self, description: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Makes all that was appended count, with these facts about it."""
        try:
            write_npz(self.folder / STATE, {**description, "files": self._finished}, arrays)
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> NetdissectError:
        return not_writable(self.folder, error)


def read_state(folder: Path) -> State:
    """What the last commit said. Raises ``NetdissectError`` where there is none, or where it cannot be read."""
    description, arrays = read_npz(folder / STATE)
    files = description.pop("files", {})
    return State(description, arrays, {name: (length, checksum) for name, (length, checksum) in files.items()})


def check_files(folder: Path, files: Mapping[str, tuple[int, int]]) -> None:
    """Raises ``NetdissectError`` if a file's finished part is missing or was altered."""
    for name, (length, checksum) in files.items():
        found, left = 0, length
        with (folder / name).open("rb") as file:
            while left and (data := file.read(min(_CHUNK, left))):
                found = zlib.crc32(data, found)
                left -= len(data)
        if left or found != checksum:
            raise NetdissectError(f"{folder / name}: is damaged: its first {length} bytes are not those written")
