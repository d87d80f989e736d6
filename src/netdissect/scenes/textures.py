"""Textures: two-colored patterns, named as in the Describable Textures Dataset.

Each texture is a function that draws its details for a period (fraction of the image), and returns the pattern. At
x (1, w) and y (h, 1), a pattern is true for the second color.
"""

from collections.abc import Callable
from types import MappingProxyType

import numpy as np

from netdissect.scenes.arrays import Numbers, Truths
from netdissect.scenes.dice import Dice

Pattern = Callable[[Numbers, Numbers], Truths]

#: Directions as (x, y) of length 1, exact on every machine, unlike sines.
SLANTS = ((1.0, 0.0), (0.8, 0.6), (0.8, -0.6), (0.6, 0.8), (0.6, -0.8))

#: The number of cells after which random numbers repeat.
TABLE = 8


def phase(values: Numbers) -> Numbers:
    """Return the part after the decimal point, from 0 to 1.

    >>> phase(np.float32([2.25, -0.25])).tolist()
    [0.25, 0.75]
    """
    return values - np.floor(values)


def wave(values: Numbers) -> Numbers:
    """Return a smooth wave from 1 down to 0 and up again; without sines, it is the same on every machine.

    >>> wave(np.float32([0.0, 0.5, 1.0])).tolist()
    [1.0, 0.0, 1.0]
    """
    slope = np.abs(2.0 * phase(values) - 1.0)
    return slope * slope * (3.0 - 2.0 * slope)


def looked_up(table: Numbers, row: Numbers, column: Numbers) -> Numbers:
    """Return the random number of each cell, by whole row and column numbers that broadcast."""
    return table[row.astype(np.int32) & (TABLE - 1), column.astype(np.int32) & (TABLE - 1)]


def cells(x: Numbers, y: Numbers, tables: Numbers) -> tuple[Numbers, Numbers]:
    """Divide the plane into irregular cells about one unit wide, such as cobbles or leaves.

    ``tables`` (3, TABLE, TABLE) has the offset of each cell across and down, and its number. Returns the number of each
    pixel's cell, and the distance to the next cell: 0 on the border, 1 far from it.
    """
    left, top = np.floor(x - 0.5), np.floor(y - 0.5)
    shape = (y.shape[0], x.shape[1])
    nearest, second = np.full(shape, 9.0, np.float32), np.full(shape, 9.0, np.float32)
    number = np.zeros(shape, np.float32)
    for row, column in ((top, left), (top, left + 1.0), (top + 1.0, left), (top + 1.0, left + 1.0)):
        across = x - column - 0.2 - 0.6 * looked_up(tables[0], row, column)
        down = y - row - 0.2 - 0.6 * looked_up(tables[1], row, column)
        distance = across * across + down * down
        closer = distance < nearest
        second = np.minimum(second, np.maximum(nearest, distance))
        nearest = np.minimum(nearest, distance)
        np.copyto(number, looked_up(tables[2], row, column), where=closer)
    return number, np.minimum(np.sqrt(second) - np.sqrt(nearest), 1.0)


def patches(x: Numbers, y: Numbers, table: Numbers) -> Numbers:
    """Return random numbers, one per unit square, blended smoothly in between."""
    column, row = np.floor(x), np.floor(y)
    right, down = x - column, y - row
    right, down = right * right * (3.0 - 2.0 * right), down * down * (3.0 - 2.0 * down)
    upper = looked_up(table, row, column) * (1.0 - right) + looked_up(table, row, column + 1.0) * right
    lower = looked_up(table, row + 1.0, column) * (1.0 - right) + looked_up(table, row + 1.0, column + 1.0) * right
    return upper * (1.0 - down) + lower * down


def banded(dice: Dice, period: float) -> Pattern:
    """Draw level bands, wide and narrow ones in turn."""
    shift = dice.between(0.0, 1.0)

    def pattern(x: Numbers, y: Numbers) -> Truths:
        at = phase(y / (1.9 * period) + shift)
        return (at < 0.36) | ((at > 0.56) & (at < 0.74))

    return pattern


def blotchy(dice: Dice, period: float) -> Pattern:
    """Draw large irregular patches."""
    table = dice.table(TABLE, TABLE)

    def pattern(x: Numbers, y: Numbers) -> Truths:
        return patches(x / (0.8 * period), y / (0.8 * period), table) > 0.54

    return pattern


