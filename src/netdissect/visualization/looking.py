"""Pictures of a layer's units, method by method."""

from dataclasses import replace

import torch
from torch import nn

from netdissect.concepts.base import ConceptDataset
from netdissect.engine.batches import Preprocess
from netdissect.engine.view import View
from netdissect.results import LayerResult, Visualization
from netdissect.types import OnProgress, no_progress
from netdissect.visualization.activations import activations_of
from netdissect.visualization.context import LookContext
from netdissect.visualization.methods import METHODS, Method
from netdissect.visualization.options import VisualizationOptions
from netdissect.visualization.units import check_units

#: The largest number of images in a batch: with gradients a batch takes several times the memory.
_BATCH_SIZE = 8


def check_looks(
    looks: VisualizationOptions,
    model: nn.Module,
    view: View,
    preprocess: Preprocess,
    device: torch.device,
    batch_size: int,
) -> None:
    """Raise ``NetdissectError`` for an unknown unit, and for a layer without gradients if a method needs them.

    Asked before the work, with as many images as ``visualized`` takes at a time.
    """
    _check_units(looks, view)
    if not any(METHODS[method].needs_gradients for method in looks.methods):
        return
    with activations_of(model, view, preprocess, device) as activations:
        images = torch.zeros(min(_BATCH_SIZE, batch_size), 3, *preprocess.size, device=device, requires_grad=True)
        activations.gradient(activations(images).sum(), images)


def visualized(
    model: nn.Module,
    view: View,
    layer: LayerResult,
    data: ConceptDataset,
    preprocess: Preprocess,
    looks: VisualizationOptions,
    *,
    device: torch.device,
    batch_size: int,
    on_progress: OnProgress = no_progress,
) -> LayerResult:
    """Return ``layer``, the result of ``view`` on ``data``, with pictures: unit by unit, in the order of methods.

    At most ``batch_size`` images go through the network at a time. Raises ``NetdissectError`` for a layer that cannot
    be differentiated, and for images that cannot be read.
    """
    _check_units(looks, view)
    units = looks.units_of(layer)
    made: dict[int, list[Visualization]] = {unit: [] for unit in units}
    with activations_of(model, view, preprocess, device) as activations:
        context = LookContext(activations, layer, data, looks, min(_BATCH_SIZE, batch_size), on_progress)
        for name in looks.methods if units else ():
            method: Method = METHODS[name](name)
            for picture in method.look(context, units):
                made[picture.unit].append(picture)
    return replace(layer, visualizations=tuple(picture for pictures in made.values() for picture in pictures))


def _check_units(looks: VisualizationOptions, view: View) -> None:
    if not isinstance(looks.units, str):
        check_units(view, looks.units)
