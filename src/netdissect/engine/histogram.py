"""How each unit's activations are distributed: counted in one pass, and what the counts say of the threshold."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int32, Int64
from torch import Tensor

#: Bins of each unit: a power of two.
BINS = 256

#: Rows of counts are longer than their bins: rows of 2048 bytes would compete for the same places of the cache.
_ROW = BINS + 8

#: Bin numbers stay below this, so that float32 holds them exactly.
_MOST_BINS_EXPONENT = 21

#: The exponent given to 0: below that of any other number.
_EXPONENT_OF_ZERO = -1000

#: Values whose bins are found at a time, in the cache, and values counted at a time.
_CHUNK, _COUNTED = 2**17, 2**21


@dataclass
class Histogram:
    """How many of each unit's activations fall into each of ``BINS`` equal bins, all of them, exactly.

    Bin ``j`` of a unit holds the values from ``(first + j) * 2**exponent`` up to, not with, the next bin's. The
    exponent is the smallest with which all values lie within the bins. Where a value lies outside, the exponent grows
    and neighbouring bins are merged: since their edges are multiples of a power of two, the outcome is the same
    whatever the order in which values come. ``low`` and ``high`` are the smallest and the largest value.
    """

    low: Float[Tensor, " u"]
    high: Float[Tensor, " u"]
    exponent: Int64[Tensor, " u"]
    first: Int64[Tensor, " u"]
    padded_counts: Int64[Tensor, "u row"]

    @classmethod
    def empty(cls, units: int, device: torch.device | None = None) -> "Histogram":
        def zeros(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=torch.int64, device=device)

        full = torch.full((units,), torch.inf, dtype=torch.float32, device=device)
        return cls(full, -full, zeros(units), zeros(units), zeros(units, _ROW))

    @property
    def counts(self) -> Int64[Tensor, "u bins"]:
        """Values in each bin."""
        return self.padded_counts[:, :BINS]

    @property
    def width(self) -> Float[Tensor, " u"]:
        """Width of each unit's bins."""
        return _power_of_two(self.exponent)

    def update(self, maps: Float[Tensor, "n u h w"], low: Float[Tensor, " u"], high: Float[Tensor, " u"]) -> None:
        """Takes in finite activations, whose smallest and largest value per unit are ``low`` and ``high``."""
        self._widen(torch.minimum(self.low, low), torch.maximum(self.high, high))
        units = len(self.low)
        values = maps.permute(0, 2, 3, 1).reshape(-1, units)
        for some in values.split(max(1, _COUNTED // units)):
            counts = torch.bincount(self._places(some).view(-1), minlength=units * _ROW)
            self.padded_counts += counts.view(units, _ROW)

    def _places(self, values: Float[Tensor, "m u"]) -> Int32[Tensor, "m u"]:
        """Where, among the counts of all units, each value counts."""
        scale = _power_of_two(-self.exponent)
        place_of_zero = (torch.arange(len(scale), device=scale.device) * _ROW - self.first).to(torch.int32)
        wide = bool((self.exponent > 0).any())  # so wide that a small negative number, scaled, may become 0
        places = torch.empty(values.shape, dtype=torch.int32, device=values.device)
        step = max(1, (_CHUNK if values.device.type == "cpu" else _COUNTED) // len(scale))
        for piece, place in zip(values.split(step), places.split(step), strict=True):
            bins = piece.mul(scale).floor_()
            if wide:
                bins.masked_fill_((piece < 0) & (bins == 0), -1)
            place.copy_(bins).add_(place_of_zero)
        return places

    def __add__(self, other: "Histogram") -> "Histogram":
        """The histogram of what both have seen."""
        total, more = (
            Histogram(h.low, h.high, h.exponent.clone(), h.first.clone(), h.padded_counts.clone())
            for h in (self, other)
        )
        low, high = torch.minimum(self.low, other.low), torch.maximum(self.high, other.high)
        total._widen(low, high)
        more._widen(low, high)
        total.padded_counts += more.padded_counts
        return total

    def lower_bound(self, rank: int) -> Float[Tensor, " u"]:
        """A level that at least ``rank + 1`` of each unit's values reach, ``-inf`` where there are not as many.

        The value of that rank, counted from 0 and from the largest, is this level or greater.
        """
        from_top = self.counts.flip(1).cumsum(1)
        bins = BINS - 1 - (from_top <= rank).sum(dim=1)
        edge = (self.first + bins).float() * self.width
        return torch.where(bins >= 0, edge, torch.full_like(edge, -torch.inf))

    def count_from(self, level: Float[Tensor, " u"]) -> Int64[Tensor, " u"]:
        """At most how many of each unit's values reach ``level``: those of its bin and the bins above."""
        bins = _bin_number(level, self.exponent) - self.first
        inside = torch.arange(BINS, device=bins.device) >= bins[:, None]
        return (self.counts * inside).sum(dim=1)

    def merged(self, bins: int) -> tuple[Float[Tensor, " u"], Float[Tensor, " u"], Int64[Tensor, "u bins"]]:
        """Where the first bin begins, how wide bins are, and the counts, in ``bins`` bins, a divisor of ``BINS``."""
        start = self.first.float() * self.width
        return start, self.width * (BINS // bins), self.counts.reshape(len(start), bins, -1).sum(dim=2)

    def _widen(self, low: Float[Tensor, " u"], high: Float[Tensor, " u"]) -> None:
        """Makes bins reach from ``low`` to ``high``, which lie no further in than all that was counted."""
        exponent, first = _bins(low, high)
        units = ((exponent != self.exponent) | (first != self.first)).nonzero()[:, 0]
        if len(units):
            shift = (exponent - self.exponent)[units, None].clamp(0, 62)
            bins = torch.arange(BINS, device=units.device) + self.first[units, None]
            bins = ((bins >> shift) - first[units, None]).clamp_(0, BINS - 1)  # those outside are empty
            counts = torch.zeros_like(self.padded_counts[units])
            self.padded_counts[units] = counts.scatter_add_(1, bins, self.counts[units])
        self.low, self.high, self.exponent, self.first = low, high, exponent, first


def _bins(low: Float[Tensor, " u"], high: Float[Tensor, " u"]) -> tuple[Int64[Tensor, " u"], Int64[Tensor, " u"]]:
    """The smallest exponent with which ``BINS`` bins hold both values, and the number of the bin of ``low``."""
    # A span in [2^(e-1), 2^e) fills half of the bins or more if these are 2^e / BINS wide, and at most one too many.
    span = _exponent(high.double() - low.double()) - (BINS.bit_length() - 1)
    magnitude = _exponent(torch.maximum(low.abs(), high.abs()).double()) - _MOST_BINS_EXPONENT
    exponent = torch.maximum(span, magnitude).clamp_(min=-126)
    first, last = (_bin_number(value, exponent) for value in (low, high))
    exponent += last - first >= BINS
    return exponent, _bin_number(low, exponent)


def _bin_number(value: Float[Tensor, " u"], exponent: Int64[Tensor, " u"]) -> Int64[Tensor, " u"]:
    scaled = value.double() * _power_of_two(-exponent).double()  # does not become 0, as it might in single precision
    return scaled.floor().clamp(min=-(2.0**62), max=2.0**62).long()


def _exponent(values: Float[Tensor, " u"]) -> Int64[Tensor, " u"]:
    """``e`` with ``2^(e-1) <= value < 2^e``."""
    exponent = torch.frexp(values).exponent.long()
    return torch.where(values > 0, exponent, torch.full_like(exponent, _EXPONENT_OF_ZERO))


def _power_of_two(exponent: Int64[Tensor, " u"]) -> Float[Tensor, " u"]:
    """``2**exponent`` for exponents of -126 to 127, put together from its bits: a device's own power may round."""
    return (exponent + 127 << 23).to(torch.int32).view(torch.float32)
