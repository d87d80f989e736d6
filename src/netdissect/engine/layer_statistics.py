"""What one pass gathers of a layer: all that exact thresholds, masks and pictures need later, and no more."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from netdissect.engine.extremes import Extremes
from netdissect.engine.histogram import Histogram
from netdissect.engine.kept_rows import KeptRows, select_rows
from netdissect.engine.top import TopImages


@dataclass
class LayerStatistics:
    """Of a layer: the histogram of its activations, its units' top images, and ``bound``.

    No threshold will be below ``bound``: that many values as the threshold's rank asks for reach it already. It only
    rises.
    """

    histogram: Histogram
    top: TopImages
    bound: Float[Tensor, " u"]

    @classmethod
    def empty(cls, units: int, top_images: int, device: torch.device | None = None) -> "LayerStatistics":
        bound = torch.full((units,), -torch.inf, dtype=torch.float32, device=device)
        return cls(Histogram.empty(units, device), TopImages.empty(units, top_images, device), bound)

    def update(
        self, images: Int64[Tensor, " n"], maps: Float[Tensor, "n u h w"], extremes: Extremes, rank: int
    ) -> None:
        """Takes in the maps of ``n`` more images.

        ``extremes`` are those of the maps, ``rank`` that of the threshold among all activations there will be; fewer
        may come, not more.
        """
        self.histogram.update(maps, extremes.low, extremes.peaks.amax(dim=0))
        self.bound = torch.maximum(self.bound, self.histogram.lower_bound(rank))
        self.top.update(images, extremes.peaks)

    def needed(self, images: Int64[Tensor, " n"], maps: Float[Tensor, "n u h w"], extremes: Extremes) -> KeptRows:
        """The rows that may be needed of maps taken in before; the later asked, the fewer.

        The maps of a unit's top images are needed whole.
        """
        return select_rows(maps, extremes.row_peaks, self.bound, self.top.holds(images))
