"""Exact thresholds: the activation level that a unit exceeds at a fraction ``q`` of all positions of all images."""

import math
from dataclasses import dataclass
from fractions import Fraction

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from netdissect.types import NetdissectError


def threshold_rank(quantile: float, values: int) -> int:
    """``floor(q*N)``, the rank of the threshold among ``values`` activations sorted descending, counted from 0.

    ``q`` is taken as the decimal that a person writes: 0.29 of 100 is 29, though in binary 0.29 * 100 < 29.
    """
    return math.floor(Fraction(repr(float(quantile))) * values)


@dataclass
class UpperTail:
    """Each unit's ``capacity`` largest activations so far: all that an exact threshold needs.

    ``held`` has room for more values than are kept; it is filled from the left up to ``fill``, the rest is ``-inf``.
    No value that is not greater than ``bound``, the smallest of the kept ones, can change the tail, so that after the
    first images hardly any value is looked at twice.
    """

    capacity: int
    seen: int
    held: Float[Tensor, "u room"]
    fill: Int64[Tensor, " u"]
    bound: Float[Tensor, " u"]

    @classmethod
    def empty(cls, units: int, capacity: int, device: torch.device | None = None) -> "UpperTail":
        """A tail of nothing. ``capacity`` is ``threshold_rank(q, N) + 1`` for all ``N`` values a unit will have."""
        if capacity < 1:
            raise ValueError(f"a tail keeps at least one value, not {capacity}")
        slack = max(capacity // 4, 2**12)  # a quarter, so that selecting is a small part of the work
        return cls(
            capacity=capacity,
            seen=0,
            held=torch.full((units, capacity + slack), -torch.inf, dtype=torch.float32, device=device),
            fill=torch.zeros(units, dtype=torch.int64, device=device),
            bound=torch.full((units,), -torch.inf, dtype=torch.float32, device=device),
        )

    def update(self, values: Float[Tensor, "u m"]) -> None:
        """Takes in ``m`` more finite activations of each unit."""
        slack = self.held.shape[1] - self.capacity
        for piece in values.split(slack, dim=1):
            self._append(piece)
        self.seen += values.shape[1]

    def __add__(self, other: "UpperTail") -> "UpperTail":
        """The tail of all that both have seen."""
        if self.capacity != other.capacity or self.held.shape[0] != other.held.shape[0]:
            raise ValueError("only tails of equal capacity and number of units add up")
        total = UpperTail(self.capacity, self.seen, self.held.clone(), self.fill.clone(), self.bound.clone())
        total.update(other.held)
        total.seen = self.seen + other.seen
        return total

    def compute(self, quantile: float) -> Float[Tensor, " u"]:
        """The thresholds ``T = v[floor(q*N)]``, ``v`` sorted descending, ``N`` the number of values seen."""
        rank = threshold_rank(quantile, self.seen)
        if not rank < min(self.seen, self.capacity):
            raise NetdissectError(f"quantile {quantile} of {self.seen} values asks for more than the tail holds")
        return torch.cat([held.topk(rank + 1, dim=1).values[:, rank] for held in self._some_units()])

    def _append(self, piece: Float[Tensor, "u m"]) -> None:
        keep = piece > self.bound[:, None]
        if int((self.fill + keep.sum(dim=1)).max()) > self.held.shape[1]:
            self._compress()
            keep = piece > self.bound[:, None]
        counts = keep.sum(dim=1)
        unit, column = keep.nonzero(as_tuple=True)
        # Values of a unit follow one another; each takes the next free place of its unit.
        first = counts.cumsum(0) - counts
        place = torch.arange(unit.numel(), device=unit.device) - first[unit] + self.fill[unit]
        self.held[unit, place] = piece[unit, column]
        self.fill += counts

    def _compress(self) -> None:
        for held in self._some_units():
            held[:, : self.capacity] = held.topk(self.capacity, dim=1, sorted=False).values
            held[:, self.capacity :] = -torch.inf
        self.fill.clamp_(max=self.capacity)
        self.bound = self.held[:, : self.capacity].amin(dim=1)

    def _some_units(self) -> tuple[Float[Tensor, "v room"], ...]:
        """Views of the rows of some units at a time, since selecting takes three times the memory."""
        return self.held.split(max(1, 2**22 // self.held.shape[1]))
