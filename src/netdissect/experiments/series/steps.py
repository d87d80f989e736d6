"""The folder of a series: its steps, and the addition of further steps.

SERIES/series.json   format version; the source of the steps' numbers; the steps, each with the folder of its run
SERIES/<step>/       the run, as in ``results.run``
SERIES/page/         its page, which other modules write
SERIES/series.lock   held while series.json is written
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from netdissect.results import Result
from netdissect.storage import check_target, locked, not_writable, put_in_place, write_text
from netdissect.types import NetdissectError, one_line

#: The version of the layout on disk; a reader refuses other versions.
FORMAT_VERSION = 1

#: The file by which a folder is known as a series.
SERIES_FILE = "series.json"

#: The number of digits in the name of a run's folder: so folders are listed in the order of steps.
_DIGITS = 9

#: Seconds to wait for another process that writes the list of steps, which takes an instant.
_PATIENCE = 60.0

#: Options that do not change what units are called.
_OF_NO_MATTER = ("batch_size", "device", "top_images")


class StepWriter:
    """Adds steps to the series in ``out``; other processes may add steps at the same time.

    ``source`` is where the numbers of steps come from, the same for all steps of a series. With ``overwrite``, the
    present steps of the series and its page are removed once the first new step is there. Nothing else in the folder is
    touched. Raises ``NetdissectError`` if ``out`` cannot take the series.
    """

    def __init__(self, out: Path, source: str, *, overwrite: bool, resume: bool) -> None:
        check_series_place(out, overwrite=overwrite, resume=resume)
        self.out = out
        self._source = source
        self._alike: tuple[int, dict[str, Any]] | None = None
        self._stale: set[int] = set()
        with self._locked():
            if not (out / SERIES_FILE).is_file():
                write_steps(out, {})
            steps, there = _read(out)
        if resume:
            self._check_source(there)
        else:
            self._stale = set(steps)

    def note(self, step: int, result: Result, made: Path) -> None:
        """Add the run of a step, saved in ``made``: the step's folder, or a folder elsewhere.

        Raises ``NetdissectError``, and removes ``made``, if the run cannot be compared with the runs of the series.
        """
        folder = self.out / step_folder(step)
        with self._locked():
            before, source = _read(self.out)
            steps = {at: path for at, path in before.items() if at not in self._stale}
            try:
                if steps:
                    self._check_source(source)
                self._check_alike(step, result, steps)
                if made != folder:
                    put_in_place(made, folder)
            except NetdissectError:
                shutil.rmtree(made, ignore_errors=True)
                raise
            except OSError as error:
                raise not_writable(folder, error) from error
            write_steps(self.out, steps | {step: folder}, self._source)
            if self._stale:
                self._remove(path for at, path in before.items() if at in self._stale and at != step)

    def _locked(self) -> AbstractContextManager[None]:
        """Let no other process write the list of steps meanwhile."""
        return locked(self.out, SERIES_FILE, patience=_PATIENCE)

    def _check_source(self, source: str | None) -> None:
        if source not in (None, self._source):
            raise NetdissectError(f"{self.out}: its steps are told by {source}, not by {self._source} as these")

    def _check_alike(self, step: int, result: Result, steps: Mapping[int, Path]) -> None:
        """Compare the result with that of another step, always the same step once there is one."""
        if self._alike is None:
            other = next((at for at in sorted(steps) if at != step), None)
            self._alike = (step, compared(result)) if other is None else (other, compared(Result.load(steps[other])))
        check_alike(*self._alike, step, compared(result))

    def _remove(self, stale: Iterator[Path]) -> None:
        page = self.out / "page"
        for folder in [*stale, *([page] if (page / "data.json").is_file() else [])]:
            shutil.rmtree(folder, ignore_errors=True)
        self._stale = set()


def step_folder(step: int) -> str:
    """Return the name of the folder of a step's run.

    >>> step_folder(500)
    '000000500'
    """
    return f"{step:0{_DIGITS}d}"


def check_series_place(out: Path, *, overwrite: bool, resume: bool) -> None:
    """Raise ``NetdissectError`` if ``out`` cannot take a series: asked before the work.

    A series without steps, such as a failed first attempt leaves, may be overwritten.
    """
    has_steps = bool(read_steps(out)) if (out / SERIES_FILE).is_file() else None
    if has_steps is None or (has_steps and not resume):
        check_target(out, overwrite=overwrite, markers=[SERIES_FILE], what="a series")


def write_steps(out: Path, steps: Mapping[int, Path], source: str | None = None) -> None:
    """Write the list of a series' steps, each with the folder of its run, and the source of their numbers."""
    description = {
        "format_version": FORMAT_VERSION,
        "told_by": source,
        "steps": [{"step": step, "folder": steps[step].name} for step in sorted(steps)],
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_text(out / SERIES_FILE, json.dumps(description, indent=1) + "\n")
    except OSError as error:
        raise not_writable(out / SERIES_FILE, error) from error


def read_steps(out: Path) -> dict[int, Path]:
    """Return the steps of the series in ``out``, each with the folder of its run. Raises ``NetdissectError``."""
    return _read(out)[0]


def check_alike(first_step: int, there: Mapping[str, Any], step: int, here: Mapping[str, Any]) -> None:
    """Raise ``NetdissectError`` if two steps differ in a property that all steps share (see ``compared``)."""
    for what in dict.fromkeys([*there, *here]):
        if there.get(what) != here.get(what):
            raise NetdissectError(f"steps {first_step} and {step} cannot be compared: the {what} differs")


def compared(result: Result) -> dict[str, Any]:
    """Return the properties that all results of a series share, by name."""
    description = result.description
    options = {} if description.settings is None else description.settings.to_plain()
    shared: dict[str, Any] = {"list of layers": list(result.layers), "dataset": description.data.fingerprint}
    for name, layer in result.layers.items():
        shared[f"number of units of {name}"] = layer.unit_count
        shared[f"list of concepts of {name}"] = layer.concepts
        shared[f"quantile of {name}"] = layer.quantile
        shared[f"{layer.score_title} threshold of {name}"] = layer.iou_threshold
        shared[f"basis of {name}"] = result.basis_of(name)
    return shared | {f"option {name}": value for name, value in options.items() if name not in _OF_NO_MATTER}


def _read(out: Path) -> tuple[dict[int, Path], str | None]:
    """Return the steps, and the source of their numbers if it is known."""
    path = out / SERIES_FILE
    if not path.is_file():
        raise NetdissectError(f"{out}: not a series (no {SERIES_FILE} in it)")
    try:
        description = json.loads(path.read_text())
        version = description["format_version"]
        if version != FORMAT_VERSION:
            raise NetdissectError(f"{path}: format version {version}; this netdissect reads version {FORMAT_VERSION}")
        steps = {}
        for item in description["steps"]:
            step, folder = int(item["step"]), item["folder"]
            if folder != step_folder(step):  # such folders are removed
                raise NetdissectError(f"{path}: {folder!r} is not the folder of step {step}")
            steps[step] = out / folder
        return steps, description.get("told_by")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NetdissectError(f"{path}: cannot be read: {one_line(error)}") from error
