"""Options of looking at units and of dreaming, checked, and declared once for Python and the command."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import attrs
from attrs import frozen

from netdissect.declarations import Option, setting
from netdissect.numbers import above, chosen, whole, whole_number
from netdissect.registry import Registry
from netdissect.types import NetdissectError, nearest
from netdissect.visualization.registries import METHODS, PARAMETRIZATIONS, VARIANTS

if TYPE_CHECKING:
    from netdissect.results import LayerResult

#: Words for units: those whose label passes the cut, and all.
LABELLED, ALL = "labelled", "all"

#: Positions at which a unit is excited: the middle of its map alone, or everywhere.
POSITIONS = ("center", "mean")

#: More units than any layer has.
_MOST_UNITS = 1_000_000

#: The first octave has at least one pixel of so many along each side of the image.
_SMALLEST = 1000


def _names(registry: Registry) -> Callable[[Any], tuple[str, ...]]:
    """Return a converter of one name or several, in the order of the registry."""

    def convert(value: str | Sequence[str]) -> tuple[str, ...]:
        names, kind, known = [value] if isinstance(value, str) else list(value), registry.kind, registry.names
        if not names:
            raise NetdissectError(f"no {kind} is named: there are {', '.join(known)}")
        for name in names:
            if name not in known:
                raise NetdissectError(f"no {kind} {name!r}: there are {', '.join(known)}{nearest(name, known)}")
        return tuple(name for name in known if name in names)

    return convert


def _registered(registry: Registry) -> Callable[[Any], str]:
    """Return a converter that takes the names of a registry alone."""
    return lambda value: str(chosen(registry.kind, registry.names)(value))


def _units(value: str | Sequence[int]) -> str | tuple[int, ...]:
    if isinstance(value, str):
        return value if value in (LABELLED, ALL) else _ranges(value)
    numbers = tuple(whole_number(unit, "number of a unit", least=0) for unit in value)
    if not numbers:
        raise NetdissectError("no unit is named")
    return numbers


def _ranges(text: str) -> tuple[int, ...]:
    """Return the numbers of a text such as ``3,10-19``."""
    numbers: list[int] = []
    for part in filter(None, map(str.strip, text.split(","))):
        first, separator, last = part.partition("-")
        if not first.isdecimal() or (separator and not last.isdecimal()):
            raise NetdissectError(f"units are {LABELLED}, {ALL}, or numbers and ranges such as 3,10-19, not {text!r}")
        found = range(int(first), int(last or first) + 1)
        if not 0 < len(found) <= _MOST_UNITS:
            raise NetdissectError(f"units {text!r}: {part} is no range of 1 to {_MOST_UNITS:,} units")
        numbers += found
    if not numbers:
        raise NetdissectError("no unit is named")
    return tuple(numbers)


@frozen
class Excitation:
    """How inceptionism makes images of a unit.

    The first step changes numbers by ``learning_rate``; later steps are shorter, down to none, linearly. A unit is
    excited at the "center" of its map, or everywhere ("mean"), which shows what its channel looks for; a vector has one
    position. With ``transformations`` images are moved a little at random in each step of the first half. In the second
    half they lie still, and grow as sharp as the network sees them.

    The weights ``l2``, ``total_variation`` and ``diversity`` are relative to an activation of the layer's usual size
    (root mean square), so that they mean the same for every layer.

    >>> Excitation(steps=64, l2=10).l2
    10.0
    """

    steps: int = setting(128, "of inceptionism: steps of ascent.", converter=whole("number of steps"))
    learning_rate: float = setting(
        0.15,
        "of inceptionism: the change of numbers in the first step of Adam.",
        converter=above("learning rate", 0),
        option=Option(hidden=True),
    )
    diverse: int = setting(
        1, "of inceptionism: different images of a unit.", converter=whole("number of diverse images")
    )
    parametrization: str = setting(
        "fourier",
        "of inceptionism: the numbers that an image is made of.",
        converter=_registered(PARAMETRIZATIONS),
        option=Option(metavar="fourier|pixels", registry=PARAMETRIZATIONS),
    )
    transformations: bool = setting(
        True, "of inceptionism: move images at random.", converter=bool, option=Option(hidden=True)
    )
    l2: float = setting(
        0.0,
        "of inceptionism: weight against contrast, such as 10.",
        converter=above("weight l2", 0, or_equal=True),
    )
    total_variation: float = setting(
        0.0,
        "of inceptionism: weight against differences of neighbours, such as 10.",
        converter=above("weight total_variation", 0, or_equal=True),
    )
    diversity: float = setting(
        1.0,
        "of inceptionism: weight against images of one unit being alike.",
        converter=above("weight diversity", 0, or_equal=True),
        option=Option(hidden=True),
    )
    position: str = setting(
        "mean",
        "of inceptionism: excite a unit everywhere in its map, or at the center alone.",
        converter=chosen("position", POSITIONS),
        option=Option(metavar="mean|center"),
    )
    seed: int = setting(
        0,
        "of inceptionism: the seed of the noise that images begin with.",
        converter=whole("seed of inceptionism", least=0),
        option=Option(hidden=True),
    )


@frozen
class VisualizationOptions:
    """The units to look at, by which methods, and how.

    Raises ``NetdissectError`` for an unknown method or variant, and for an empty list of units.

    >>> VisualizationOptions("top", units=[3, 5]).methods
    ('top',)
    """

    methods: tuple[str, ...] = setting(
        METHODS.names,
        "the ways to look at a unit, by their names in ``visualization.registries.METHODS``.",
        converter=_names(METHODS),
        option=Option(
            flag="--method",
            metavar="A,B",
            help="Ways to look at a unit:",
            registry=METHODS,
        ),
    )
    units: str | Sequence[int] = setting(
        LABELLED,
        "the units to look at: labelled, those whose label passes the cut, all, or numbers; a text may be 3,10-19.",
        converter=_units,
        option=Option(
            metavar="labelled|all|LIST",
            help="Units to look at: those whose label passes the cut, all, or numbers and ranges, such as 3,10-19.",
        ),
    )
    images: int = setting(
        3,
        "images of the data to show a unit with, for each method.",
        converter=whole("number of images to show a unit with"),
    )
    variants: tuple[str, ...] = setting(
        ("gradient", "guided"),
        "the variants of back-propagation, by their names in ``visualization.registries.VARIANTS``.",
        converter=_names(VARIANTS),
        option=Option(
            flag="--variant",
            metavar="A,B",
            help="Of backprop:",
            registry=VARIANTS,
        ),
    )
    excitation: Excitation = setting(  # noqa: RUF009, a field of attrs
        Excitation(),
        "how inceptionism makes images.",
        converter=lambda excitation: excitation,
        option=Option(hidden=True),
    )

    def plain(self) -> dict[str, Any]:
        """Return the options as plain data.

        >>> VisualizationOptions(units=[1]).plain()["units"]
        [1]
        """
        plain = attrs.asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}

    def units_of(self, layer: "LayerResult") -> list[int]:
        """Return the numbers of the units to look at, each once; labelled units are sorted by score, the best first."""
        if self.units == ALL:
            return list(range(layer.unit_count))
        if isinstance(self.units, str):
            return layer.labels["unit"][layer.labels["is_detector"]].tolist()
        return list(dict.fromkeys(self.units))


@frozen
class Dreaming:
    """How an image is changed: in ``octaves``, each ``scale`` times as large as the one before.

    Raises ``NetdissectError`` for octaves of which the first would be too small.

    >>> Dreaming(octaves=2, scale=2).scale
    2.0
    """

    octaves: int = setting(
        4, "sizes at which the image is changed, the smallest first.", converter=whole("number of octaves")
    )
    scale: float = setting(
        1.4, "the ratio of an octave's size to that of the octave before.", converter=above("scale of octaves", 1)
    )
    steps: int = setting(10, "steps of ascent at each octave.", converter=whole("number of steps"))
    rate: float = setting(
        0.006, "the mean change of a pixel in a step; white is 1.", converter=above("rate of dreaming", 0)
    )
    seed: int = setting(
        0,
        "the seed of the positions of windows, and of the random weights of a model without any.",
        converter=whole("seed", least=0),
    )

    def __attrs_post_init__(self) -> None:
        if (self.octaves - 1) * math.log(self.scale) > math.log(_SMALLEST):
            raise NetdissectError(
                f"{self.octaves} octaves, each {self.scale:g} times as large as the one before: the first would be "
                f"less than a {_SMALLEST:,}th of the image"
            )
