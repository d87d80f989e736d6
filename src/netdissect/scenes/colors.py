"""The eleven basic color names and how each may look."""

import math
from dataclasses import dataclass
from types import MappingProxyType

from netdissect.scenes.dice import Dice

#: The typical red, green and blue of each color, 0 to 255.
TYPICAL = MappingProxyType(
    {
        "black": (34.0, 34.0, 38.0),
        "blue": (62.0, 118.0, 214.0),
        "brown": (128.0, 84.0, 48.0),
        "green": (84.0, 158.0, 72.0),
        "grey": (136.0, 138.0, 142.0),
        "orange": (240.0, 142.0, 42.0),
        "pink": (244.0, 158.0, 190.0),
        "purple": (132.0, 72.0, 168.0),
        "red": (208.0, 50.0, 46.0),
        "white": (240.0, 240.0, 236.0),
        "yellow": (246.0, 214.0, 72.0),
    }
)

ALL = tuple(TYPICAL)

#: Two colors nearer than this (Euclidean, of 0 to 255) do not make a pattern that the eye tells apart.
CONTRAST = 125.0


@dataclass(frozen=True)
class Color:
    """A named color with the red, green and blue (0 to 255) that it has on one surface."""

    name: str
    rgb: tuple[float, float, float]


def mix(dice: Dice, name: str, rgb: tuple[float, float, float] | None = None) -> Color:
    """The named color, or the given hue of it, a little lighter or darker than typical and a little off in hue."""
    lightness = dice.between(0.9, 1.08)
    red, green, blue = TYPICAL[name] if rgb is None else rgb
    spread = 2.0 if name in ("black", "grey", "white") else 8.0
    return Color(
        name,
        (
            red * lightness + dice.between(-spread, spread),
            green * lightness + dice.between(-spread, spread),
            blue * lightness + dice.between(-spread, spread),
        ),
    )


def any_color(dice: Dice, names: tuple[str, ...] = ALL) -> Color:
    """One of the named colors."""
    return mix(dice, dice.pick(names))


def contrasting(dice: Dice, color: Color, names: tuple[str, ...] = ALL) -> Color:
    """One of the named colors that the eye tells apart from the given one."""
    return any_color(dice, tuple(name for name in names if math.dist(TYPICAL[name], TYPICAL[color.name]) > CONTRAST))
