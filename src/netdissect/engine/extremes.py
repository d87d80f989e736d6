"""The largest and smallest values of activation maps."""

from dataclasses import dataclass
from functools import cached_property

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Extremes:
    """The largest value of each row of ``n`` images' maps, and each unit's smallest value.

    >>> import torch
    >>> extremes = Extremes.of(torch.tensor([[[[1.0, 2.0], [4.0, 3.0]]]]))
    >>> extremes.row_peaks, extremes.peaks, extremes.low
    (tensor([[[2., 4.]]]), tensor([[4.]]), tensor([1.]))
    >>> extremes.within(3.5)
    False
    """

    row_peaks: Float[Tensor, "n u h"]
    low: Float[Tensor, " u"]

    @classmethod
    def of(cls, maps: Float[Tensor, "n u h w"]) -> "Extremes":
        """Find the extremes of maps, fastest if these are channels-last in memory."""
        rows = maps.permute(0, 2, 3, 1)
        return cls(rows.amax(dim=2).permute(0, 2, 1).contiguous(), rows.amin(dim=(0, 1, 2)))

    @cached_property
    def peaks(self) -> Float[Tensor, "n u"]:
        """Each unit's highest activation in each image."""
        return self.row_peaks.amax(dim=2)

    def within(self, limit: float) -> bool:
        """Return whether all values lie in ``-limit..limit``; False if one is NaN."""
        return bool((self.row_peaks.amax() <= limit) & (self.low.amin() >= -limit))
