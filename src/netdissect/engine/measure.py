"""From a network and a dataset to thresholds, tallies and top images: two passes over the images.

The first finds the exact thresholds, the second counts. Nothing that is kept grows with the number of images, the
tails excepted, which hold ``floor(q*N) + 1`` values a unit.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netdissect.engine.batches import Batch, Reader
from netdissect.engine.capture import activation_maps, capture
from netdissect.engine.mask import ALIGNMENTS, Alignment
from netdissect.engine.tally import Concepts, Tally
from netdissect.engine.threshold import UpperTail, threshold_rank
from netdissect.engine.top import Extent, Histogram, TopImages
from netdissect.networks.running import device_of, evaluating, forward
from netdissect.types import NetdissectError, one_line

#: What is being done, images done, images in all.
OnProgress = Callable[[str, int, int], None]

#: Differences of activations up to here are still float32 numbers.
_LARGEST = torch.finfo(torch.float32).max / 2


@dataclass(frozen=True)
class Measurement:
    """What two passes found of one layer."""

    thresholds: Float[Tensor, " u"]
    tally: Tally
    top: TopImages
    histogram: Histogram


@dataclass
class _FirstPass:
    """What the first pass gathers of one layer."""

    tail: UpperTail
    top: TopImages
    extent: Extent

    @classmethod
    def empty(cls, maps: Float[Tensor, "n u h w"], images: int, quantile: float, top_images: int) -> "_FirstPass":
        _, units, height, width = maps.shape
        capacity = threshold_rank(quantile, images * height * width) + 1
        return cls(
            UpperTail.empty(units, capacity, maps.device),
            TopImages.empty(units, height, width, min(top_images, images), maps.device),
            Extent.empty(units, maps.device),
        )

    def update(self, images: Tensor, maps: Float[Tensor, "n u h w"]) -> None:
        values = _by_unit(maps)
        self.tail.update(values)
        self.extent.update(values)
        self.top.update(images, maps)


def measure(
    model: nn.Module,
    layers: Sequence[str],
    reader: Reader,
    concepts: Concepts,
    *,
    quantile: float,
    align: str = "stretch",
    device: torch.device,
    top_images: int = 15,
    on_progress: OnProgress = lambda doing, done, total: None,
) -> dict[str, Measurement]:
    """Dissects ``layers`` of ``model`` over the images of ``reader``.

    The model is run in evaluation mode on ``device`` and put back as it was. Raises ``NetdissectError`` for a layer
    whose output is not a map or a vector, that is not finite, or that is called twice in a pass; ``BadSampleError``
    for an image that cannot be read.
    """
    with _prepared(model, device), capture(model, layers) as outputs:
        passes = _Passes(model, layers, outputs, reader, device, on_progress)
        first: dict[str, _FirstPass] = {}
        for batch, maps in passes.run("thresholds"):
            for layer in layers:
                if layer not in first:
                    first[layer] = _FirstPass.empty(maps[layer], len(reader.data), quantile, top_images)
                first[layer].update(torch.tensor(batch.indices, device=maps[layer].device), maps[layer])
        if not first:
            raise NetdissectError(f"{reader.data.name}: none of its {len(reader.data)} images can be read")
        thresholds = {layer: first[layer].tail.compute(quantile) for layer in layers}
        tallies = {layer: Tally.zeros(len(t), concepts, t.device) for layer, t in thresholds.items()}
        histograms = {layer: Histogram.empty(f.extent.low, f.extent.high) for layer, f in first.items()}
        for batch, maps in passes.run("concepts"):
            for layer in layers:
                histograms[layer].update(_by_unit(maps[layer]))
            _count(tallies, maps, thresholds, batch, concepts, ALIGNMENTS[align])
    return {
        layer: Measurement(thresholds[layer], tallies[layer], first[layer].top, histograms[layer]) for layer in layers
    }


def _count(
    tallies: dict[str, Tally],
    maps: dict[str, Tensor],
    thresholds: dict[str, Tensor],
    batch: Batch,
    concepts: Concepts,
    align: Alignment,
) -> None:
    for place, labels in enumerate(batch.labels):
        cover = concepts.cover(labels, next(iter(maps.values())).device)
        for layer, tally in tallies.items():
            tally.update(maps[layer][place], thresholds[layer], cover, concepts.label_shape, align)


@dataclass
class _Passes:
    """Runs a network over the images, any number of times; ``outputs`` is what ``capture`` fills."""

    model: nn.Module
    layers: Sequence[str]
    outputs: dict[str, Any]
    reader: Reader
    device: torch.device
    on_progress: OnProgress
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def run(self, doing: str) -> Iterator[tuple[Batch, dict[str, Tensor]]]:
        """One pass: each batch with the activation maps of every layer, in float32, where they are counted."""
        total = len(self.reader.data)
        self.on_progress(doing, 0, total)
        for batch in self.reader:
            self.outputs.clear()
            forward(self.model, batch.images.to(self.device))
            yield batch, {layer: self._maps(layer, batch) for layer in self.layers}
            self.on_progress(doing, batch.indices[-1] + 1, total)
        self.on_progress(doing, total, total)

    def _maps(self, layer: str, batch: Batch) -> Float[Tensor, "n u h w"]:
        if layer not in self.outputs:
            raise NetdissectError(f"layer {layer} is not used in the network's forward pass")
        maps = activation_maps(layer, self.outputs[layer], len(batch.indices))
        shape = tuple(maps.shape[1:])
        if shape != self.shapes.setdefault(layer, shape):
            raise NetdissectError(
                f"layer {layer} changes its shape from {self.shapes[layer]} to {shape} between images"
            )
        # NaN is not below anything either.
        usable = maps.abs().amax(dim=(1, 2, 3)) <= _LARGEST
        if not bool(usable.all()):
            place = int(usable.logical_not().nonzero()[0, 0])
            what = "too large" if bool(maps[place].isfinite().all()) else "NaN or infinite"
            name = self.reader.data.image_name(batch.indices[place])
            raise NetdissectError(f"layer {layer} has {what} activations on image {name}")
        # Counting needs operations that MPS lacks or limits; its memory is the CPU's, so that moving costs little.
        return maps.cpu() if self.device.type == "mps" else maps


@contextmanager
def _prepared(model: nn.Module, device: torch.device) -> Iterator[None]:
    """The model on ``device`` and in evaluation mode, and put back where and as it was."""
    home = device_of(model) or device
    with evaluating(model):
        try:
            if home != device:
                _move(model, device)
            yield
        finally:
            if home != device:
                model.to(home)


def _move(model: nn.Module, device: torch.device) -> None:
    try:
        model.to(device)
    except (RuntimeError, TypeError) as error:  # too large for it, or of a precision it lacks
        raise NetdissectError(f"the network cannot be moved to {device}: {one_line(error)}") from error


def _by_unit(maps: Float[Tensor, "n u h w"]) -> Float[Tensor, "u m"]:
    return maps.transpose(0, 1).flatten(1)
