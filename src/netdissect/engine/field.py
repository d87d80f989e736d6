"""Receptive fields of a layer's positions."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


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

    def to_plain(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {name: list(values) for name, values in asdict(self).items()}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Field":
        return cls(**{name: tuple(values) for name, values in plain.items()})

    def summary(self) -> dict[str, Any]:
        """``size``, ``step`` and ``first`` as plain data: one number where height and width agree."""
        pairs = {"size": self.size, "step": self.step, "first": self.first}
        return {name: _tidy(pair[0]) if pair[0] == pair[1] else [*map(_tidy, pair)] for name, pair in pairs.items()}


def _tidy(number: float) -> float | int:
    """Whole where it is, to a millionth."""
    rounded = round(number, 6)
    return int(rounded) if rounded == int(rounded) else rounded
