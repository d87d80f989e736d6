"""Dissecting into a directory: what is finished outlives a kill, and the run appears whole."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from netdissect.activations import KeptActivations, kept_plan
from netdissect.activations.journal import STATE
from netdissect.measure.count import TALLIES
from netdissect.pipeline.dissection import Dissection
from netdissect.pipeline.plan import check_same_plan, plan_of
from netdissect.report import write_report
from netdissect.results import Result, check_free
from netdissect.types import NetdissectError, one_line

#: Where a run keeps its activations.
ACTIVATIONS = "activations"

#: Held while a process works in the folder; it also tells that the folder is one of ours.
_LOCK = "lock"


def unfinished_folder(out: Path) -> Path:
    """Where the activations of the run that is to be saved in ``out`` are kept until it is."""
    out = out.absolute()
    return out.with_name(f"{out.name}.unfinished")


def check_directory(out: Path, *, overwrite: bool, resume: bool) -> None:
    """Raises ``NetdissectError`` if ``out`` cannot take a run: asked before the work."""
    if not (resume and (out / "run.json").is_file()):
        check_free(out, overwrite=overwrite)
    folder = unfinished_folder(out)
    if folder.exists() and any(folder.iterdir()) and not (folder / _LOCK).is_file():
        raise NetdissectError(f"{folder}: would be used meanwhile, but holds something else; name another place")
    if (folder / STATE).is_file() and not (resume or overwrite):
        raise NetdissectError(
            f"{folder}: an unfinished run is there: --resume goes on with it, --overwrite begins anew"
        )


def run_into(
    dissection: Dissection, out: Path, *, overwrite: bool, resume: bool, keep_activations: bool, progress: bool
) -> Result:
    """Runs, saves the run with its report in ``out``, and keeps or removes the activations.

    With ``resume`` it goes on wherever a run of the same plan was stopped, and where none was begun it begins; one that
    was finished is returned. Raises ``NetdissectError`` for a run of another plan, and while another process runs into
    the same directory.
    """
    folder = unfinished_folder(out)
    with _alone(folder):
        result = _finished(dissection, out, overwrite) if resume else None
        if result is None:
            if not (resume and (folder / STATE).is_file()):
                _empty(folder)
            result = _run(dissection, folder, resume, progress)
            result.save(
                out,
                overwrite=overwrite,
                add=lambda run: write_report(result, run / "report"),
                hidden=folder / "result",  # so that a kill leaves nothing elsewhere
            )
        elif (folder / STATE).is_file():
            # Left by a kill after the run was saved, if it is of this run.
            check_same_plan(folder, kept_plan(folder) or {}, dissection.plan)
        _put_away(folder, out / ACTIVATIONS, keep_activations)
    return result


def _run(dissection: Dissection, folder: Path, resume: bool, progress: bool) -> Result:
    try:
        return dissection.run(folder, resume=resume, progress=progress)
    except NetdissectError as error:
        if isinstance(error.__cause__, OSError) and (folder / STATE).is_file():  # a full disk, say
            raise NetdissectError(f"{error}; --resume goes on with what is finished") from error
        raise


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """The folder, created where there is none, for this process alone; removed if nothing is finished in it."""
    lock = FileLock(folder / _LOCK, blocking=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise NetdissectError(f"{folder}: another process runs into it") from error
    except OSError as error:
        raise NetdissectError(f"{folder}: cannot be written: {one_line(error)}") from error
    try:
        yield
    finally:
        if not (folder / STATE).is_file():
            shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def _finished(dissection: Dissection, out: Path, overwrite: bool) -> Result | None:
    """The run in ``out``, if it is of the same plan; None if there is none, or if it is to be replaced."""
    if not (out / "run.json").is_file():
        return None
    result = Result.load(out)
    try:
        check_same_plan(out, plan_of(result.about), dissection.plan)
    except NetdissectError:
        if not overwrite:
            raise
        return None
    return result


def _put_away(folder: Path, kept: Path, keep_activations: bool) -> None:
    """Moves the activations of a saved run to where it keeps them, or removes them."""
    if not keep_activations:
        _empty(folder)
    elif (folder / STATE).is_file():
        KeptActivations(folder, check=False)  # raises if they are not complete
        try:
            (folder / TALLIES).unlink(missing_ok=True)
            folder.rename(kept)
            (kept / _LOCK).unlink()
        except OSError as error:
            raise NetdissectError(f"{kept}: cannot be written: {one_line(error)}; they are in {folder}") from error
    elif kept_plan(kept) is None:
        raise NetdissectError(f"{kept.parent}: was finished without keeping activations; --overwrite runs it anew")


def _empty(folder: Path) -> None:
    """Removes all but the lock."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != _LOCK:
            path.unlink()
