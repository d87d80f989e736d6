"""Histograms of each unit's activations, counted in one pass, and bounds of thresholds that follow from the counts."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int32, Int64
from torch import Tensor

#: Bins of each unit: a power of two.
BINS = 256

#: Rows of counts are longer than their bins: rows of 2048 bytes would compete for the same lines of the cache.
_ROW = BINS + 8

#: Bin numbers stay below this, so that float32 holds them exactly.
_MOST_BINS_EXPONENT = 21

#: The exponent given to 0: below that of any other number.
_EXPONENT_OF_ZERO = -1000

#: Values whose bins are found at a time, so that they stay in the cache, and values that are counted at a time.
_CHUNK, _COUNTED = 2**17, 2**21


@dataclass(frozen=True, eq=False)
class Bins:
    """Counts of each unit's activations in bins of equal width, and the unit's smallest and largest activation.

    Bin ``j`` holds the values from ``start + j * width`` up to, not with, the next bin's. A unit without values has
    ``low`` above ``high``.
    """

    low: Float[Tensor, " u"]
    high: Float[Tensor, " u"]
    start: Float[Tensor, " u"]
    width: Float[Tensor, " u"]
    counts: Int64[Tensor, "u bins"]

    def merged(self, bins: int) -> "Bins":
        """Return the same counts in ``bins`` wider bins; ``bins`` divides the number of bins.

        >>> some = torch.tensor([0.0])
        >>> Bins(some, some, some, some + 0.5, torch.tensor([[1, 2, 3, 4]])).merged(2).counts
        tensor([[3, 7]])
        """
        together = self.counts.shape[1] // bins
        counts = self.counts.reshape(len(self.start), bins, together).sum(dim=2)
        return Bins(self.low, self.high, self.start, self.width * together, counts)


@dataclass(eq=False)
class Histogram:
    """Counts of each unit's activations in ``BINS`` equal bins, exact for all activations; an accumulator.

    Bin ``j`` of a unit holds the values from ``(first + j) * 2**exponent`` up to, not with, the next bin's. The
    exponent is the smallest with which all values lie within the bins. Where a value lies outside, the exponent grows
    and neighbouring bins are merged. Edges are multiples of a power of two, so the outcome is the same in any order of
    values. ``low`` and ``high`` are the smallest and the largest value; -0 counts as 0.

    >>> maps = torch.tensor([[[[0.0, 1.0], [1.0, 4.0]]]])
    >>> histogram = Histogram.empty(units=1)
    >>> histogram.update(maps, low=torch.tensor([0.0]), high=torch.tensor([4.0]))
    >>> histogram.width, histogram.counts[0, [0, 32, 128]]
    (tensor([0.0312]), tensor([1, 2, 1]))
    """

    low: Float[Tensor, " u"]
    high: Float[Tensor, " u"]
    exponent: Int64[Tensor, " u"]
    first: Int64[Tensor, " u"]
    padded_counts: Int64[Tensor, "u row"]

    @classmethod
    def empty(cls, units: int, device: torch.device | None = None) -> "Histogram":
        """Return the histogram of no values."""

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=torch.int64, device=device)

        full = torch.full((units,), torch.inf, dtype=torch.float32, device=device)
        return cls(full, -full, zeros(units), zeros(units), zeros(units, _ROW))

    @property
    def counts(self) -> Int64[Tensor, "u bins"]:
        """The number of values in each bin."""
        return self.padded_counts[:, :BINS]

    @property
    def width(self) -> Float[Tensor, " u"]:
        """The width of each unit's bins."""
        return _power_of_two(self.exponent)

    def update(self, maps: Float[Tensor, "n u h w"], low: Float[Tensor, " u"], high: Float[Tensor, " u"]) -> None:
        """Take in finite activations, given the smallest and the largest value per unit."""
        self._widen(torch.minimum(self.low, low), torch.maximum(self.high, high))
        units = len(self.low)
        values = maps.permute(0, 2, 3, 1).reshape(-1, units)
        for some in values.split(max(1, _COUNTED // units)):
            counts = torch.bincount(self._indices(some).view(-1), minlength=units * _ROW)
            self.padded_counts += counts.view(units, _ROW)

    def _indices(self, values: Float[Tensor, "m u"]) -> Int32[Tensor, "m u"]:
        """Return the index of each value's bin among the counts of all units."""
        scale = _power_of_two(-self.exponent)
        index_of_zero = (torch.arange(len(scale), device=scale.device) * _ROW - self.first).to(torch.int32)
        wide = bool((self.exponent > 0).any())  # so wide that a small negative number, scaled, may become 0
        indices = torch.empty(values.shape, dtype=torch.int32, device=values.device)
        step = max(1, (_CHUNK if values.device.type == "cpu" else _COUNTED) // len(scale))
        for some, index in zip(values.split(step), indices.split(step), strict=True):
            bins = some.mul(scale).floor_()
            if wide:
                bins.masked_fill_((some < 0) & (bins == 0), -1)
            index.copy_(bins).add_(index_of_zero)
        return indices

    def __add__(self, other: "Histogram") -> "Histogram":
        """Return the histogram of the values of both."""
        total, more = self._copy(), other._copy()
        low, high = torch.minimum(self.low, other.low), torch.maximum(self.high, other.high)
        total._widen(low, high)
        more._widen(low, high)
        total.padded_counts += more.padded_counts
        return total

    def lower_bound(self, rank: int) -> Float[Tensor, " u"]:
        """Return a level that at least ``rank + 1`` of each unit's values reach, ``-inf`` if there are not as many.

        The value of this rank, counted from 0 and from the largest, is not below the level.

        >>> histogram = Histogram.empty(units=1)
        >>> histogram.update(torch.tensor([[[[0.0, 3.0, 5.0, 255.0]]]]), torch.tensor([0.0]), torch.tensor([255.0]))
        >>> histogram.lower_bound(1), histogram.lower_bound(9)
        (tensor([5.]), tensor([-inf]))
        """
        from_top = self.counts.flip(1).cumsum(1)
        bins = BINS - 1 - (from_top <= rank).sum(dim=1)
        edge = (self.first + bins).float() * self.width
        return torch.where(bins >= 0, edge, torch.full_like(edge, -torch.inf))

    def count_from(self, level: Float[Tensor, " u"]) -> Int64[Tensor, " u"]:
        """Return the number of each unit's values in the bin of ``level`` and above: as many reach it at most.

        >>> histogram = Histogram.empty(units=1)
        >>> histogram.update(torch.tensor([[[[0.0, 3.2, 5.0, 255.0]]]]), torch.tensor([0.0]), torch.tensor([255.0]))
        >>> histogram.count_from(torch.tensor([3.5]))
        tensor([3])
        """
        bins = _bin_number(level, self.exponent) - self.first
        inside = torch.arange(BINS, device=bins.device) >= bins[:, None]
        return (self.counts * inside).sum(dim=1)

    def compute(self) -> Bins:
        """Return the bins, their counts, and the smallest and largest values so far."""
        start = self.first.float() * self.width
        return Bins(self.low.clone(), self.high.clone(), start, self.width, self.counts.clone())

    def state(self) -> dict[str, Tensor]:
        """Return all tensors by name, not copied."""
        return dict(vars(self))

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> "Histogram":
        """Return the histogram whose state was saved."""
        return cls(**state)

    def _copy(self) -> "Histogram":
        return Histogram(**{name: tensor.clone() for name, tensor in self.state().items()})

    def _widen(self, low: Float[Tensor, " u"], high: Float[Tensor, " u"]) -> None:
        """Make bins reach from ``low`` to ``high``, at least as far as all values counted before."""
        low, high = low + 0.0, high + 0.0  # -0 becomes 0: which of the two is the smaller depends on their order
        exponent, first = _bins(low, high)
        units = ((exponent != self.exponent) | (first != self.first)).nonzero()[:, 0]
        if len(units):
            shift = (exponent - self.exponent)[units, None].clamp(0, 62)
            bins = torch.arange(BINS, device=units.device) + self.first[units, None]
            bins = ((bins >> shift) - first[units, None]).clamp_(0, BINS - 1)  # bins outside are empty
            counts = torch.zeros_like(self.padded_counts[units])
            self.padded_counts[units] = counts.scatter_add_(1, bins, self.counts[units])
        self.low, self.high, self.exponent, self.first = low, high, exponent, first


def _bins(low: Float[Tensor, " u"], high: Float[Tensor, " u"]) -> tuple[Int64[Tensor, " u"], Int64[Tensor, " u"]]:
    """Return the smallest exponent with which ``BINS`` bins hold both values, and the number of the bin of ``low``.

    Both are 0 where there are no values: where ``low`` is above ``high``.
    """
    # A span in [2^(e-1), 2^e) fills half of the bins or more if these are 2^e / BINS wide, and at most one too many.
    span = _exponent(high.double() - low.double()) - (BINS.bit_length() - 1)
    magnitude = _exponent(torch.maximum(low.abs(), high.abs()).double()) - _MOST_BINS_EXPONENT
    exponent = torch.maximum(span, magnitude).clamp_(min=-126)
    first, last = (_bin_number(value, exponent) for value in (low, high))
    exponent += last - first >= BINS
    any_value = low <= high
    return exponent * any_value, _bin_number(low, exponent) * any_value


def _bin_number(value: Float[Tensor, " u"], exponent: Int64[Tensor, " u"]) -> Int64[Tensor, " u"]:
    """Return the number of the bin that holds each value, counted from the bin that begins at 0."""
    scaled = value.double() * _power_of_two(-exponent).double()  # does not become 0, as it might in single precision
    return scaled.floor().clamp(min=-(2.0**62), max=2.0**62).long()


def _exponent(values: Float[Tensor, " u"]) -> Int64[Tensor, " u"]:
    """Return ``e`` with ``2^(e-1) <= value < 2^e``."""
    exponent = torch.frexp(values).exponent.long()
    return torch.where(values > 0, exponent, torch.full_like(exponent, _EXPONENT_OF_ZERO))


def _power_of_two(exponent: Int64[Tensor, " u"]) -> Float[Tensor, " u"]:
    """Return ``2**exponent`` for exponents of -126 to 127, made from its bits: a device's own power may round."""
    return (exponent + 127 << 23).to(torch.int32).view(torch.float32)
