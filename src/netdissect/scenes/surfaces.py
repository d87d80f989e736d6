"""Surfaces: colors, patterns and materials that shapes are painted with."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from netdissect.scenes.arrays import Numbers, Truths
from netdissect.scenes.colors import Color, any_color, contrasting, mix
from netdissect.scenes.dice import Dice
from netdissect.scenes.textures import SLANTS, TABLE, TEXTURES, Pattern, cells, looked_up, patches, phase, wave

#: Brightness of a material at x (1, w) and y (h, 1); 1 is the plain color.
Relief = Callable[[Numbers, Numbers], Numbers]


@dataclass(frozen=True)
class Surface:
    """One color, or two in a pattern, with the light and shade of a material. Names may be empty."""

    color: Color
    accent: Color | None = None
    material: str = ""
    texture: str = ""
    pattern: Pattern | None = None
    relief: Relief | None = None


def only(where: Truths, amount: float) -> Numbers:
    """Return the amount where true and 0 elsewhere.

    >>> only(np.array([True, False]), 2.0).tolist()
    [2.0, 0.0]
    """
    return where.astype(np.float32) * amount


def plain(color: Color) -> Surface:
    """Make smooth paint.

    >>> plain(Color("red", (208.0, 50.0, 46.0))).color.name
    'red'
    """
    return Surface(color)


def textured(
    dice: Dice, surface: Surface, names: tuple[str, ...] = tuple(TEXTURES), accent: Color | None = None
) -> Surface:
    """Add a texture in a second color to a surface: ``accent``, or any that contrasts."""
    name = dice.pick(names)
    pattern = TEXTURES[name](dice, dice.between(0.068, 0.095))
    return replace(surface, accent=accent or contrasting(dice, surface.color), texture=name, pattern=pattern)


def fabric(dice: Dice, color: Color) -> Surface:
    """Make cloth: fine threads and soft upright folds."""
    fold, shift = dice.between(0.07, 0.11), dice.between(0.0, 1.0)

    def relief(x: Numbers, y: Numbers) -> Numbers:
        threads = (phase(x * 28.0) < 0.5) ^ (phase(y * 28.0) < 0.5)
        return 0.9 + 0.14 * wave(x / fold + shift) + only(threads, 0.09)

    return Surface(color, material="fabric", relief=relief)


def wood(dice: Dice, color: Color | None = None) -> Surface:
    """Make boards, level or upright, with a grain."""
    color = color or mix(dice, "brown")
    level, board = dice.chance(0.5), dice.between(0.055, 0.08)
    boards, streaks = dice.table(TABLE, TABLE), dice.table(TABLE, TABLE)

    def relief(x: Numbers, y: Numbers) -> Numbers:
        along, across = (x, y) if level else (y, x)
        number = across / board
        row = phase(number)
        tone = looked_up(boards, number, number)
        bent = across * 90.0 + 1.5 * wave(along * 4.0)
        grain = looked_up(streaks, bent, along * 7.0)
        return (0.86 + 0.16 * tone + 0.16 * grain) * (1.0 - only(row < 0.14, 0.28))

    return Surface(color, material="wood", relief=relief)


def metal(dice: Dice, color: Color) -> Surface:
    """Make polished metal: slanted bands of bright reflection with sharp edges."""
    period, shift = dice.between(0.22, 0.34), dice.between(0.0, 1.0)

    def relief(x: Numbers, y: Numbers) -> Numbers:
        slant = phase((0.35 * x + y) / period + shift)
        shine = 1.0 - wave(slant)
        return 0.82 + 0.26 * shine + only(shine > 0.86, 0.22)

    return Surface(color, material="metal", relief=relief)


def glass(dice: Dice, color: Color | None = None) -> Surface:
    """Make panes: smooth, with steep bright streaks in pairs."""
    color = color or mix(dice, dice.pick(("blue", "grey", "black", "white", "blue")))
    period, shift = dice.between(0.13, 0.18), dice.between(0.0, 1.0)
    shine = 0.9 if color.name == "black" else 0.24

    def relief(x: Numbers, y: Numbers) -> Numbers:
        at = phase((x + 0.6 * y) / period + shift)
        streak = (at < 0.16) | ((at > 0.26) & (at < 0.34))
        return 0.94 + only(streak, shine) - 0.1 * y

    return Surface(color, material="glass", relief=relief)


def brick(dice: Dice, color: Color | None = None) -> Surface:
    """Make courses of bricks with light or dark mortar."""
    color = color or any_color(dice, ("red", "red", "brown", "orange", "grey", "white", "yellow"))
    mortar = mix(dice, "grey" if color.name in ("white", "yellow") else "white")
    length, height = dice.between(0.085, 0.1), dice.between(0.042, 0.052)
    tones = dice.table(TABLE, TABLE)

    def position(x: Numbers, y: Numbers) -> tuple[Numbers, Numbers]:
        row = y / height
        return row, x / length + phase(0.5 * np.floor(row))

    def pattern(x: Numbers, y: Numbers) -> Truths:
        row, column = position(x, y)
        return (phase(row) < 0.22) | (phase(column) < 0.11)

    def relief(x: Numbers, y: Numbers) -> Numbers:
        row, column = position(x, y)
        return 0.86 + 0.22 * looked_up(tones, row, column)

    return Surface(color, accent=mortar, material="brick", pattern=pattern, relief=relief)


def stone(dice: Dice, color: Color | None = None) -> Surface:
    """Make cobbles: irregular rounded stones with dark joints."""
    color = color or any_color(dice, ("grey", "grey", "brown", "white", "yellow", "pink"))
    size, tables = dice.between(0.06, 0.08), dice.table(3, TABLE, TABLE)

    def relief(x: Numbers, y: Numbers) -> Numbers:
        tone, border = cells(x / size, y / (0.8 * size), tables)
        return (0.84 + 0.24 * tone) * (0.67 + only(border > 0.16, 0.36) + only(border > 0.3, 0.05))

    return Surface(color, material="stone", relief=relief)


def foliage(dice: Dice, color: Color) -> Surface:
    """Make leaves: small irregular specks of light and shade."""
    size, tables = dice.between(0.034, 0.042), dice.table(3, TABLE, TABLE)

    def relief(x: Numbers, y: Numbers) -> Numbers:
        tone, border = cells(x / size, y / size, tables)
        return 0.7 + 0.44 * tone + 0.12 * border

    return Surface(color, material="foliage", relief=relief)


def streaked(dice: Dice, color: Color, strength: float = 0.2, slant: float = 6.0) -> Surface:
    """Make ground without a material of its own: short level streaks, as of grass and sand."""
    tones = dice.table(TABLE, TABLE)

    def relief(x: Numbers, y: Numbers) -> Numbers:
        row = y * 46.0
        return 1.0 - strength / 2 + strength * looked_up(tones, row, x * slant + 3.7 * np.floor(row))

    return Surface(color, relief=relief)


def rippled(dice: Dice, color: Color) -> Surface:
    """Make water: level rows of small waves."""
    shift, table = dice.between(0.0, 1.0), dice.table(TABLE, TABLE)

    def relief(x: Numbers, y: Numbers) -> Numbers:
        return 0.88 + 0.24 * wave(y * 17.0 + 0.3 * wave(x * 7.0 + shift)) * patches(x * 9.0, y * 20.0, table)

    return Surface(color, relief=relief)


def slanted(dice: Dice, color: Color) -> Surface:
    """Make rock faces: broad slanted light and shade."""
    (right, down), period = dice.pick(SLANTS[1:]), dice.between(0.12, 0.2)

    def relief(x: Numbers, y: Numbers) -> Numbers:
        return 0.86 + 0.22 * phase((x * right + y * down) / period + 0.5 * wave(y * 9.0))

    return Surface(color, relief=relief)