def chequered(dice: Dice, period: float) -> Pattern:
    """Draw squares of two colors in turn."""
    right, down = dice.between(0.0, 1.0), dice.between(0.0, 1.0)

    def pattern(x: Numbers, y: Numbers) -> Truths:
        return (phase(x / (1.5 * period) + right) < 0.5) ^ (phase(y / (1.5 * period) + down) < 0.5)

    return pattern


def crosshatched(dice: Dice, period: float) -> Pattern:
    """Draw thin slanted lines that cross."""
    right, down = dice.between(0.0, 1.0), dice.between(0.0, 1.0)

    def pattern(x: Numbers, y: Numbers) -> Truths:
        across, along = x / (1.25 * period) + right, y / (1.25 * period) + down
        return (phase(across + along) < 0.27) | (phase(across - along) < 0.27)

    return pattern


def freckled(dice: Dice, period: float) -> Pattern:
    """Draw small scattered spots."""
    tables = dice.table(3, TABLE, TABLE)

    def pattern(x: Numbers, y: Numbers) -> Truths:
        across, along = x / (0.62 * period), y / (0.62 * period)
        column, row = np.floor(across), np.floor(along)
        right = across - column - 0.3 - 0.4 * looked_up(tables[0], row, column)
        down = along - row - 0.3 - 0.4 * looked_up(tables[1], row, column)
        size = looked_up(tables[2], row, column)
        return right * right + down * down < 0.16 * size * size

    return pattern


def grid(dice: Dice, period: float) -> Pattern:
    """Draw level and upright lines that cross."""
    right, down = dice.between(0.0, 1.0), dice.between(0.0, 1.0)

    def pattern(x: Numbers, y: Numbers) -> Truths:
        return (phase(x / period + right) < 0.25) | (phase(y / period + down) < 0.25)

    return pattern


def marbled(dice: Dice, period: float) -> Pattern:
    """Draw winding veins."""
    right, down, more = (dice.between(0.0, 9.0), dice.between(0.0, 9.0), dice.between(0.0, 9.0))

    def pattern(x: Numbers, y: Numbers) -> Truths:
        across, along = x / period + right, y / period + down
        bend = wave(0.43 * along + 0.6 * wave(0.37 * across)) + 0.7 * wave(0.31 * across + more - 0.23 * along)
        return phase(0.4 * across + 0.35 * along + 1.1 * bend) < 0.3

    return pattern


def polka_dotted(dice: Dice, period: float) -> Pattern:
    """Draw round dots in staggered rows."""
    right, down = dice.between(0.0, 1.0), dice.between(0.0, 1.0)

    def pattern(x: Numbers, y: Numbers) -> Truths:
        along = y / (0.8 * period) + down
        row = np.floor(along)
        up = (along - row - 0.5) * 0.8
        side = phase(x / period + right + 0.5 * row) - 0.5
        return side * side + up * up < 0.085

    return pattern


def scaly(dice: Dice, period: float) -> Pattern:
    """Draw staggered rows of round scales, each with a rim below."""
    right, down = dice.between(0.0, 1.0), dice.between(0.0, 1.0)

    def pattern(x: Numbers, y: Numbers) -> Truths:
        along = y / (0.65 * period) + down
        row = np.floor(along)
        up = 0.5 * (along - row)
        side = phase(x / (1.3 * period) + right + 0.5 * row) - 0.5
        distance = side * side + up * up
        return (distance < 0.25) & (distance > 0.105)

    return pattern


def striped(dice: Dice, period: float) -> Pattern:
    """Draw upright or slanted stripes of equal width."""
    right, down = dice.pick(SLANTS)
    shift = dice.between(0.0, 1.0)

    def pattern(x: Numbers, y: Numbers) -> Truths:
        return phase((x * right + y * down) / period + shift) < 0.5

    return pattern


def zigzagged(dice: Dice, period: float) -> Pattern:
    """Draw stripes that go up and down."""
    right, down = dice.between(0.0, 1.0), dice.between(0.0, 1.0)

    def pattern(x: Numbers, y: Numbers) -> Truths:
        return phase(y / period + down + 0.9 * np.abs(2.0 * phase(x / (1.6 * period) + right) - 1.0)) < 0.5

    return pattern


#: Every texture by name.
TEXTURES = MappingProxyType(
    {
        "banded": banded,
        "blotchy": blotchy,
        "chequered": chequered,
        "crosshatched": crosshatched,
        "freckled": freckled,
        "grid": grid,
        "marbled": marbled,
        "polka-dotted": polka_dotted,
        "scaly": scaly,
        "striped": striped,
        "zigzagged": zigzagged,
    }
)
