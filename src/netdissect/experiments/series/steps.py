"""The folder of a series: which steps it has, and taking up more of them.

SERIES/series.json   format version; how steps were told; the steps, each with the folder of its run
SERIES/<step>/       the run, as in ``results.run``
SERIES/page/         its page: others write this
SERIES/series.lock   held while series.json is written
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from netdissect.results import Result
from netdissect.storage import check_place, locked, not_writable, put_in_place, write_text
from netdissect.types import NetdissectError, one_line

#: The layout of a series on disk. A reader refuses another.
FORMAT_VERSION = 1

#: What tells that a folder is a series.
SERIES_FILE = "series.json"

#: Digits of a run's folder, so that folders are listed in the order of their steps.
_DIGITS = 9

#: Seconds to wait for another process that writes which steps there are, which it does at once.
_PATIENCE = 60.0

#: Options that do not change what units are called.
_OF_NO_MATTER = ("batch_size", "device", "top_images")


class StepWriter:
    """Takes up steps into the series in ``out``; other processes may do so at the same time.

    ``told_by`` says what tells the number of a step: a series has one way for all. With ``overwrite``, the steps that
    the series has now, and its page, are removed once the first new step is there. Nothing else in the folder is
    touched. Raises ``NetdissectError`` if ``out`` cannot take the series.
    """

    def __init__(self, out: Path, told_by: str, *, overwrite: bool, resume: bool) -> None:
        check_series_place(out, overwrite=overwrite, resume=resume)
        self.out = out
        self._told_by = told_by
        self._alike: tuple[int, dict[str, Any]] | None = None
        self._stale: set[int] = set()
        with self._locked():
            if not (out / SERIES_FILE).is_file():
                write_steps(out, {})
            steps, there = _read(out)
        if resume:
            self._check_told_by(there)
        else:
            self._stale = set(steps)

    def note(self, step: int, result: Result, made: Path) -> None:
        """Takes up the run of a step, saved in ``made``: that step's folder, or a folder in one of its own.

        Raises ``NetdissectError``, and removes ``made``, if it is not to be compared with the runs that are there.
        """
        folder = self.out / step_folder(step)
        with self._locked():
            before, told_by = _read(self.out)
            steps = {at: path for at, path in before.items() if at not in self._stale}
            try:
                if steps:
                    self._check_told_by(told_by)
                self._check_alike(step, result, steps)
                if made != folder:
                    put_in_place(made, folder)
            except NetdissectError:
                shutil.rmtree(made, ignore_errors=True)
                raise
            except OSError as error:
                raise not_writable(folder, error) from error
            write_steps(self.out, steps | {step: folder}, self._told_by)
            if self._stale:
                self._remove(path for at, path in before.items() if at in self._stale and at != step)

    def _locked(self) -> AbstractContextManager[None]:
        """No other process writes which steps there are meanwhile."""
        return locked(self.out, SERIES_FILE, patience=_PATIENCE)

    def _check_told_by(self, told_by: str | None) -> None:
        if told_by not in (None, self._told_by):
            raise NetdissectError(f"{self.out}: its steps are told by {told_by}, not by {self._told_by} as these")

    def _check_alike(self, step: int, result: Result, steps: Mapping[int, Path]) -> None:
        """Compares the result with that of one other step, the same throughout once there is one."""
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
    """The name of the folder of a step's run."""
    return f"{step:0{_DIGITS}d}"


def check_series_place(out: Path, *, overwrite: bool, resume: bool) -> None:
    """Raises ``NetdissectError`` if ``out`` cannot take a series: asked before the work.

    A series without steps, as a first attempt that failed leaves, is in nobody's way.
    """
    has_steps = bool(read_steps(out)) if (out / SERIES_FILE).is_file() else None
    if has_steps is None or (has_steps and not resume):
        check_place(out, overwrite=overwrite, markers=[SERIES_FILE], what="a series")


def write_steps(out: Path, steps: Mapping[int, Path], told_by: str | None = None) -> None:
    """Notes which steps the series in ``out`` has, each with the folder of its run there, and what told them."""
    description = {
        "format_version": FORMAT_VERSION,
        "told_by": told_by,
        "steps": [{"step": step, "folder": steps[step].name} for step in sorted(steps)],
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_text(out / SERIES_FILE, json.dumps(description, indent=1) + "\n")
    except OSError as error:
        raise not_writable(out / SERIES_FILE, error) from error


def read_steps(out: Path) -> dict[int, Path]:
    """The steps of the series in ``out``, each with the folder of its run. Raises ``NetdissectError``."""
    return _read(out)[0]


def check_alike(first_step: int, there: Mapping[str, Any], step: int, here: Mapping[str, Any]) -> None:
    """Raises ``NetdissectError`` if what is ``compared`` of two steps is not the same."""
    for what in dict.fromkeys([*there, *here]):
        if there.get(what) != here.get(what):
            raise NetdissectError(f"steps {first_step} and {step} cannot be compared: the {what} differs")


def compared(result: Result) -> dict[str, Any]:
    """All that the results of a series share, by what it is called."""
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
    """The steps, and what tells them if that is known."""
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
