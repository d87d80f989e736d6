"""Exact thresholds: the activation level that a unit exceeds at a fraction ``q`` of all positions of all images."""

import math
from collections.abc import Callable, Iterable
from fractions import Fraction

import numpy as np
from jaxtyping import Bool, Float32, Int64

#: Some activations, each with its unit.
UnitValues = tuple[Int64[np.ndarray, " v"], Float32[np.ndarray, " v"]]


def threshold_rank(quantile: float, values: int) -> int:
    """``floor(q*N)``, the rank of the threshold among ``values`` activations sorted descending, counted from 0.

    ``q`` is taken as the decimal that a person writes: 0.29 of 100 is 29, though in binary 0.29 * 100 < 29.
    """
    return math.floor(Fraction(repr(float(quantile))) * values)


def select_thresholds(
    read: Callable[[], Iterable[UnitValues]],
    rank: int,
    bound: Float32[np.ndarray, " u"],
    at_most: Int64[np.ndarray, " u"],
    memory: int = 2**24,
) -> Float32[np.ndarray, " u"]:
    """The values of ``rank`` among each unit's activations sorted descending: ``T = v[floor(q*N)]``.

    ``read`` goes through all values above ``bound``, a level that at least ``rank + 1`` values of each unit reach; at
    most ``at_most`` of them exceed it. Units are worked on in groups of about ``memory`` such values, and all is read
    once a group.
    """
    thresholds = bound.copy()
    if at_most.sum() > memory:
        # Of a unit that is 0 nearly everywhere, and has that for a bound, far fewer may exceed it.
        at_most = _count_above(read(), bound)
    sought = at_most > rank
    at_most = np.where(sought, at_most, 0)
    group = (np.cumsum(at_most) - at_most) // memory
    for number in np.unique(group[sought]):
        inside = (group == number) & sought
        held, start, count = _values_above(read(), bound, inside, at_most)
        for unit in np.flatnonzero(inside):
            # Where no more than `rank` values exceed the bound, though more reach it, it is the value sought.
            if count[unit] > rank:
                values = held[start[unit] : start[unit] + count[unit]]
                values.partition(count[unit] - 1 - rank)
                thresholds[unit] = values[count[unit] - 1 - rank]
    return thresholds


def _count_above(read: Iterable[UnitValues], bound: Float32[np.ndarray, " u"]) -> Int64[np.ndarray, " u"]:
    """How many values of each unit exceed its bound."""
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
    """The values above ``bound`` of the units ``inside``, unit by unit, with where each unit's begin and how many."""
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
