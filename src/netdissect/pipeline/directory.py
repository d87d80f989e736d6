"""Dissecting into a directory: finished work outlives a kill, and the run appears whole."""

from pathlib import Path

from netdissect.activations import KeptActivations, kept_plan
from netdissect.activations.journal import STATE
from netdissect.measure.noted_tallies import TALLIES
from netdissect.pipeline.job import DissectionJob
from netdissect.progress import progress_bar
from netdissect.report import write_report
from netdissect.results import Result, check_free
from netdissect.results.description import check_same_plan
from netdissect.storage import alone, check_unfinished, clear, lock_file, unfinished_folder
from netdissect.types import NetdissectError, one_line

#: Where a run keeps its activations.
ACTIVATIONS = "activations"


def check_directory(out: Path, *, overwrite: bool, resume: bool) -> None:
    """Raise ``NetdissectError`` if ``out`` cannot take a run: asked before the work."""
    if not (resume and (out / "run.json").is_file()):
        check_free(out, overwrite=overwrite)
    check_unfinished(unfinished_folder(out), STATE, overwrite=overwrite, resume=resume)


def run_into(
    job: DissectionJob, out: Path, *, overwrite: bool, resume: bool, keep_activations: bool, progress: bool
) -> Result:
    """Run the job, save the run with its report in ``out``, and keep or remove the activations.

    With ``resume`` it goes on where a run of the same plan was stopped, or begins a run; a finished run is returned.
    Raises ``NetdissectError`` for a run of another plan, and while another process runs into the same directory.
    """
    folder = unfinished_folder(out)
    with alone(folder, STATE):
        result = _finished(job, out, overwrite) if resume else None
        if result is None:
            if not (resume and (folder / STATE).is_file()):
                clear(folder, STATE)
            result = _run(job, folder, resume, progress)
            # There, so that a kill leaves nothing elsewhere.
            save_with_report(result, out, overwrite=overwrite, progress=progress, hidden=folder / "result")
        elif (folder / STATE).is_file():
            # Left by a kill after the run was saved, if it is of this run.
            check_same_plan(folder, kept_plan(folder) or {}, job.plan)
        _put_away(folder, out / ACTIVATIONS, keep_activations)
    return result


def save_with_report(result: Result, out: Path, *, overwrite: bool, progress: bool, hidden: Path | None = None) -> None:
    """Save the run with its report in it, showing progress; see ``Result.save``."""
    with progress_bar(progress) as bar:
        result.save(
            out,
            overwrite=overwrite,
            add=lambda run: write_report(result, run / "report", on_progress=bar),
            hidden=hidden,
        )


def _run(job: DissectionJob, folder: Path, resume: bool, progress: bool) -> Result:
    try:
        return job.run(folder, resume=resume, progress=progress)
    except NetdissectError as error:
        if isinstance(error.__cause__, OSError) and (folder / STATE).is_file():  # a full disk, say
            raise NetdissectError(f"{error}; --resume goes on with what is finished") from error
        raise


def _finished(job: DissectionJob, out: Path, overwrite: bool) -> Result | None:
    """Return the run in ``out`` if it is of the same plan and pictures, None if it is to be made."""
    if not (out / "run.json").is_file():
        return None
    result = Result.load(out)
    try:
        check_same_plan(out, result.description.plan(), job.plan)
        if result.description.looks != job.description.looks:
            raise NetdissectError(
                f"{out}: was finished with other pictures of units, or none: --overwrite runs it anew, and "
                "'netdissect visualize --run' looks at units of a finished run"
            )
    except NetdissectError:
        if not overwrite:
            raise
        return None
    return result


def _put_away(folder: Path, kept: Path, keep_activations: bool) -> None:
    """Move the activations of a saved run into its directory, or remove them."""
    if not keep_activations:
        clear(folder, STATE)
    elif (folder / STATE).is_file():
        KeptActivations(folder, check=False)  # raises if they are not complete
        try:
            (folder / TALLIES).unlink(missing_ok=True)
            folder.rename(kept)
            lock_file(kept, STATE).unlink()
        except OSError as error:
            raise NetdissectError(f"{kept}: cannot be written: {one_line(error)}; they are in {folder}") from error
    elif kept_plan(kept) is None:
        raise NetdissectError(f"{kept.parent}: was finished without keeping activations; --overwrite runs it anew")
