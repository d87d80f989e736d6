"""Statistics of the rows of a table of units: each is a class, registered once.

A row is a unit and a category, with the unit's best concept there. A statistic is a column of the table, of the file
``units.parquet``, and a line in a report's view of a unit, unless that view draws it in its own way.
"""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int64

from netdissect.registry import Registry
from netdissect.results.parts import Activations, Counts

#: All statistics by name, in the order of their columns.
STATISTICS = Registry(
    "statistic",
    [
        ("ceiling", "netdissect.results.statistics:Ceiling", "the score that no mask of this area could exceed"),
        ("intersection", "netdissect.results.statistics:Intersection", "label pixels in the mask and in the concept"),
        ("unit_area", "netdissect.results.statistics:UnitArea", "label pixels of the mask"),
        ("concept_area", "netdissect.results.statistics:ConceptArea", "label pixels of the concept"),
        ("threshold", "netdissect.results.statistics:Threshold", "the activation above which the mask lies"),
    ],
)


@dataclass(frozen=True)
class UnitRows:
    """The ``r`` rows of a table of units: per row the indices of its unit, its category and its best concept.

    ``named`` is False where the unit's mask overlaps no concept of the category: the best concept means nothing there.
    """

    unit: Int64[np.ndarray, " r"]
    category: Int64[np.ndarray, " r"]
    concept: Int64[np.ndarray, " r"]
    named: Bool[np.ndarray, " r"]


@runtime_checkable
class ScoredLayer(Protocol):
    """A layer's result, as far as statistics read it."""

    @property
    def counts(self) -> Counts: ...

    @property
    def activations(self) -> Activations | None: ...

    @property
    def quantile(self) -> float: ...

    @property
    def scores(self) -> Float[np.ndarray, "u c"]: ...

    @property
    def ceilings(self) -> Float[np.ndarray, "u c"]: ...

    @property
    def ceiling_column(self) -> str: ...


class Statistic:
    """A number per row of a table of units.

    ``name`` is its column and its name among ``STATISTICS``, ``title`` the word for people, ``help`` a line that
    explains it. The view of a unit lists it if it is ``listed``. Subclasses define ``per_row``.

    >>> class Precision(Statistic):
    ...     name, title, help = "precision", "precision", "The share of the mask that carries the concept."
    ...     def per_row(self, layer, rows):
    ...         area = layer.counts.unit_area[rows.unit, rows.category]
    ...         return layer.counts.intersection[rows.unit, rows.concept] / area
    >>> with STATISTICS.registered("precision", Precision):
    ...     [statistic.name for statistic in all_statistics()][-2:]
    ['threshold', 'precision']
    """

    name: str
    title: str
    help: str
    listed = True

    def column(self, layer: ScoredLayer) -> str:
        """Return the name of the column in the layer's table."""
        return self.name

    def per_row(self, layer: ScoredLayer, rows: UnitRows) -> Any:
        """Return an array with the number of each row."""
        raise NotImplementedError


class _BuiltIn(Statistic):
    """A statistic that the view of a unit draws in its own way, or has no room for."""

    listed = False


class Ceiling(_BuiltIn):
    """The criterion's ceiling, in a column named by the criterion."""

    name, title = "ceiling", "ceiling"
    help = "The score that no mask of this area could exceed."

    def column(self, layer: ScoredLayer) -> str:
        return layer.ceiling_column

    def per_row(self, layer: ScoredLayer, rows: UnitRows) -> Any:
        return np.where(rows.named, layer.ceilings[rows.unit, rows.concept], 0.0)


class Intersection(_BuiltIn):
    """The overlap of mask and concept."""

    name, title = "intersection", "overlap"
    help = "Label pixels in both the unit's mask and the concept."

    def per_row(self, layer: ScoredLayer, rows: UnitRows) -> Any:
        return np.where(rows.named, layer.counts.intersection[rows.unit, rows.concept], 0)


class UnitArea(_BuiltIn):
    """The area of the mask."""

    name, title = "unit_area", "mask"
    help = "Label pixels of the mask, over the images that carry a label of the category."

    def per_row(self, layer: ScoredLayer, rows: UnitRows) -> Any:
        return layer.counts.unit_area[rows.unit, rows.category]


class ConceptArea(_BuiltIn):
    """The area of the concept."""

    name, title = "concept_area", "concept"
    help = "Label pixels of the concept, over all images."

    def per_row(self, layer: ScoredLayer, rows: UnitRows) -> Any:
        return np.where(rows.named, layer.counts.concept_area[rows.concept], 0)


class Threshold(_BuiltIn):
    """The unit's threshold, NaN where activations are unknown."""

    name, title = "threshold", "threshold"
    help = "The activation above which the mask lies."

    def per_row(self, layer: ScoredLayer, rows: UnitRows) -> Any:
        if layer.activations is None:
            return np.full(len(rows.unit), np.nan, dtype=np.float32)
        return layer.activations.thresholds[rows.unit]


def all_statistics() -> list[Statistic]:
    """Return the registered statistics, in the order of their columns.

    >>> [statistic.name for statistic in all_statistics()]
    ['ceiling', 'intersection', 'unit_area', 'concept_area', 'threshold']
    """
    return [STATISTICS[name]() for name in STATISTICS]
