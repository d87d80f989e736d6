"""The pass of the network over the images, which keeps the activations that exact thresholds and masks may need.

A threshold is known for certain only at the end, but a lower bound is known soon: once as many values as the
threshold's rank reach a level, the threshold is this level or greater. Values up to the bound are not kept, so that a
few percent of the maps are.
"""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from netdissect.activations.writer import ActivationWriter
from netdissect.bases import BasisView, layers_of
from netdissect.engine.extremes import Extremes
from netdissect.engine.kept_rows import KeptRows
from netdissect.engine.layer_statistics import LayerStatistics
from netdissect.engine.threshold import threshold_rank
from netdissect.inference.maps import check_usable, maps_of
from netdissect.inference.reader import Batch, Reader
from netdissect.inference.runner import NetworkRunner
from netdissect.measure.sample import sampled_images
from netdissect.networks.running import out_of_memory
from netdissect.settings import Settings
from netdissect.types import OnProgress, no_progress


def collect(
    runner: NetworkRunner,
    views: Sequence[BasisView],
    reader: Reader,
    writer: ActivationWriter,
    settings: Settings,
    on_progress: OnProgress = no_progress,
) -> None:
    """Run the network over the images of ``reader`` that ``writer`` lacks, and keep activations of ``views``.

    The network is restored at the end. Raises ``NetdissectError`` for a layer whose output has another layout than
    before or is not finite, and for a layer called once before and twice now; ``BadSampleError`` for an image that
    cannot be read.
    """
    total = len(reader.order)
    reader.skipped.update(writer.skipped)
    on_progress("activations", writer.end, total)
    if writer.complete:
        return
    statistics = writer.statistics(runner.counting_device)
    holder = _Holder(statistics, writer, 0 if statistics else settings.held_bytes)
    gatherer = _Gatherer(views, reader, settings, runner.counting_device, holder)
    committed = time.monotonic()
    with runner.capturing(layers_of(views), reader, gatherer.take) as run:
        for batch in reader.batches(writer.end):
            writer.append_images(batch.indices, batch.labels)
            gatherer.begin(batch)
            run(batch)
            due = time.monotonic() - committed >= settings.chunk_seconds
            holder.write(all_held=due)
            if due:
                writer.commit(batch.end, statistics, reader.skipped)
                committed = time.monotonic()
            on_progress("activations", batch.end, total)
    holder.write(all_held=True)
    writer.commit(total, statistics, reader.skipped, complete=True)
    on_progress("activations", total, total)


@dataclass
class _HeldBatch:
    """Indices of images; per view their maps with extremes, or the rows of the maps that are kept.

    ``sampled`` are the positions, in the batch, of the images whose ``peaks`` are kept.
    """

    images: Int64[Tensor, " n"]
    sampled: Int64[Tensor, " s"]
    maps: dict[str, tuple[Tensor, Extremes]] = field(default_factory=dict)
    rows: dict[str, KeptRows] = field(default_factory=dict)
    peaks: dict[str, Float[Tensor, "s u"]] = field(default_factory=dict)


class _Holder:
    """Holds batches until the bounds are high, and writes the rows of their maps that may be needed.

    A bound rises fastest at first. So the first maps are held, up to ``room`` bytes or until the first commit, when
    fewer of their values exceed it.
    """

    def __init__(self, statistics: dict[str, LayerStatistics], writer: ActivationWriter, room: int) -> None:
        self.statistics = statistics
        self.writer = writer
        self._room = room
        self._held: deque[_HeldBatch] = deque()

    @property
    def current(self) -> _HeldBatch:
        """The batch that runs."""
        return self._held[-1]

    def begin(self, batch: _HeldBatch) -> None:
        """Begin a batch."""
        self._held.append(batch)

    def hold(self, name: str, maps: Float[Tensor, "n u h w"], extremes: Extremes, *, own: bool) -> None:
        """Hold the maps of a view while there is room, else the rows that may be needed.

        Maps that are not the view's ``own`` are the layer's output. They are copied, since the next module may change
        them in place.
        """
        self._room -= maps.nbytes
        if self._room >= 0:
            self.current.maps[name] = (maps if own else maps.clone(), extremes)
        else:
            self.current.rows[name] = self.statistics[name].needed(self.current.images, maps, extremes)

    def write(self, *, all_held: bool) -> None:
        """Write all held batches if there is no room for more, or if ``all_held``."""
        if self._room > 0 and not all_held:
            return
        self._room = 0
        while self._held:
            batch = self._held.popleft()
            try:
                for name, (maps, extremes) in batch.maps.items():
                    batch.rows[name] = self.statistics[name].needed(batch.images, maps, extremes)
            except torch.OutOfMemoryError as error:
                raise out_of_memory(len(batch.images)) from error
            self.writer.append_rows(batch.rows, batch.images[batch.sampled].tolist(), batch.peaks)


class _Gatherer:
    """Takes the outputs of layers on batches: checks the maps of each view, and updates their statistics."""

    def __init__(
        self,
        views: Sequence[BasisView],
        reader: Reader,
        settings: Settings,
        device: torch.device,
        holder: _Holder,
    ) -> None:
        self.views: dict[str, list[BasisView]] = {}
        for view in views:
            self.views.setdefault(view.layer.name, []).append(view.to(device))
        self.reader = reader
        self.settings = settings
        self.device = device
        self.holder = holder
        self._sample = sampled_images(reader.data, settings.sample_size)

    def begin(self, batch: Batch) -> None:
        """Begin a batch."""
        sampled = [position for position, image in enumerate(batch.indices) if image in self._sample]
        self.holder.begin(_HeldBatch(self._indices(batch.indices), self._indices(sampled)))

    def take(self, layer: str, output: Any) -> None:
        """Take the output of a layer on the batch."""
        views, batch = self.views[layer], self.holder.current
        layer_maps = maps_of(views[0].layer, output, len(batch.images), self.device)
        for view in views:
            maps = view(layer_maps)
            extremes = Extremes.of(maps)
            check_usable(view.name, maps, extremes, self._image_name)
            statistics = self._statistics(view)
            statistics.update(batch.images, maps, extremes)
            statistics.raise_bound(self._rank(view))
            batch.peaks[view.name] = extremes.peaks[batch.sampled]
            self.holder.hold(view.name, maps, extremes, own=maps is not layer_maps)

    def _statistics(self, view: BasisView) -> LayerStatistics:
        """Return the statistics of a view, empty at first."""
        statistics = self.holder.statistics
        if view.name not in statistics:
            top_images = min(self.settings.top_images, len(self.reader.order))
            statistics[view.name] = LayerStatistics.empty(view.units, top_images, self.device)
        return statistics[view.name]

    def _rank(self, view: BasisView) -> int:
        """Return the rank of thresholds among all activations of a unit."""
        _, height, width = view.map_shape
        return threshold_rank(self.settings.quantile, len(self.reader.order) * height * width)

    def _image_name(self, position: int) -> str:
        """Return the name of an image, given its position in the batch."""
        return self.reader.data.image_name(int(self.holder.current.images[position]))

    def _indices(self, indices: Sequence[int]) -> Int64[Tensor, " n"]:
        """Return the indices as a tensor on the counting device."""
        return torch.tensor(indices, dtype=torch.int64, device=self.device)
