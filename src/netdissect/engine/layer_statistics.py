"""Statistics of a layer, taken in one pass: all that exact thresholds, masks and pictures need later."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from netdissect.engine.extremes import Extremes
from netdissect.engine.histogram import Bins, Histogram
from netdissect.engine.kept_rows import KeptRows, select_rows
from netdissect.engine.top import TopImages


@dataclass(frozen=True, eq=False)
class LayerSummary:
    """The bins of a layer's activations, and each unit's top images with their activations, best first."""

    bins: Bins
    top_image: Int64[Tensor, "u t"]
    top_activation: Float[Tensor, "u t"]


@dataclass(eq=False)
class LayerStatistics:
    """The histogram of a layer's activations, its units' top images, and ``bound``; an accumulator.

    ``bound`` is the level up to which values may have been let go. It rises in ``raise_bound`` alone, never above the
    thresholds to come. How high it rises depends on the order of the images; the rest does not. So ``update`` and ``+``
    are exact in any order and grouping. The bound of a sum is the larger of the two bounds: no threshold of the sum is
    below it, provided that both were raised with the same rank.

    >>> maps = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    >>> statistics = LayerStatistics.empty(units=1, top_images=2)
    >>> statistics.update(torch.tensor([7]), maps, Extremes.of(maps))
    >>> statistics.raise_bound(rank=1)
    >>> statistics.bound, statistics.compute().top_image
    (tensor([2.]), tensor([[ 7, -1]]))
    """

    histogram: Histogram
    top: TopImages
    bound: Float[Tensor, " u"]

    @classmethod
    def empty(cls, units: int, top_images: int, device: torch.device | None = None) -> "LayerStatistics":
        """Return the statistics of no images."""
        bound = torch.full((units,), -torch.inf, dtype=torch.float32, device=device)
        return cls(Histogram.empty(units, device), TopImages.empty(units, top_images, device), bound)

    def update(self, images: Int64[Tensor, " n"], maps: Float[Tensor, "n u h w"], extremes: Extremes) -> None:
        """Take in the maps of ``n`` more images, given the images' indices and the maps' extremes."""
        self.histogram.update(maps, extremes.low, extremes.peaks.amax(dim=0))
        self.top.update(images, extremes.peaks)

    def raise_bound(self, rank: int) -> None:
        """Raise ``bound`` as far as the histogram allows.

        ``rank`` is the threshold's rank among all activations to come. Fewer may come in the end, but not more.
        """
        self.bound = torch.maximum(self.bound, self.histogram.lower_bound(rank))

    def needed(self, images: Int64[Tensor, " n"], maps: Float[Tensor, "n u h w"], extremes: Extremes) -> KeptRows:
        """Return the rows that may be needed of maps taken in before: the fewer, the higher the bound by now.

        The maps of a unit's top images are needed whole.
        """
        return select_rows(maps, extremes.row_peaks, self.bound, self.top.holds(images))

    def __add__(self, other: "LayerStatistics") -> "LayerStatistics":
        """Return the statistics of the images of both."""
        bound = torch.maximum(self.bound, other.bound)
        return LayerStatistics(self.histogram + other.histogram, self.top + other.top, bound)

    def compute(self) -> LayerSummary:
        """Return the bins and the top images so far."""
        return LayerSummary(self.histogram.compute(), *self.top.compute())

    def state(self) -> dict[str, Tensor]:
        """Return all tensors, not copied, by names such as ``bound``, ``histogram.low`` and ``top.image``."""
        histogram = {f"histogram.{name}": tensor for name, tensor in self.histogram.state().items()}
        top = {f"top.{name}": tensor for name, tensor in self.top.state().items()}
        return {"bound": self.bound, **histogram, **top}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> "LayerStatistics":
        """Return the statistics whose state was saved."""
        histogram, top = (_below(state, part) for part in ("histogram", "top"))
        return cls(Histogram.from_state(histogram), TopImages.from_state(top), state["bound"])


def _below(state: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    """Return the tensors of one part, without the part's name."""
    prefix = f"{part}."
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
