"""Receptive fields: which part of an image each position of a layer's maps looks at."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from netdissect.networks.tracing.operation import Positions
from netdissect.networks.tracing.positions import summed

#: Centres are told apart, and steps compared, to this fraction of a pixel.
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Field:
    """The receptive fields of a layer's positions, in image pixels whose centres count from 0.

    ``rows`` and ``columns`` are the centres of the rows and columns of its maps, ascending; ``size`` is the largest
    field's height and width, ``step`` the distance of neighbours, the mean one where it is not always the same. Fields
    may reach beyond the image.
    """

    rows: tuple[float, ...]
    columns: tuple[float, ...]
    size: tuple[float, float]
    step: tuple[float, float]

    @property
    def first(self) -> tuple[float, float]:
        """The centre of the first position."""
        return self.rows[0], self.columns[0]

    def plain(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {name: list(values) for name, values in asdict(self).items()}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Field":
        return cls(**{name: tuple(values) for name, values in plain.items()})

    def summary(self) -> dict[str, Any]:
        """``size``, ``step`` and ``first`` as plain data: one number where height and width agree."""
        pairs = {"size": self.size, "step": self.step, "first": self.first}
        return {name: _tidy(pair[0]) if pair[0] == pair[1] else [*map(_tidy, pair)] for name, pair in pairs.items()}


class NoFieldError(Exception):
    """A layer has no receptive field of its own at each position; the text says why."""


def field_of_maps(positions: Positions) -> Field:
    """The field of a layer whose elements look at ``positions``, as ``(1, u, h, w)``. Raises ``NoFieldError``.

    Of its units the one with the largest field counts.
    """
    axes = []
    for axis, field in enumerate(positions):
        of_units = summed(field, [1])
        centre, size = of_units.centre[0, 0], of_units.size[0, 0]
        if bool(size.isinf().any()):
            raise NoFieldError("it sees all of the image or of a window, by pooling or attention")
        if bool(centre.isnan().any()):
            raise NoFieldError("some of its positions see nothing of the image")
        line = centre[:, 0] if axis == 0 else centre[0]
        if bool(((centre - (line[:, None] if axis == 0 else line)).abs() > _TOLERANCE).any()):
            raise NoFieldError("its positions do not lie in rows and columns")
        apart = line.diff()
        if bool((apart <= _TOLERANCE).any()):
            raise NoFieldError("its positions do not follow one another as those of the image do")
        step = field.step if len(apart) == 0 else float(apart.mean())
        axes.append((tuple(line.tolist()), float(size.max()), step))
    (rows, height, down), (columns, width, across) = axes
    return Field(rows, columns, (height, width), (down, across))


def _tidy(number: float) -> float | int:
    """Whole where it is, to a millionth."""
    rounded = round(number, 6)
    return int(rounded) if rounded == int(rounded) else rounded
