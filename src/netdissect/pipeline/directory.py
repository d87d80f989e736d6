"""Dissecting into a directory: what is finished outlives a kill, and the run appears whole."""

import shutil
from pathlib import Path

from netdissect.activations import kept_plan
from netdissect.pipeline.dissection import Dissection
from netdissect.pipeline.plan import check_same_plan, plan_of
from netdissect.report import write_report
from netdissect.results import Result, check_free
from netdissect.types import NetdissectError, one_line

#: Where a run keeps its activations.
ACTIVATIONS = "activations"


def unfinished_folder(out: Path) -> Path:
    """Where the activations of the run that is to be saved in ``out`` are kept until it is."""
    out = out.absolute()
    return out.with_name(f"{out.name}.unfinished")


def check_directory(out: Path, *, overwrite: bool, resume: bool) -> None:
    """Raises ``NetdissectError`` if ``out`` cannot take a run: asked before the work."""
    if not (resume and (out / "run.json").is_file()):
        check_free(out, overwrite=overwrite)
    folder = unfinished_folder(out)
    if kept_plan(folder) is not None and not (resume or overwrite):
        raise NetdissectError(
            f"{folder}: an unfinished run is there: --resume goes on with it, --overwrite begins anew"
        )


def run_into(
    dissection: Dissection, out: Path, *, overwrite: bool, resume: bool, keep_activations: bool, progress: bool
) -> Result:
    """Runs, saves the run with its report in ``out``, and keeps or removes the activations.

    With ``resume`` it goes on wherever a run of the same plan was stopped, and where none was begun it begins; one that
    was finished is returned. Raises ``NetdissectError`` for a run of another plan.
    """
    folder = unfinished_folder(out)
    result = _finished(dissection, out, overwrite) if resume else None
    if result is None:
        if kept_plan(folder) is None or not resume:
            _remove(folder)
        try:
            result = dissection.run(folder, resume=resume, progress=progress)
        finally:
            if kept_plan(folder) is None:  # nothing is finished that could be resumed
                _remove(folder)
        result.save(
            out,
            overwrite=overwrite,
            add=lambda run: write_report(result, run / "report"),
            hidden=folder / "result",  # so that a kill leaves nothing elsewhere
        )
    _put_away(folder, out / ACTIVATIONS, keep_activations)
    return result


def _finished(dissection: Dissection, out: Path, overwrite: bool) -> Result | None:
    """The run in ``out``, if it is of the same plan; None if there is none, or if it is to be replaced."""
    if not (out / "run.json").is_file():
        return None
    result = Result.load(out)
    try:
        check_same_plan(out, plan_of(result.about, list(result.layers)), dissection.plan)
    except NetdissectError:
        if not overwrite:
            raise
        return None
    return result


def _put_away(folder: Path, kept: Path, keep_activations: bool) -> None:
    """Moves the activations of a saved run to where it keeps them, or removes them."""
    if not keep_activations:
        _remove(folder)
    elif kept_plan(folder) is not None:
        try:
            folder.rename(kept)
        except OSError as error:
            raise NetdissectError(f"{kept}: cannot be written: {one_line(error)}; they are in {folder}") from error
    elif kept_plan(kept) is None:
        raise NetdissectError(f"{kept.parent}: was finished without keeping activations; --overwrite runs it anew")


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
