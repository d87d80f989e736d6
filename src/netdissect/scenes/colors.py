"""The eleven basic color names, and colors of each."""

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

#: The least distance (Euclidean, of 0 to 255) of two colors that make a visible pattern.
CONTRAST = 125.0


@dataclass(frozen=True)
class Color:
    """A named color, with its red, green and blue (0 to 255) on one surface."""

    name: str
    rgb: tuple[float, float, float]


def mix(dice: Dice, name: str, rgb: tuple[float, float, float] | None = None) -> Color:
    """Draw a color of this name near its typical one, or near ``rgb``.

    >>> mix(Dice(0, 0), "red").name
    'red'
    """
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
    """Draw a color of one of the names.

    >>> any_color(Dice(0, 0), ("red", "blue")).name in ("red", "blue")
    True
    """
    return mix(dice, dice.pick(names))


def contrasting(dice: Dice, color: Color, names: tuple[str, ...] = ALL) -> Color:
    """Draw a color of one of the names that contrasts with ``color``.

    >>> contrasting(Dice(0, 0), mix(Dice(0, 0), "red"), ("orange", "white")).name
    'white'
    """
    return any_color(dice, tuple(name for name in names if math.dist(TYPICAL[name], TYPICAL[color.name]) > CONTRAST))
