"""The one pass: runs a network over the images, and keeps what exact thresholds and masks may need.

A threshold is known for certain only at the end, but a lower bound is known soon: once so many values as the
threshold's rank asks for reach a level, the threshold is that level or greater. What does not exceed the bound is let
go, so that of the maps a few percent are kept.
"""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from netdissect.activations.layout import LayerShape
from netdissect.activations.writer import ActivationWriter
from netdissect.engine.batches import Reader
from netdissect.engine.extremes import Extremes
from netdissect.engine.kept_rows import KeptRows
from netdissect.engine.layer_statistics import LayerStatistics
from netdissect.engine.threshold import threshold_rank
from netdissect.engine.view import View, layers_of
from netdissect.measure.maps import check_usable, maps_of
from netdissect.measure.network import Network, counting_device, running
from netdissect.measure.sample import sampled_images
from netdissect.networks.running import out_of_memory
from netdissect.types import OnProgress, no_progress

#: What is finished is committed this often, in seconds: so much work is done again after a kill.
CHUNK_SECONDS = 5.0

#: Bytes of maps held in memory.
_HELD_BYTES = 2**29


def collect(
    model: nn.Module,
    views: Sequence[View],
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
    """Runs ``model`` over those images of ``reader`` that ``writer`` has not yet, and keeps activations of ``views``.

    The model is run in evaluation mode on ``device``, with ``precision`` where that is lower than its own, and put back
    as it was. Raises ``NetdissectError`` for a layer whose output is not laid out as it says, that is not finite, or
    that is called twice in a pass where it was called once; ``BadSampleError`` for an image that cannot be read.
    """
    total = len(reader.order)
    reader.skipped.update(writer.skipped)
    on_progress("activations", writer.end, total)
    if writer.complete:
        return
    counted_on = counting_device(device)
    view_maps = _ViewMaps(reader, views, writer.gathered(counted_on), quantile, top_images, counted_on)
    with running(model, layers_of(views), reader, device, precision, view_maps.take) as network:
        _run(network, reader, writer, view_maps, chunk_seconds, on_progress)
    view_maps.write(writer, all_held=True)
    writer.commit(total, view_maps.gathered, reader.skipped, complete=True)
    on_progress("activations", total, total)


def _run(
    network: Network,
    reader: Reader,
    writer: ActivationWriter,
    view_maps: "_ViewMaps",
    chunk_seconds: float,
    on_progress: OnProgress,
) -> None:
    """All batches that are not done yet, with a commit every ``chunk_seconds``."""
    committed = time.monotonic()
    for batch in reader.batches(writer.end):
        writer.append_images(batch.indices, batch.labels)
        view_maps.begin(batch.indices)
        due = time.monotonic() - committed >= chunk_seconds
        try:
            network(batch)
            view_maps.write(writer, all_held=due)
        except torch.OutOfMemoryError as error:
            raise out_of_memory(len(batch.indices)) from error
        if due:
            writer.commit(batch.end, view_maps.gathered, reader.skipped)
            committed = time.monotonic()
        on_progress("activations", batch.end, len(reader.order))


@dataclass
class _Held:
    """Images by their indices, and of each view their maps with extremes, or the rows of them that are kept.

    ``sampled`` are the places of those whose ``peaks`` are kept.
    """

    images: Int64[Tensor, " n"]
    sampled: Int64[Tensor, " s"]
    maps: dict[str, tuple[Tensor, Extremes]]
    rows: dict[str, KeptRows]
    peaks: dict[str, Float[Tensor, "s u"]]


class _ViewMaps:
    """Takes what layers return on batches: checks it, gathers it, and writes what is to be kept.

    A bound rises fastest at first. So the first maps are held, up to ``_HELD_BYTES`` or until the first commit: fewer
    of their values then exceed it.
    """

    def __init__(
        self,
        reader: Reader,
        views: Sequence[View],
        gathered: dict[str, LayerStatistics],
        quantile: float,
        top_images: int,
        device: torch.device,
    ) -> None:
        self.reader = reader
        self.shapes = {view.name: LayerShape(*(*view.shape, 1, 1)[:3]) for view in views}
        self.views: dict[str, list[View]] = {}
        for view in views:
            self.views.setdefault(view.layer.name, []).append(view.to(device))
        self.gathered = gathered
        self.quantile = quantile
        self.top_images = top_images
        self.device = device
        self._sample = sampled_images(reader.data)
        self._room = 0 if gathered else _HELD_BYTES
        self._held: deque[_Held] = deque()

    def begin(self, images: Sequence[int]) -> None:
        sampled = [place for place, image in enumerate(images) if image in self._sample]
        self._held.append(_Held(self._indices(images), self._indices(sampled), {}, {}, {}))

    def take(self, layer: str, output: Any) -> None:
        views = self.views[layer]
        maps = maps_of(views[0].layer, output, len(self._held[-1].images), self.device)
        for view in views:
            self._take(view, maps)

    def _take(self, view: View, of_layer: Float[Tensor, "n u h w"]) -> None:
        held, name, maps = self._held[-1], view.name, view.of(of_layer)
        extremes = Extremes.of(maps)
        check_usable(name, maps, extremes, lambda place: self.reader.data.image_name(int(held.images[place])))
        total, shape = len(self.reader.order), self.shapes[name]
        if name not in self.gathered:
            self.gathered[name] = LayerStatistics.empty(shape.units, min(self.top_images, total), self.device)
        rank = threshold_rank(self.quantile, total * shape.height * shape.width)
        self.gathered[name].update(held.images, maps, extremes)
        self.gathered[name].raise_bound(rank)
        held.peaks[name] = extremes.peaks[held.sampled]
        self._room -= maps.nbytes
        if self._room >= 0:
            # The next module may work in place on the layer's own.
            held.maps[name] = (maps.clone() if view.basis is None else maps, extremes)
        else:
            held.rows[name] = self.gathered[name].needed(held.images, maps, extremes)

    def write(self, writer: ActivationWriter, *, all_held: bool) -> None:
        """Writes the batches held, once there is no room for more, or ``all_held``."""
        if self._room > 0 and not all_held:
            return
        self._room = 0
        while self._held:
            held = self._held.popleft()
            for name, (maps, extremes) in held.maps.items():
                held.rows[name] = self.gathered[name].needed(held.images, maps, extremes)
            writer.append_rows(held.rows, self.shapes, held.images[held.sampled].tolist(), held.peaks)

    def _indices(self, indices: Sequence[int]) -> Int64[Tensor, " n"]:
        return torch.tensor(indices, dtype=torch.int64, device=self.device)
