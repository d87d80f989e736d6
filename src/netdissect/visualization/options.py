"""How somebody wants to look at units: checked, in plain types."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from netdissect.numbers import whole_number
from netdissect.results import METHODS, LayerResult
from netdissect.types import NetdissectError, nearest
from netdissect.visualization.inception import Excitation

#: The variants of back-propagation.
VARIANTS = ("gradient", "guided", "smoothed", "integrated", "ascent")

#: Words for units: those whose label passes the cut, and all.
LABELLED, ALL = "labelled", "all"


@dataclass(frozen=True)
class VisualizationOptions:
    """Which ``units`` are looked at by which ``methods``, and how.

    ``methods`` are of ``top``, ``deconvnet``, ``backprop`` and ``inceptionism``; ``variants`` are those of
    back-propagation: ``gradient``, ``guided``, ``smoothed``, ``integrated``, and the model image by ``ascent``.
    ``units`` are ``labelled``, those whose label passes the cut, ``all``, or numbers. Each is shown with as many
    ``images`` of the dataset. Raises ``NetdissectError`` for a method or variant that is none, and for no units.
    """

    methods: str | Sequence[str] = METHODS
    units: str | Sequence[int] = LABELLED
    images: int = 3
    variants: str | Sequence[str] = ("gradient", "guided")
    excitation: Excitation = field(default_factory=Excitation)

    def __post_init__(self) -> None:
        object.__setattr__(self, "methods", _known(self.methods, METHODS, "method"))
        object.__setattr__(self, "variants", _known(self.variants, VARIANTS, "variant of back-propagation"))
        object.__setattr__(self, "images", whole_number(self.images, "number of images to show a unit with"))
        if isinstance(self.units, str):
            if self.units not in (LABELLED, ALL):
                raise NetdissectError(f"units are {LABELLED}, {ALL}, or numbers, not {self.units!r}")
        else:
            numbers = tuple(whole_number(unit, "number of a unit", least=0) for unit in self.units)
            if not numbers:
                raise NetdissectError("no unit is named")
            object.__setattr__(self, "units", numbers)

    def plain(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def units_of(self, layer: LayerResult) -> list[int]:
        """The units that are meant, each once; those with a label best first."""
        if self.units == ALL:
            return list(range(layer.unit_count))
        if isinstance(self.units, str):
            return layer.labels["unit"][layer.labels["is_detector"]].tolist()
        return list(dict.fromkeys(self.units))


def _known(names: str | Sequence[str], known: Sequence[str], what: str) -> tuple[str, ...]:
    """The names, one or several, in the order of those that are known."""
    asked = [names] if isinstance(names, str) else list(names)
    if not asked:
        raise NetdissectError(f"no {what} is named: there are {', '.join(known)}")
    for name in asked:
        if name not in known:
            raise NetdissectError(f"no {what} {name!r}: there are {', '.join(known)}{nearest(name, known)}")
    return tuple(name for name in known if name in asked)
