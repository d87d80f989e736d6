"""The result of one layer: its parts, and the tables that follow from them.

All that names or counts units is derived from the counts, so that any cut can be redone without the network.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int64

from netdissect.results.criteria import Criterion, criterion_called
from netdissect.results.parts import Activations, Counts, LayerTopImages, Pictures, Sample
from netdissect.results.statistics import UnitRows, all_statistics
from netdissect.results.visualization import Visualization
from netdissect.types import Concept

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False, eq=False)
class LayerResult:
    """The result of one layer of ``u`` units: its counts, and further parts as far as they are known.

    ``criterion`` is the name of the score (see ``results.criteria``), and ``iou_threshold`` the cut: a unit whose score
    with its concept is greater is a detector. A published table has counts alone.

    >>> counts = Counts((Concept(1, "sky", "object"),), np.array([[2], [0]]), np.array([[4], [4]]), np.array([8]))
    >>> layer = LayerResult("conv", counts, quantile=0.005, iou_threshold=0.04)
    >>> layer.labels[["unit", "concept", "iou", "is_detector"]].to_dict("records")
    [{'unit': 0, 'concept': 'sky', 'iou': 0.2, 'is_detector': True}]
    >>> layer.detectors_per_concept(), layer.counted_at(0.5).detectors_per_concept()
    ({'object': {'sky': 1}}, {})
    >>> layer.summary()["by_category"]
    {'unique': 1, 'categories': {'object': {'detectors': 1, 'unique': 1}}}
    >>> [concept.name for concept in layer.counted_at(0.5).unreachable()]
    ['sky']
    """

    layer: str
    counts: Counts
    quantile: float
    iou_threshold: float
    criterion: str = "iou"
    activations: Activations | None = None
    top: LayerTopImages | None = None
    sample: Sample | None = None
    pictures: Pictures | None = None

    def __post_init__(self) -> None:
        criterion_called(self.criterion)  # raises for an unknown one

    def __repr__(self) -> str:
        return f"<LayerResult {self.layer}: {self.unit_count} units, {len(self.concepts)} concepts>"

    @property
    def unit_count(self) -> int:
        return self.counts.unit_count

    @property
    def concepts(self) -> tuple[Concept, ...]:
        return self.counts.concepts

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories counted, in the order of the columns of ``counts.unit_area``."""
        return self.counts.categories

    @property
    def score_column(self) -> str:
        """The column of scores in the tables of units: ``iou``."""
        return self._criterion.name

    @property
    def ceiling_column(self) -> str:
        """The column of the scores' ceilings: ``iou_ceiling``."""
        return self._criterion.ceiling_name

    @property
    def score_title(self) -> str:
        """The score in words: ``IoU``."""
        return self._criterion.title

    @cached_property
    def scores(self) -> Float[np.ndarray, "u c"]:
        """The score of every unit and concept."""
        return self._criterion.score(self.counts)

    @cached_property
    def ceilings(self) -> Float[np.ndarray, "u c"]:
        """The score that no mask of the unit's area could exceed with the concept."""
        return self._criterion.ceiling(self.counts)

    @cached_property
    def best(self) -> Int64[np.ndarray, "u k"]:
        """Per unit and category the column of highest score, the first of equals (columns ascend by concept number)."""
        best = np.zeros((self.unit_count, len(self.categories)), dtype=np.int64)
        for category in range(len(self.categories)):
            columns = np.flatnonzero(self.counts.category_of == category)
            best[:, category] = columns[self.scores[:, columns].argmax(axis=1)]
        return best

    @cached_property
    def units(self) -> pd.DataFrame:
        """The table of units: a row per unit and category, with the concept of highest score, and its statistics.

        Ties go to the lower concept number; without any overlap ``concept`` is missing. ``is_label`` marks the best row
        of a unit over the categories, ``is_detector`` the rows whose score passes the cut.
        """
        best = self.best
        unit = np.repeat(np.arange(self.unit_count), len(self.categories))
        category = np.tile(np.arange(len(self.categories)), self.unit_count)
        column = best.ravel()
        score = self.scores[unit, column]
        rows = UnitRows(unit, category, column, score > 0)
        names = np.array([concept.name for concept in self.concepts], dtype=object)
        table = {
            "unit": unit,
            "category": np.array(self.categories, dtype=object)[category],
            "concept": np.where(rows.named, names[column], None),
            self.score_column: score,
            **{statistic.column(self): statistic.per_row(self, rows) for statistic in all_statistics()},
            "is_label": self._is_label(best).ravel(),
            "is_detector": self._criterion.passes(score, self.iou_threshold),
        }
        return pd.DataFrame(table).astype({"concept": "string", "category": "string"})

    @cached_property
    def labels(self) -> pd.DataFrame:
        """The units that have a label, a row each, best first."""
        labels = self.units[self.units["is_label"]]
        return labels.sort_values([self.score_column, "unit"], ascending=[False, True]).reset_index(drop=True)

    @cached_property
    def labels_by_unit(self) -> pd.DataFrame:
        """A row per unit, by number: ``unit``, its label's ``category``, ``concept``, score, and ``is_detector``.

        A unit without a label has no concept, and a score of 0.
        """
        score = self.score_column
        labels = self.labels.set_index("unit")[["category", "concept", score, "is_detector"]]
        labels = labels.reindex(range(self.unit_count))
        labels[score] = labels[score].fillna(0.0)
        labels["is_detector"] = labels["is_detector"].eq(True)  # missing where there is no label
        return labels.rename_axis("unit").reset_index()

    @cached_property
    def silent(self) -> dict[int, str]:
        """The reason for each unit whose mask is empty: it can have no label. Empty where activations are unknown."""
        return {} if self.activations is None else self.activations.silent(self.quantile)

    @property
    def visualized(self) -> dict[int, tuple[Visualization, ...]]:
        """The pictures of each unit that has any."""
        return {} if self.pictures is None else self.pictures.by_unit

    def unreachable(self) -> list[Concept]:
        """Return the concepts with which no unit could pass the cut, whatever it responds to: the largest first.

        The list is empty where all masks are: then the concepts are not to blame.
        """
        if len(self.silent) == self.unit_count:
            return []
        area = self.counts.concept_area
        within = self._criterion.passes(self.ceilings.max(axis=0, initial=0.0), self.iou_threshold)
        return [
            self.concepts[column] for column in np.argsort(-area, kind="stable") if area[column] and not within[column]
        ]

    def counted_at(self, iou_threshold: float) -> "LayerResult":
        """Return the layer with its detectors counted at another cut."""
        return self if self.iou_threshold == iou_threshold else replace(self, iou_threshold=iou_threshold)

    def notes(self) -> list[str]:
        """Return the lines that a reader should know: concepts out of reach, units without a mask."""
        notes = []
        unreachable = self.unreachable()
        if unreachable:
            names = ", ".join(concept.name for concept in unreachable[:8])
            more = f" and {len(unreachable) - 8} more" if len(unreachable) > 8 else ""
            notes.append(
                f"{self.layer}: no unit can pass {self._criterion.a_title} of {self.iou_threshold:g} with "
                f"{len(unreachable)} of {len(self.concepts)} concepts ({names}{more}), however good it is: "
                f"with the quantile {self.quantile:g} masks are too small or too large for them{self._quantile_hint()}"
            )
        if self.silent:
            unit, reason = next(iter(self.silent.items()))
            notes.append(
                f"{self.layer}: {len(self.silent)} of {self.unit_count} units have an empty mask and no label; "
                f"unit {unit}: {reason}"
            )
        return notes

    def summary(self) -> dict[str, Any]:
        """Return detectors and unique detectors, counted by label and by category, as plain data."""
        detectors = self.units[self.units["is_detector"]]
        by_label = _counts(detectors[detectors["is_label"]], self.categories)
        by_category = _counts(detectors, self.categories)
        labelled = detectors[detectors["is_label"]]
        return {
            "layer": self.layer,
            "units": self.unit_count,
            "iou_threshold": self.iou_threshold,
            "by_label": {
                "detectors": len(labelled),
                "unique": sum(counts["unique"] for counts in by_label.values()),
                "categories": by_label,
            },
            "by_category": {
                "unique": sum(counts["unique"] for counts in by_category.values()),
                "categories": by_category,
            },
        }

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the detectors of each concept, by label, grouped and colored by category, with matplotlib.

        Into ``ax``, or a new figure; return the axes.
        """
        from netdissect.results.plot import plot_detectors  # here, since matplotlib takes a second

        return plot_detectors(self, ax)

    def detectors_per_concept(self) -> dict[str, dict[str, int]]:
        """Return the number of detectors by label per category and concept, the most frequent first."""
        detectors = self.labels[self.labels["is_detector"]]
        groups: dict[str, dict[str, int]] = {}
        for category in self.categories:
            counts = detectors[detectors["category"] == category].groupby("concept").size()
            pairs = sorted(((str(name), int(count)) for name, count in counts.items()), key=lambda p: (-p[1], p[0]))
            if pairs:
                groups[category] = dict(pairs)
        return groups

    def _quantile_hint(self) -> str:
        """Return words on the quantile that would bring the largest concept out of reach within reach, if one would."""
        column = self.concepts.index(self.unreachable()[0])
        ceiling = self.ceilings[:, column].max()
        too_large = self.counts.concept_area[column] > self.counts.mask_area[:, column].max()
        if not too_large or ceiling == 0:
            return ""
        wanted = 4 * self.quantile * self.iou_threshold / ceiling
        return f"; a larger one (--quantile {min(wanted, 0.5):.1g}) brings {self.concepts[column].name} within reach"

    @cached_property
    def _criterion(self) -> Criterion:
        return criterion_called(self.criterion)

    def _is_label(self, best: Int64[np.ndarray, "u k"]) -> Bool[np.ndarray, "u k"]:
        """Return the category of each unit's label: highest score, then lower concept number; none without overlap."""
        scores = np.take_along_axis(self.scores, best, axis=1)
        highest = scores.max(axis=1, keepdims=True)
        column = np.where((scores == highest) & (scores > 0), best, len(self.concepts))
        return (column == column.min(axis=1, keepdims=True)) & (column < len(self.concepts))


def _counts(detectors: pd.DataFrame, categories: tuple[str, ...]) -> dict[str, dict[str, int]]:
    counts = {}
    for category in categories:
        rows = detectors[detectors["category"] == category]
        counts[category] = {"detectors": len(rows), "unique": int(rows["concept"].nunique())}
    return counts
