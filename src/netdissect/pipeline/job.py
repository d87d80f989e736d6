"""A dissection that is ready to run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from netdissect.activations import ActivationWriter, KeptActivations, kept_plan
from netdissect.bases import BasisView
from netdissect.bases.base import Fitted
from netdissect.bases.view import with_fitted
from netdissect.engine.tally import Concepts
from netdissect.inference.reader import Reader
from netdissect.inference.runner import NetworkRunner
from netdissect.measure import collect, count, fit_bases
from netdissect.pipeline.notes import notes_of
from netdissect.pipeline.outcome import layer_results
from netdissect.pipeline.shown_images import shown_images
from netdissect.progress import Clock, progress_bar
from netdissect.results import LayerResult, Result
from netdissect.results.description import RunDescription, check_same_plan
from netdissect.settings import Settings
from netdissect.storage import read_npz, write_npz
from netdissect.types import NetdissectError, OnProgress, one_line
from netdissect.visualization import VisualizationOptions
from netdissect.visualization.looking import visualized

#: The arrays that bases are fitted with, in the folder of the activations.
FITTED_BASES = "bases.npz"


@dataclass(frozen=True, repr=False, eq=False)
class DissectionJob:
    """A dissection that is ready to run: all that was opened, its complete settings and its description.

    ``looks`` say how units are visualized, None if they are not.
    """

    name: str
    runner: NetworkRunner
    views: tuple[BasisView, ...]
    reader: Reader
    concepts: Concepts
    settings: Settings
    description: RunDescription
    looks: VisualizationOptions | None = None

    @property
    def plan(self) -> dict[str, dict[str, Any]]:
        """The plan of the run: runs of equal plans give equal results."""
        return self.description.plan()

    def run(self, folder: Path, *, resume: bool = False, progress: bool = True) -> Result:
        """Dissect, keeping activations in ``folder``; with ``resume`` go on with the finished work there.

        Raises ``NetdissectError`` if the folder holds activations, unless ``resume`` and they are of the same plan.
        """
        self._check_folder(folder, resume)
        clock = Clock()
        # Whatever mode the caller is in: statistics are changed in place in several.
        with progress_bar(progress) as bar, torch.inference_mode(False), torch.no_grad():
            on_progress = clock.around(bar)
            fitted = self._fitted(folder, on_progress)
            views = with_fitted(self.views, fitted)
            results = self._measured(folder, views, on_progress)
            images, examples = shown_images(self.reader, results, on_progress)
            if self.looks is not None:
                results = {view.name: self._visualized(view, results[view.name], on_progress) for view in views}
        description = self._outcome(results, fitted, clock)
        return Result(self.name, results, images, description, examples)

    def _measured(self, folder: Path, views: tuple[BasisView, ...], on_progress: OnProgress) -> dict[str, LayerResult]:
        """Return what the pass over the images, and counting what it kept, find of each view."""
        with ActivationWriter(folder, views, self.reader.data, self.settings, self.plan) as writer:
            collect(self.runner, views, self.reader, writer, self.settings, on_progress)
        kept = KeptActivations(folder, check=False)  # those of before were checked when the writer opened them
        measured = count(
            kept,
            self.concepts,
            device=self.runner.device,
            resume=True,
            chunk_seconds=self.settings.chunk_seconds,
            on_progress=on_progress,
        )
        return layer_results(measured, kept, self.reader.data, self.concepts, self.settings)

    def _visualized(self, view: BasisView, layer: LayerResult, on_progress: OnProgress) -> LayerResult:
        """Return the layer's result with the pictures of its units."""
        assert self.looks is not None
        return visualized(self.runner, view, layer, self.reader.data, self.looks, on_progress)

    def _fitted(self, folder: Path, on_progress: OnProgress) -> dict[str, Fitted]:
        """Return the arrays of bases that need fitting: those of the run that is resumed, or found now."""
        views = [view for view in self.views if view.basis is not None and view.basis.needs_fit]
        if not views:
            return {}
        if kept_plan(folder) is not None:
            return _read_fitted(folder)
        fitted = fit_bases(self.runner, views, self.reader, on_progress)
        _write_fitted(folder, fitted)
        return fitted

    def _check_folder(self, folder: Path, resume: bool) -> None:
        finished = kept_plan(folder)
        if finished is None:
            return
        if not resume:
            raise NetdissectError(
                f"{folder}: holds the activations of a run already; resume it, or name another folder"
            )
        check_same_plan(folder, finished, self.plan)

    def _outcome(
        self, results: Mapping[str, LayerResult], fitted: Mapping[str, Fitted], clock: Clock
    ) -> RunDescription:
        """Return the description with what became of the run."""
        skipped = [self.reader.skipped[index] for index in sorted(self.reader.skipped)]
        images = len(self.reader.data) - len(skipped)
        facts = {
            view.name: view.basis.facts(fitted[view.name])
            for view in self.views
            if view.basis is not None and view.name in fitted
        }
        return self.description.with_outcome(
            images=images,
            skipped=skipped,
            notes=notes_of(self.runner.loaded, self.views, results, self.settings, len(self.reader.data), skipped),
            timings=clock.seconds(),
            fitted=facts,
        )


def _write_fitted(folder: Path, fitted: Mapping[str, Fitted]) -> None:
    arrays = {
        f"{index}.{name}": np.asarray(array)
        for index, found in enumerate(fitted.values())
        for name, array in found.items()
    }
    path = folder / FITTED_BASES
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_npz(path, {"views": list(fitted)}, arrays)
    except OSError as error:
        raise NetdissectError(f"{path}: cannot be written: {one_line(error)}") from error


def _read_fitted(folder: Path) -> dict[str, Fitted]:
    description, arrays = read_npz(folder / FITTED_BASES)
    fitted: dict[str, dict[str, np.ndarray]] = {view: {} for view in description["views"]}
    for key, array in arrays.items():
        index, _, name = key.partition(".")
        fitted[description["views"][int(index)]][name] = array
    return dict(fitted)
