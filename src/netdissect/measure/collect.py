"""The one pass: runs a network over the images, and keeps what exact thresholds and masks may need.

A threshold is known for certain only at the end, but a lower bound is known soon: once so many values as the
threshold's rank asks for reach a level, the threshold is that level or greater. What does not exceed the bound is let
go, so that of the maps a few percent are kept.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from netdissect.activations.layout import LayerShape
from netdissect.activations.writer import ActivationWriter
from netdissect.engine.batches import Batch, Reader
from netdissect.engine.capture import Passes, activation_maps, capture
from netdissect.engine.gather import Gathered
from netdissect.engine.rows import Extremes, MapRows
from netdissect.engine.threshold import threshold_rank
from netdissect.networks.layers import LayerInfo
from netdissect.networks.running import device_of, evaluating, forward, out_of_memory
from netdissect.types import NetdissectError, OnProgress, no_progress, one_line

#: What is finished is committed this often, in seconds: so much work is done again after a kill.
CHUNK_SECONDS = 5.0

#: Bytes of maps held in memory.
_HELD_BYTES = 2**29

#: Differences of activations up to here are still float32 numbers.
_LARGEST = torch.finfo(torch.float32).max / 2


def collect(
    model: nn.Module,
    layers: Sequence[LayerInfo],
    reader: Reader,
    writer: ActivationWriter,
    *,
    quantile: float,
    device: torch.device,
    precision: torch.dtype = torch.float32,
    top_images: int = 15,
    chunk_seconds: float = CHUNK_SECONDS,
    on_progress: OnProgress = no_progress,
) -> None:
    """Runs ``model`` over those images of ``reader`` that ``writer`` has not yet, and keeps activations of ``layers``.

    The model is run in evaluation mode on ``device``, with ``precision`` where that is lower than its own, and put back
    as it was. Raises ``NetdissectError`` for a layer whose output is not laid out as it says, that is not finite, or
    that is called twice in a pass where it was called once; ``BadSampleError`` for an image that cannot be read.
    """
    total = len(reader.order)
    reader.skipped.update(writer.skipped)
    on_progress("activations", writer.end, total)
    if writer.complete:
        return
    # Counting needs operations that MPS lacks or limits; its memory is the CPU's, so that moving costs little.
    counted_on = torch.device("cpu") if device.type == "mps" else device
    layer_maps = _LayerMaps(reader, layers, writer.gathered(counted_on), quantile, top_images, counted_on)
    sources = {layer.name: layer.source for layer in layers}
    with _prepared(model, device):
        memory_format = _memory_format(model, reader, device)
        with capture(model, sources, layer_maps.take) as passes:
            network = _Network(model, passes, reader, device, precision, memory_format)
            _run(network, reader, writer, layer_maps, chunk_seconds, on_progress)
    layer_maps.write(writer, all_held=True)
    writer.commit(total, layer_maps.gathered, reader.skipped, complete=True)
    on_progress("activations", total, total)


def _run(
    network: "_Network",
    reader: Reader,
    writer: ActivationWriter,
    layer_maps: "_LayerMaps",
    chunk_seconds: float,
    on_progress: OnProgress,
) -> None:
    """All batches that are not done yet, with a commit every ``chunk_seconds``."""
    committed = time.monotonic()
    for batch in reader.batches(writer.end):
        writer.append_images(batch.indices, batch.labels)
        layer_maps.begin(batch.indices)
        due = time.monotonic() - committed >= chunk_seconds
        try:
            network(batch)
            layer_maps.write(writer, all_held=due)
        except torch.OutOfMemoryError as error:
            raise out_of_memory(len(batch.indices)) from error
        if due:
            writer.commit(batch.end, layer_maps.gathered, reader.skipped)
            committed = time.monotonic()
        on_progress("activations", batch.end, len(reader.order))


@dataclass
class _Held:
    """Images by their indices, and of each layer their maps with extremes, or the rows of them that are kept."""

    images: Int64[Tensor, " n"]
    maps: dict[str, tuple[Tensor, Extremes]]
    rows: dict[str, MapRows]


class _LayerMaps:
    """Takes what layers return on batches: checks it, gathers it, and writes what is to be kept.

    A bound rises fastest at first. So the first maps are held, up to ``_HELD_BYTES`` or until the first commit: fewer
    of their values then exceed it.
    """

    def __init__(
        self,
        reader: Reader,
        layers: Sequence[LayerInfo],
        gathered: dict[str, Gathered],
        quantile: float,
        top_images: int,
        device: torch.device,
    ) -> None:
        self.reader = reader
        self.layouts = {layer.name: layer.layout for layer in layers}
        self.shapes = {layer.name: LayerShape(*(*layer.shape, 1, 1)[:3]) for layer in layers}
        self.gathered = gathered
        self.quantile = quantile
        self.top_images = top_images
        self.device = device
        self._room = 0 if gathered else _HELD_BYTES
        self._held: deque[_Held] = deque()

    def begin(self, images: Sequence[int]) -> None:
        self._held.append(_Held(torch.tensor(images, device=self.device), {}, {}))

    def take(self, layer: str, output: Any) -> None:
        held = self._held[-1]
        maps = activation_maps(layer, output, len(held.images), self.layouts[layer]).to(self.device)
        total, shape = len(self.reader.order), LayerShape(*maps.shape[1:])
        before = self.shapes[layer]
        if shape != before:
            old, new = (tuple(vars(of_layer).values()) for of_layer in (before, shape))
            raise NetdissectError(f"layer {layer} changes its shape from {old} to {new} between images")
        extremes = Extremes.of(maps)
        if not extremes.within(_LARGEST):
            raise self._unusable(layer, maps)
        if layer not in self.gathered:
            self.gathered[layer] = Gathered.empty(shape.units, min(self.top_images, total), self.device)
        rank = threshold_rank(self.quantile, total * shape.height * shape.width)
        self.gathered[layer].update(held.images, maps, extremes, rank)
        self._room -= maps.nbytes
        if self._room >= 0:
            held.maps[layer] = (maps.clone(), extremes)  # the next module may work in place
        else:
            held.rows[layer] = self.gathered[layer].needed(held.images, maps, extremes)

    def write(self, writer: ActivationWriter, *, all_held: bool) -> None:
        """Writes the batches held, once there is no room for more, or ``all_held``."""
        if self._room > 0 and not all_held:
            return
        self._room = 0
        while self._held:
            held = self._held.popleft()
            for layer, (maps, extremes) in held.maps.items():
                held.rows[layer] = self.gathered[layer].needed(held.images, maps, extremes)
            writer.append_rows(held.rows, self.shapes)

    def _unusable(self, layer: str, maps: Float[Tensor, "n u h w"]) -> NetdissectError:
        # NaN is not below anything either.
        usable = (maps.abs() <= _LARGEST).all(dim=(1, 2, 3))
        place = int(usable.logical_not().nonzero()[0, 0])
        what = "too large" if bool(maps[place].isfinite().all()) else "NaN or infinite"
        name = self.reader.data.image_name(int(self._held[-1].images[place]))
        return NetdissectError(f"layer {layer} has {what} activations on image {name}")


class _Network:
    """Runs a network on batches in full or lower precision, while ``passes`` capture its layers."""

    def __init__(
        self,
        model: nn.Module,
        passes: Passes,
        reader: Reader,
        device: torch.device,
        precision: torch.dtype,
        memory_format: torch.memory_format,
    ) -> None:
        self.model = model
        self.passes = passes
        self.reader = reader
        self.device = device
        self.precision = precision
        self.memory_format = memory_format

    def __call__(self, batch: Batch) -> None:
        pixels = batch.pixels.pin_memory() if self.device.type == "cuda" else batch.pixels
        images = self.reader.preprocess.normalize(pixels.to(self.device, non_blocking=True))
        lower = self.precision != torch.float32
        self.passes.begin()
        with torch.autocast(self.device.type, self.precision) if lower else nullcontext():
            forward(self.model, images.contiguous(memory_format=self.memory_format))
        if self.passes.failure is not None:
            raise self.passes.failure
        for layer in self.passes.sources:
            if layer not in self.passes.taken:
                raise NetdissectError(f"layer {layer} is not used in every forward pass")


def _memory_format(model: nn.Module, reader: Reader, device: torch.device) -> torch.memory_format:
    """Convolutions on a CPU are faster on channels-last images, but some networks do not take these: one is tried."""
    if device.type == "cpu":
        try:
            forward(model, reader.first().contiguous(memory_format=torch.channels_last))
            return torch.channels_last
        except NetdissectError:
            pass
    return torch.contiguous_format


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
