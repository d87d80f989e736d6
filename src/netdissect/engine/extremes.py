"""The largest and smallest values of activation maps."""

from dataclasses import dataclass
from functools import cached_property

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Extremes:
    """The largest value of each row of ``n`` images' maps, and each unit's smallest value."""

    row_peaks: Float[Tensor, "n u h"]
    low: Float[Tensor, " u"]

    @classmethod
    def of(cls, maps: Float[Tensor, "n u h w"]) -> "Extremes":
        """Taken in the order of memory: maps are channels-last."""
        rows = maps.permute(0, 2, 3, 1)
        return cls(rows.amax(dim=2).permute(0, 2, 1).contiguous(), rows.amin(dim=(0, 1, 2)))

    @cached_property
    def peaks(self) -> Float[Tensor, "n u"]:
        """Each unit's maximal response to each image."""
        return self.row_peaks.amax(dim=2)

    def within(self, limit: float) -> bool:
        """Whether no value exceeds ``limit`` in size, or is NaN."""
        return bool((self.row_peaks.amax() <= limit) & (self.low.amin() >= -limit))
