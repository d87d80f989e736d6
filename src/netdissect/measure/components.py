"""A pass of its own before the one that dissects: the principal components of layers' activations."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from netdissect.engine.basis import Components, Moments
from netdissect.engine.batches import Batch, Reader
from netdissect.engine.extremes import Extremes
from netdissect.measure.maps import check_usable, maps_of
from netdissect.measure.network import counting_device, running
from netdissect.networks.layers import LayerInfo
from netdissect.networks.running import out_of_memory
from netdissect.types import OnProgress, no_progress


def find_components(
    model: nn.Module,
    layers: Sequence[LayerInfo],
    reader: Reader,
    *,
    device: torch.device,
    precision: torch.dtype = torch.float32,
    on_progress: OnProgress = no_progress,
) -> dict[str, Components]:
    """The principal components of each layer, over all positions of all images of ``reader``.

    The model is run as in ``collect``, which raises the same.
    """
    total = len(reader.order)
    found = _Found(layers, reader, counting_device(device))
    on_progress("components", 0, total)
    with running(model, layers, reader, device, precision, found.take) as network:
        for batch in reader.batches():
            found.batch = batch
            try:
                network(batch)
            except torch.OutOfMemoryError as error:
                raise out_of_memory(len(batch.indices)) from error
            on_progress("components", batch.end, total)
    on_progress("components", total, total)
    return {layer: moments.compute() for layer, moments in found.moments.items()}


class _Found:
    """Takes what layers return on ``batch``."""

    batch: Batch

    def __init__(self, layers: Sequence[LayerInfo], reader: Reader, device: torch.device) -> None:
        self.layers = {layer.name: layer for layer in layers}
        self.moments = {layer.name: Moments.empty(layer.units, device) for layer in layers}
        self.reader = reader
        self.device = device

    def take(self, layer: str, output: Any) -> None:
        indices = self.batch.indices
        maps = maps_of(self.layers[layer], output, len(indices), self.device)
        check_usable(layer, maps, Extremes.of(maps), lambda place: self.reader.data.image_name(indices[place]))
        self.moments[layer].update(maps)
