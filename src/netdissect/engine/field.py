"""Receptive fields of a layer's positions."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Field:
    """The receptive fields of a layer's positions, in image pixels whose centres count from 0.

    ``rows`` and ``columns`` are the centres of the rows and columns of the layer's maps, ascending. ``size`` is the
    height and width of the largest field, ``step`` the distance between neighbours, or its mean. Fields may reach
    beyond the image.

    >>> field = Field(rows=(3.0, 7.0), columns=(3.0, 7.0, 11.0), size=(9.0, 9.0), step=(4.0, 4.0))
    >>> field.first
    (3.0, 3.0)
    >>> field.summary()
    {'size': 9, 'step': 4, 'first': 3}
    >>> Field.from_plain(field.to_plain()) == field
    True
    """

    rows: tuple[float, ...]
    columns: tuple[float, ...]
    size: tuple[float, float]
    step: tuple[float, float]

    @property
    def first(self) -> tuple[float, float]:
        """The centre of the first position."""
        return self.rows[0], self.columns[0]

    def to_plain(self) -> dict[str, Any]:
        """Return all fields as plain data."""
        return {name: list(values) for name, values in asdict(self).items()}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Field":
        """Return the field of plain data."""
        return cls(**{name: tuple(values) for name, values in plain.items()})

    def summary(self) -> dict[str, Any]:
        """Return ``size``, ``step`` and ``first`` as plain data: one number where height and width agree."""
        pairs = {"size": self.size, "step": self.step, "first": self.first}
        return {name: _tidy(pair[0]) if pair[0] == pair[1] else [*map(_tidy, pair)] for name, pair in pairs.items()}


def _tidy(number: float) -> float | int:
    """Round to a millionth, and to a whole number if that is one."""
    rounded = round(number, 6)
    return int(rounded) if rounded == int(rounded) else rounded
