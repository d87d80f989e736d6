"""Pictures of a layer's units, method by method."""

from dataclasses import replace

import torch

from netdissect.bases import BasisView
from netdissect.concepts.base import ConceptDataset
from netdissect.inference.differentiate import differentiating
from netdissect.inference.runner import NetworkRunner
from netdissect.results import LayerResult, Pictures, Visualization
from netdissect.types import OnProgress, no_progress
from netdissect.visualization.context import LookContext
from netdissect.visualization.methods import Method
from netdissect.visualization.options import VisualizationOptions
from netdissect.visualization.registries import METHODS
from netdissect.visualization.units import check_units

#: The largest number of images in a batch: with gradients a batch takes several times the memory.
_BATCH_SIZE = 8


def check_looks(looks: VisualizationOptions, runner: NetworkRunner, view: BasisView) -> None:
    """Raise ``NetdissectError`` for an unknown unit, and for a layer without gradients if a method needs them.

    Asked before the work, with as many images as ``visualized`` takes at a time.
    """
    _check_units(looks, view)
    if not any(METHODS[method].needs_gradients for method in looks.methods):
        return
    with differentiating(runner, view) as activations:
        shape = (_batch_size(runner), 3, *runner.preprocess.size)
        images = torch.zeros(shape, device=runner.device, requires_grad=True)
        activations.gradient(activations(images).sum(), images)


def visualized(
    runner: NetworkRunner,
    view: BasisView,
    layer: LayerResult,
    data: ConceptDataset,
    looks: VisualizationOptions,
    on_progress: OnProgress = no_progress,
) -> LayerResult:
    """Return ``layer``, the result of ``view`` on ``data``, with pictures: unit by unit, in the order of methods.

    Raises ``NetdissectError`` for a layer that cannot be differentiated, and for images that cannot be read.
    """
    _check_units(looks, view)
    units = looks.units_of(layer)
    made: dict[int, list[Visualization]] = {unit: [] for unit in units}
    with differentiating(runner, view) as activations:
        context = LookContext(activations, layer, data, looks, _batch_size(runner), on_progress)
        for name in looks.methods if units else ():
            method: Method = METHODS[name](name)
            for picture in method.look(context, units):
                made[picture.unit].append(picture)
    pictures = tuple(picture for unit_pictures in made.values() for picture in unit_pictures)
    return replace(layer, pictures=Pictures(pictures) if pictures else None)


def _batch_size(runner: NetworkRunner) -> int:
    return min(_BATCH_SIZE, runner.settings.batch_size)


def _check_units(looks: VisualizationOptions, view: BasisView) -> None:
    if not isinstance(looks.units, str):
        check_units(view, looks.units)
