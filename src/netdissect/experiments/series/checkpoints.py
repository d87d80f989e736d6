"""A series from the checkpoints of a training: finding them, ordering them by step, and dissecting them."""

import glob
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netdissect.concepts import ConceptDataset
from netdissect.experiments.series.series import Series
from netdissect.experiments.series.steps import StepWriter, check_series_place, step_folder
from netdissect.networks.load import LoadedModel
from netdissect.networks.weights import STEP_NAMES, Weights, read_weights
from netdissect.pipeline import dissect
from netdissect.types import NetdissectError

#: The source of a step's number that is taken from the file's name.
_BY_NAME = "the name"

#: Builds the network with the weights of a file.
Load = Callable[[Path], LoadedModel]


@dataclass(frozen=True)
class Checkpoint:
    """A file of weights, the ``step`` of the training at which it was saved, and the ``source`` of this number."""

    path: Path
    step: int
    source: str


def find_checkpoints(patterns: Sequence[str]) -> list[Path]:
    """Return the files that match any of the patterns (``*``, ``?``, ``[...]``, ``**``), by name.

    Raises ``NetdissectError`` for a pattern that no file matches.
    """
    found: set[Path] = set()
    for pattern in patterns:
        # Path.glob takes no absolute patterns.
        matches = [pattern] if Path(pattern).is_file() else glob.glob(pattern, recursive=True)  # noqa: PTH207
        files = {path for path in map(Path, matches) if path.is_file()}
        if not files:
            raise NetdissectError(f"--checkpoints {pattern}: no file matches")
        found |= files
    return sorted(found)


def check_checkpoints(paths: Sequence[Path], load: Load, *, trust_pickle: bool = False) -> list[Checkpoint]:
    """Return the checkpoints in the order of their steps, after a check that all fit the network that ``load`` builds.

    The step is the finest of ``STEP_NAMES`` that all files have, or else the last number in their names. One file is in
    memory at a time. Raises ``NetdissectError`` for a file that does not fit the network, a file without a step, and
    two files of one step.
    """
    steps: dict[Path, dict[str, int]] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for path in paths:
        weights = read_weights(path, trust_pickle=trust_pickle)
        own = {name: tuple(tensor.shape) for name, tensor in weights.state.items()}
        steps[path] = _steps(path, weights)
        del weights
        if own != shapes:  # equal shapes fit equally
            load(path)
            shapes = own
    return _in_order(steps)


@dataclass(frozen=True)
class CheckpointSeries:
    """A series to be made of checkpoints, in the directory ``out``, by the network that ``load`` builds.

    With ``overwrite`` the steps of a series there are replaced. With ``resume`` finished steps are not repeated, and
    other steps of the series stay.
    """

    paths: Sequence[Path]
    load: Load
    out: Path
    overwrite: bool = False
    resume: bool = False
    trust_pickle: bool = False

    def dissect(
        self,
        layers: str | Sequence[str],
        data: ConceptDataset | str | Path,
        *,
        on_step: Callable[[int, int, int], None] = lambda step, number, total: None,
        **options: Any,
    ) -> Series:
        """Dissect the network with the weights of each file, in the order of their steps, and return the series.

        All files are checked before any is dissected. ``on_step`` is called at the beginning of a step with the step,
        its number from 1, and the number of steps. ``options`` are those of ``dissect``. Raises ``NetdissectError``.
        """
        check_series_place(self.out, overwrite=self.overwrite, resume=self.resume)
        checkpoints = check_checkpoints(self.paths, self.load, trust_pickle=self.trust_pickle)
        if not checkpoints:
            raise NetdissectError("a series without checkpoints")
        writer = StepWriter(self.out, checkpoints[0].source, overwrite=self.overwrite, resume=self.resume)
        for number, checkpoint in enumerate(checkpoints, 1):
            on_step(checkpoint.step, number, len(checkpoints))
            folder = self.out / step_folder(checkpoint.step)
            run = self._run(checkpoint.step, folder)
            writer.note(checkpoint.step, dissect(self.load(checkpoint.path), layers, data, **run, **options), folder)
        return Series.load(self.out)

    def _run(self, step: int, folder: Path) -> dict[str, Any]:
        """Return the keywords of a step's run. A finished step is not replaced by a run that may not fit the series."""
        resumes = self.resume or not self.overwrite
        name = f"{self.out.absolute().name}, step {step}"
        return {"out": folder, "name": name, "overwrite": not resumes, "resume": resumes}


def _steps(path: Path, weights: Weights) -> dict[str, int]:
    """Return all possible steps of a checkpoint by their source. Raises ``NetdissectError`` if there is none."""
    numbers = re.findall("[0-9]+", path.stem)
    steps = dict(weights.steps) | ({_BY_NAME: int(numbers[-1])} if numbers else {})
    if not steps:
        raise NetdissectError(
            f"{path}: tells no step of the training, neither as {', '.join(STEP_NAMES)} nor by a number in its name"
        )
    return steps


def _in_order(all_steps: Mapping[Path, Mapping[str, int]]) -> list[Checkpoint]:
    """Return the checkpoints by the finest step that all of them have."""
    shared = [source for source in (*STEP_NAMES, _BY_NAME) if all(source in steps for steps in all_steps.values())]
    if not shared:
        first, source = next((path, next(iter(steps))) for path, steps in all_steps.items())
        other = next(path for path, steps in all_steps.items() if source not in steps)
        raise NetdissectError(f"{first} tells its step by {source}, {other} does not: a series needs one way for all")
    paths: dict[int, Path] = {}
    for path, steps in all_steps.items():
        step = steps[shared[0]]
        if step in paths:
            raise NetdissectError(f"{paths[step]} and {path} are both of step {step}, as {shared[0]} tells")
        paths[step] = path
    return [Checkpoint(paths[step], step, shared[0]) for step in sorted(paths)]
