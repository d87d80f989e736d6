"""Files and directories that appear whole or not at all, and folders of unfinished work that can be resumed."""

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
    """A file or directory cannot be written, for example to a full disk."""


def check_target(out: Path, *, overwrite: bool, markers: Sequence[str], what: str) -> None:
    """Raise ``NetdissectError`` if ``out`` cannot take a new directory; called before the work as well as after it.

    Only a directory that holds all files ``markers`` is ever overwritten; ``what`` is its noun in errors.

    >>> check_target(Path("."), overwrite=False, markers=["run.json"], what="a run")
    Traceback (most recent call last):
    netdissect.types.NetdissectError: .: exists already (--overwrite replaces a run)
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
    """Raise ``NetdissectError`` if ``path`` could not be created."""
    parent = next(folder for folder in path.absolute().parents if folder.exists())
    try:
        Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=parent)).rmdir()
    except OSError as error:
        raise not_writable(path, error) from error


def lock_file(folder: Path, state: str) -> Path:
    """Return the path of the lock that a process holds while it works in an unfinished folder.

    The lock also marks the folder as one for work with the file ``state``.

    >>> lock_file(Path("run.unfinished"), "state.npz").as_posix()
    'run.unfinished/state.lock'
    """
    return folder / f"{Path(state).stem}.lock"


def unfinished_folder(out: Path) -> Path:
    """Return the folder of unfinished work for ``out``.

    >>> unfinished_folder(Path("runs/alexnet")).name
    'alexnet.unfinished'
    """
    out = out.absolute()
    return out.with_name(f"{out.name}.unfinished")


def check_unfinished(folder: Path, state: str, *, overwrite: bool, resume: bool) -> None:
    """Raise ``NetdissectError`` if the folder holds work that must not be touched; the file ``state`` marks work."""
    if folder.exists() and any(folder.iterdir()) and not lock_file(folder, state).is_file():
        raise NetdissectError(f"{folder}: would be used meanwhile, but holds something else; name another place")
    if (folder / state).is_file() and not (resume or overwrite):
        raise NetdissectError(f"{folder}: unfinished work is there: --resume goes on with it, --overwrite begins anew")


@contextmanager
def alone(folder: Path, state: str) -> Iterator[None]:
    """Reserve the folder for this process while the block lasts, then remove it unless it holds the file ``state``.

    The folder is created if there is none. Raises ``NetdissectError`` if another process works in it.
    """
    with locked(folder, state):
        try:
            yield
        finally:
            if not (folder / state).is_file():
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def locked(folder: Path, state: str, *, patience: float = 0.0) -> Iterator[None]:
    """Hold the folder's lock while the block lasts; wait for another process at most ``patience`` seconds.

    The folder is created if there is none. Raises ``NetdissectError`` if the lock is still taken.
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
    """Empty an unfinished folder except for its lock.

    The file ``state`` goes first: without it, the rest is not resumed. Raises ``OSError``.
    """
    (folder / state).unlink(missing_ok=True)
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path != lock_file(folder, state):
            path.unlink()


@contextmanager
def staged(out: Path, hidden: Path | None) -> Iterator[Path]:
    """Give a directory that replaces ``out`` if the block ends without an error, and is removed otherwise.

    The directory is created in ``hidden``, by default a new folder beside ``out``. Raises ``NetdissectError``.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with staged(Path(folder) / "run", None) as stage:
    ...         _ = (stage / "run.json").write_text("{}")
    ...     [path.name for path in Path(folder).rglob("*")]
    ['run', 'run.json']
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
    """Rename ``stage`` to ``out``, and remove the old ``out``; it stays if the renaming fails. Raises ``OSError``."""
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
    """Return the error to raise for an error of the file system."""
    return NotWritableError(f"{path}: cannot be written: {error.strerror or one_line(error)}")


def write_npz(
    path: Path, description: Mapping[str, Any], arrays: Mapping[str, np.ndarray], *, compress: bool = False
) -> None:
    """Write plain data and arrays to one file, which is replaced in one step. Raises ``OSError``."""
    text = np.frombuffer(json.dumps(description).encode(), dtype=np.uint8)
    with _replacing(path) as beside:
        save_arrays(beside, {"description": text, **arrays}, compress=compress)


def read_npz(path: Path, *, arrays: bool = True) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read a file of ``write_npz``: the plain data, and the arrays unless they are not wanted.

    Raises ``NetdissectError`` for a file that is missing or damaged; the zip file's checksums are verified.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_npz(Path(folder) / "state.npz", {"end": 3}, {"images": np.arange(3)})
    ...     read_npz(Path(folder) / "state.npz")
    ({'end': 3}, {'images': array([0, 1, 2])})
    """
    try:
        # Opened here, since numpy leaves open a file that is no archive.
        with path.open("rb") as opened, np.load(opened) as file:
            found = {name: file[name] for name in file.files if arrays or name == "description"}
        return json.loads(found.pop("description").tobytes()), found
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise NetdissectError(f"{path}: cannot be read: {one_line(error)}") from error


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray], *, compress: bool = True) -> None:
    """Write arrays to an ``.npz`` file. Raises ``OSError``.

    This takes half the time of ``np.savez_compressed``, and the files are a few percent larger.
    """
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
    """Write a file, which is replaced in one step. Raises ``OSError``."""
    with _replacing(path) as beside:
        # Names of files may hold bytes that are not text.
        beside.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


def check_picture(path: Path, what: str) -> None:
    """Raise ``NetdissectError`` if ``write_picture`` cannot write to ``path``; ``what`` is the noun in the error.

    >>> check_picture(Path("sheet.gif"), "a sheet")
    Traceback (most recent call last):
    netdissect.types.NetdissectError: sheet.gif: a sheet is a .jpg or a .png
    """
    if path.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise NetdissectError(f"{path}: {what} is a .jpg or a .png")
    if path.is_dir():
        raise NetdissectError(f"{path}: cannot be written: it is a directory")
    _check_parent(path)


def write_picture(picture: Image.Image, path: Path) -> None:
    """Write a picture as PNG or JPEG, by the ending of its name; the file is replaced in one step.

    Raises ``NetdissectError``.
    """
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
    """Give a path beside ``path``, whose file replaces ``path`` if the block ends without an error."""
    beside = path.with_name(f"{path.name}.new")
    try:
        yield beside
        beside.replace(path)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise
