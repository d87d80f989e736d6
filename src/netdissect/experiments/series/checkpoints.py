"""A series from the checkpoints that a training has left: which there are, of which steps, and dissecting them."""

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

#: A step that is told by the name of a file.
_BY_NAME = "the name"

#: Builds the network with the weights of a file.
Load = Callable[[Path], LoadedModel]


@dataclass(frozen=True)
class Checkpoint:
    """A file of weights, the ``step`` of the training at which it was saved, and what tells that."""

    path: Path
    step: int
    told_by: str


def find_checkpoints(patterns: Sequence[str]) -> list[Path]:
    """The files that match any of the patterns (``*``, ``?``, ``[...]``, ``**``), by name; raises if one has none."""
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
    """The checkpoints, in the order of their steps, once all are known to fit the network that ``load`` builds.

    The step is what all files tell by the same of ``STEP_NAMES``, the finest first, or else the last number in their
    names. One file is in memory at a time. Raises ``NetdissectError`` for a file that does not fit the network, that
    has no step, or that has the same as another.
    """
    told: dict[Path, dict[str, int]] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for path in paths:
        weights = read_weights(path, trust_pickle=trust_pickle)
        own = {name: tuple(tensor.shape) for name, tensor in weights.state.items()}
        told[path] = _steps(path, weights)
        del weights
        if own != shapes:  # those alike fit alike
            load(path)
            shapes = own
    return _in_order(told)


def dissect_checkpoints(
    paths: Sequence[Path],
    load: Load,
    layers: str | Sequence[str],
    data: ConceptDataset | str | Path,
    *,
    out: Path,
    overwrite: bool = False,
    resume: bool = False,
    trust_pickle: bool = False,
    on_step: Callable[[int, int, int], None] = lambda step, place, total: None,
    **options: Any,
) -> Series:
    """Dissects the network with the weights of each file, in the order of their steps, into the series ``out``.

    Before anything is dissected all files are checked. With ``resume``, steps that are done are not done again, and the
    series' other steps stay. ``on_step`` is told each step when it begins, its place from 1 on, and how many there are.
    ``options`` are those of ``dissect``. Raises ``NetdissectError``.
    """
    check_series_place(out, overwrite=overwrite, resume=resume)
    checkpoints = check_checkpoints(paths, load, trust_pickle=trust_pickle)
    if not checkpoints:
        raise NetdissectError("a series without checkpoints")
    writer = StepWriter(out, checkpoints[0].told_by, overwrite=overwrite, resume=resume)
    for place, checkpoint in enumerate(checkpoints, 1):
        on_step(checkpoint.step, place, len(checkpoints))
        folder = out / step_folder(checkpoint.step)
        name = f"{out.absolute().name}, step {checkpoint.step}"
        resumes = resume or not overwrite  # a step that the series has is not replaced by what may not fit the others
        run: dict[str, Any] = {"out": folder, "name": name, "overwrite": not resumes, "resume": resumes}
        writer.note(checkpoint.step, dissect(load(checkpoint.path), layers, data, **run, **options), folder)
    return Series.load(out)


def _steps(path: Path, weights: Weights) -> dict[str, int]:
    """All that may be the step of a checkpoint, by what tells it. Raises ``NetdissectError`` if there is nothing."""
    numbers = re.findall("[0-9]+", path.stem)
    steps = dict(weights.steps) | ({_BY_NAME: int(numbers[-1])} if numbers else {})
    if not steps:
        raise NetdissectError(
            f"{path}: tells no step of the training, neither as {', '.join(STEP_NAMES)} nor by a number in its name"
        )
    return steps


def _in_order(told: Mapping[Path, Mapping[str, int]]) -> list[Checkpoint]:
    """The checkpoints by the finest step that all of them tell."""
    shared = [way for way in (*STEP_NAMES, _BY_NAME) if all(way in steps for steps in told.values())]
    if not shared:
        one, way = next((path, next(iter(steps))) for path, steps in told.items())
        other = next(path for path, steps in told.items() if way not in steps)
        raise NetdissectError(f"{one} tells its step by {way}, {other} does not: a series needs one way for all")
    paths: dict[int, Path] = {}
    for path, steps in told.items():
        step = steps[shared[0]]
        if step in paths:
            raise NetdissectError(f"{paths[step]} and {path} are both of step {step}, as {shared[0]} tells")
        paths[step] = path
    return [Checkpoint(paths[step], step, shared[0]) for step in sorted(paths)]
