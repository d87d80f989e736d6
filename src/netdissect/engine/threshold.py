"""Exact thresholds: the level that a unit's activations exceed at a fraction ``q`` of all positions of all images."""

import math
from collections.abc import Callable, Iterable
from fractions import Fraction

import numpy as np
from jaxtyping import Bool, Float32, Int64

#: Some activations, each with its unit.
UnitValues = tuple[Int64[np.ndarray, " v"], Float32[np.ndarray, " v"]]


def threshold_rank(quantile: float, values: int) -> int:
    """Return ``floor(q*N)``, the rank of the threshold among ``values`` activations sorted descending, counted from 0.

    ``q`` is taken as the decimal that a person writes: 0.29 of 100 is 29, though in binary 0.29 * 100 < 29.

    >>> threshold_rank(0.29, 100)
    29
    """
    return math.floor(Fraction(repr(float(quantile))) * values)


def select_thresholds(
    read: Callable[[], Iterable[UnitValues]],
    rank: int,
    bound: Float32[np.ndarray, " u"],
    at_most: Int64[np.ndarray, " u"],
    memory: int = 2**24,
) -> Float32[np.ndarray, " u"]:
    """Return the value of ``rank`` among each unit's activations sorted descending: ``T = v[floor(q*N)]``.

    ``read`` returns all values above ``bound``, and maybe others. At least ``rank + 1`` values of each unit reach
    ``bound``, at most ``at_most`` exceed it. Units are worked on in groups of about ``memory`` such values; ``read`` is
    called once for each group, and once more if it pays to count first.

    >>> values = (np.array([0, 0, 0, 1]), np.array([3, 5, 4, 7], dtype=np.float32))
    >>> select_thresholds(lambda: [values], 1, np.array([0, 7], dtype=np.float32), np.array([3, 0]))
    array([4., 7.], dtype=float32)
    """
    thresholds = bound.copy()
    if at_most.sum() > memory:
        # A unit that is 0 nearly everywhere has 0 for a bound. Far fewer values than `at_most` may exceed it.
        at_most = _count_above(read(), bound)
    sought = at_most > rank
    at_most = np.where(sought, at_most, 0)
    group = (np.cumsum(at_most) - at_most) // memory
    for number in np.unique(group[sought]):
        inside = (group == number) & sought
        held, start, count = _values_above(read(), bound, inside, at_most)
        for unit in np.flatnonzero(inside):
            # If no more than `rank` values exceed the bound, though more reach it, the bound is the threshold.
            if count[unit] > rank:
                values = held[start[unit] : start[unit] + count[unit]]
                values.partition(count[unit] - 1 - rank)
                thresholds[unit] = values[count[unit] - 1 - rank]
    return thresholds


def _count_above(read: Iterable[UnitValues], bound: Float32[np.ndarray, " u"]) -> Int64[np.ndarray, " u"]:
    """Count the values of each unit that exceed its bound."""
    count = np.zeros(len(bound), dtype=np.int64)
    for unit, values in read:
        count += np.bincount(unit[values > bound[unit]], minlength=len(bound))
    return count


def _values_above(
    read: Iterable[UnitValues],
    bound: Float32[np.ndarray, " u"],
    inside: Bool[np.ndarray, " u"],
    at_most: Int64[np.ndarray, " u"],
) -> tuple[Float32[np.ndarray, " values"], Int64[np.ndarray, " u"], Int64[np.ndarray, " u"]]:
    """Return the values above ``bound`` of the units ``inside``, unit by unit; their first indices; their counts."""
    room = np.where(inside, at_most, 0)
    start = np.cumsum(room) - room
    count = np.zeros(len(bound), dtype=np.int64)
    held = np.empty(int(room.sum()), dtype=np.float32)
    level = np.where(inside, bound, np.float32(np.inf))
    for unit, values in read:
        above = np.flatnonzero(values > level[unit])
        unit = unit[above]
        order = np.argsort(unit, kind="stable")
        unit = unit[order]
        found = np.bincount(unit, minlength=len(bound))
        within = np.arange(len(unit)) - (np.cumsum(found) - found)[unit]
        held[(start + count)[unit] + within] = values[above[order]]
        count += found
    return held, start, count
