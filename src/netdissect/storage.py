"""Files and directories that appear whole or not at all, and long work that goes on where it was stopped."""

import json
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from PIL import Image

from netdissect.types import NetdissectError, one_line


class NotWritableError(NetdissectError):
    """A file or directory cannot be written: the disk is full, say."""


def check_target(out: Path, *, overwrite: bool, markers: Sequence[str], what: str) -> None:
    """Raises ``NetdissectError`` if ``out`` cannot take a new directory: asked before the work as well as after it.

    Only ``what``, a directory that holds all files ``markers``, is ever overwritten.
    """
    if out.exists() or out.is_symlink():
        if not overwrite:
            raise NetdissectError(f"{out}: exists already (--overwrite replaces {what})")
        if not out.is_dir() or (any(out.iterdir()) and not all((out / marker).is_file() for marker in markers)):
            raise NetdissectError(f"{out}: is not {what}, and is not overwritten")
        if os.path.ismount(out.absolute()):
            raise NetdissectError(f"{out}: a disk is mounted there, which cannot be replaced; name a folder in it")
    _check_parent(out)


def _check_parent(path: Path) -> None:
    """Raises ``NetdissectError`` where ``path`` could not be made."""
    parent = next(folder for folder in path.absolute().parents if folder.exists())
    try:
        Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=parent)).rmdir()
    except OSError as error:
        raise not_writable(path, error) from error


def lock_file(folder: Path, state: str) -> Path:
    """Held while a process works in an unfinished folder; it also tells that the folder is for work of this kind."""
    return folder / f"{Path(state).stem}.lock"


def unfinished_folder(out: Path) -> Path:
    """Where the work for what is to be saved in ``out`` is kept until it is."""
    out = out.absolute()
    return out.with_name(f"{out.name}.unfinished")


def check_unfinished(folder: Path, state: str, *, overwrite: bool, resume: bool) -> None:
    """Raises ``NetdissectError`` if the folder holds work, told by its file ``state``, that is not to be touched."""
    if folder.exists() and any(folder.iterdir()) and not lock_file(folder, state).is_file():
        raise NetdissectError(f"{folder}: would be used meanwhile, but holds something else; name another place")
    if (folder / state).is_file() and not (resume or overwrite):
        raise NetdissectError(f"{folder}: unfinished work is there: --resume goes on with it, --overwrite begins anew")


@contextmanager
def alone(folder: Path, state: str) -> Iterator[None]:
    """The folder, created where there is none, for this process alone; removed if it holds no file ``state`` then."""
    with locked(folder, state):
        try:
            yield
        finally:
            if not (folder / state).is_file():
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def locked(folder: Path, state: str, *, patience: float = 0.0) -> Iterator[None]:
    """No other process holds the folder's lock meanwhile; for one that does it waits so many seconds at most.

    The folder is created where there is none.
    """
    lock = FileLock(lock_file(folder, state), blocking=patience > 0, timeout=patience)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise NetdissectError(f"{folder}: another process works in it") from error
    except OSError as error:
        raise not_writable(folder, error) from error
    try:
        yield
    finally:
        lock.release()


def clear(folder: Path, state: str) -> None:
    """Removes all that is in an unfinished folder but its lock, first of all ``state``: there is nothing to go on with.

    Raises ``OSError``.
    """
    (folder / state).unlink(missing_ok=True)
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path != lock_file(folder, state):
            path.unlink()


@contextmanager
def staged(out: Path, hidden: Path | None) -> Iterator[Path]:
    """A directory in ``hidden`` that takes the place of ``out`` when the block ends well, and vanishes otherwise.

    Without ``hidden``, it lies in a new one beside ``out``.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if hidden is None:
            hidden = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        else:
            shutil.rmtree(hidden, ignore_errors=True)
            hidden.mkdir()
    except OSError as error:
        raise not_writable(out, error) from error
    try:
        stage = hidden / "new"
        stage.mkdir()
        yield stage
        put_in_place(stage, out)
    except OSError as error:
        raise not_writable(out, error) from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def put_in_place(stage: Path, out: Path) -> None:
    """Renames ``stage`` to ``out``; what was there is removed, or stays if that fails. Raises ``OSError``."""
    old = stage.with_name("old")
    try:
        if out.exists():
            out.rename(old)
        stage.rename(out)
    finally:
        if old.exists() and not out.exists():
            old.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def not_writable(path: Path, error: OSError) -> NotWritableError:
    """What to raise for an error of the file system."""
    return NotWritableError(f"{path}: cannot be written: {error.strerror or one_line(error)}")


def write_npz(
    path: Path, description: Mapping[str, Any], arrays: Mapping[str, np.ndarray], *, compress: bool = False
) -> None:
    """Plain data and arrays in one file, which is replaced in one step. Raises ``OSError``."""
    text = np.frombuffer(json.dumps(description).encode(), dtype=np.uint8)
    with _replacing(path) as beside:
        save_arrays(beside, {"description": text, **arrays}, compress=compress)


def read_npz(path: Path, *, arrays: bool = True) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The plain data and, unless they are not wanted, the arrays of such a file; zip's own checksums are verified."""
    try:
        # Opened here, since numpy leaves open what is no archive.
        with path.open("rb") as opened, np.load(opened) as file:
            found = {name: file[name] for name in file.files if arrays or name == "description"}
        return json.loads(found.pop("description").tobytes()), found
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise NetdissectError(f"{path}: cannot be read: {one_line(error)}") from error


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray], *, compress: bool = True) -> None:
    """As ``np.savez_compressed``, in half the time: the files are a few percent larger. Raises ``OSError``."""
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", method, compresslevel=1) as file:
        for name, array in arrays.items():
            with file.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an ``.npz`` file. Raises ``OSError``, or what numpy raises for a damaged file."""
    # Opened here, since numpy leaves open a file that is no archive.
    with path.open("rb") as opened, np.load(opened) as file:
        return {name: file[name] for name in file.files}


def write_text(path: Path, text: str) -> None:
    """Replaces the file in one step. Raises ``OSError``."""
    with _replacing(path) as beside:
        # Names of files may hold bytes that are no text.
        beside.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


def check_picture(path: Path, what: str) -> None:
    """Raises ``NetdissectError`` unless ``write_picture`` could write there ``what``, by the name."""
    if path.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise NetdissectError(f"{path}: {what} is a .jpg or a .png")
    if path.is_dir():
        raise NetdissectError(f"{path}: cannot be written: it is a directory")
    _check_parent(path)


def write_picture(picture: Image.Image, path: Path) -> None:
    """As PNG or JPEG, as the name ends; replaces the file in one step. Raises ``NetdissectError``."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _replacing(path) as beside:
            if path.suffix.lower() == ".png":
                picture.save(beside, "PNG")
            else:
                picture.save(beside, "JPEG", quality=92, subsampling=0)
    except OSError as error:
        raise not_writable(path, error) from error


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    beside = path.with_name(f"{path.name}.new")
    try:
        yield beside
        beside.replace(path)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise
