"""What a dissection found of one layer: raw counts, and the tables that follow from them.

Everything that names or counts units is derived from the counts of the tally, so that any cut can be redone without
the network.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Float32, Int64

from netdissect.engine.iou import intersection_over_union, iou_ceiling
from netdissect.results.visualization import Visualization
from netdissect.types import Concept, sorted_categories

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: The columns of a layer's table of units, a row per unit and category.
UNIT_COLUMNS = (
    "unit",
    "category",
    "concept",
    "iou",
    "iou_ceiling",
    "intersection",
    "unit_area",
    "concept_area",
    "threshold",
    "is_label",
    "is_detector",
)


@dataclass(frozen=True, repr=False, eq=False)
class LayerResult:
    """What a dissection found of one layer's ``u`` units, with ``t`` top images each.

    Counts are label pixels summed over the dataset (see ``engine.tally``). ``top_image`` holds indices into the
    dataset, best first; ``top_maps`` the layer's maps there. ``histogram`` counts activations in equal bins: the
    first begins at ``bin_start``, and the last ones may be empty. ``low`` and ``high`` are the extremes. ``peaks`` are
    the units' maximal responses to the images called ``sample``; None where they are not known, as of published tables.
    ``visualizations`` are pictures of some units, as far as they were asked for.
    """

    layer: str
    concepts: tuple[Concept, ...]
    quantile: float
    iou_threshold: float
    thresholds: Float32[np.ndarray, " u"]
    intersection: Int64[np.ndarray, "u c"]
    unit_area: Int64[np.ndarray, "u k"]
    concept_area: Int64[np.ndarray, " c"]
    concept_images: Int64[np.ndarray, " c"]
    top_image: Int64[np.ndarray, "u t"]
    top_activation: Float32[np.ndarray, "u t"]
    top_maps: Float32[np.ndarray, "u t h w"]
    histogram: Int64[np.ndarray, "u b"]
    bin_start: Float32[np.ndarray, " u"]
    bin_width: Float32[np.ndarray, " u"]
    low: Float32[np.ndarray, " u"]
    high: Float32[np.ndarray, " u"]
    sample: tuple[str, ...] = ()
    peaks: Float32[np.ndarray, "s u"] | None = None
    visualizations: tuple[Visualization, ...] = ()

    def __repr__(self) -> str:
        return f"<LayerResult {self.layer}: {self.unit_count} units, {len(self.concepts)} concepts>"

    @property
    def unit_count(self) -> int:
        return len(self.thresholds)

    @property
    def positions(self) -> int:
        """How many activations of each unit the thresholds are taken from: ``N``, images x h x w."""
        return int(self.histogram[0].sum())

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """The categories counted, in the order of the columns of ``unit_area``."""
        return sorted_categories({concept.category for concept in self.concepts})

    @cached_property
    def iou(self) -> Float[np.ndarray, "u c"]:
        """IoU of every unit and concept."""
        return intersection_over_union(self.intersection, self.unit_area, self.concept_area, self._category_of)

    @cached_property
    def ceiling(self) -> Float[np.ndarray, "u c"]:
        """The IoU that no mask of the unit's area could exceed with the concept: ``min(A, L) / max(A, L)``."""
        return iou_ceiling(self.unit_area, self.concept_area, self._category_of)

    @cached_property
    def best(self) -> Int64[np.ndarray, "u k"]:
        """Per unit and category the column of highest IoU, the first of equals (columns ascend by concept number)."""
        best = np.zeros((self.unit_count, len(self.categories)), dtype=np.int64)
        for place in range(len(self.categories)):
            columns = np.flatnonzero(self._category_of == place)
            best[:, place] = columns[self.iou[:, columns].argmax(axis=1)]
        return best

    @cached_property
    def units(self) -> pd.DataFrame:
        """The table of units: per unit and category the concept of highest IoU (``UNIT_COLUMNS``).

        Ties go to the lower concept number; without any overlap ``concept`` is missing. ``is_label`` marks the best row
        of a unit over the categories, ``is_detector`` the rows whose IoU is greater than the cut.
        """
        best = self.best
        unit = np.repeat(np.arange(self.unit_count), len(self.categories))
        category = np.tile(np.arange(len(self.categories)), self.unit_count)
        column = best.ravel()
        iou = self.iou[unit, column]
        named = iou > 0
        names = np.array([concept.name for concept in self.concepts], dtype=object)
        table = {
            "unit": unit,
            "category": np.array(self.categories, dtype=object)[category],
            "concept": np.where(named, names[column], None),
            "iou": iou,
            "iou_ceiling": np.where(named, self.ceiling[unit, column], 0.0),
            "intersection": np.where(named, self.intersection[unit, column], 0),
            "unit_area": self.unit_area[unit, category],
            "concept_area": np.where(named, self.concept_area[column], 0),
            "threshold": self.thresholds[unit],
            "is_label": self._is_label(best).ravel(),
            "is_detector": iou > self.iou_threshold,
        }
        return pd.DataFrame({name: table[name] for name in UNIT_COLUMNS}).astype(
            {"concept": "string", "category": "string"}
        )

    @cached_property
    def labels(self) -> pd.DataFrame:
        """The units that have a label, one row each, best first."""
        labels = self.units[self.units["is_label"]]
        return labels.sort_values(["iou", "unit"], ascending=[False, True]).reset_index(drop=True)

    @cached_property
    def labels_by_unit(self) -> pd.DataFrame:
        """A row per unit, by number: ``unit``, its label's ``category``, ``concept`` and ``iou``, ``is_detector``.

        A unit without a label has no concept, and an IoU of 0.
        """
        labels = self.labels.set_index("unit")[["category", "concept", "iou", "is_detector"]]
        labels = labels.reindex(range(self.unit_count))
        labels["iou"] = labels["iou"].fillna(0.0)
        labels["is_detector"] = labels["is_detector"].eq(True)  # missing where there is no label
        return labels.rename_axis("unit").reset_index()

    @cached_property
    def silent(self) -> dict[int, str]:
        """The units whose mask is empty, with the reason: no label can be given them."""
        reasons = {}
        for unit in np.flatnonzero(self.thresholds >= self.high):
            level = f"{float(self.high[unit]):.4g}"
            if self.quantile * self.positions < 1:
                reasons[int(unit)] = f"{self.positions} positions are too few for a quantile of {self.quantile:g}"
            elif self.low[unit] == self.high[unit]:
                reasons[int(unit)] = f"always {level}, it never responds"
            else:
                reasons[int(unit)] = f"saturated, at its highest value {level} more often than the quantile"
        return reasons

    @cached_property
    def top_positions(self) -> Int64[np.ndarray, "u top 2"]:
        """Row and column of the highest value of each of ``top_maps``, the first of several."""
        units, ranks, height, width = self.top_maps.shape
        highest = self.top_maps.reshape(units, ranks, height * width).argmax(axis=2)
        return np.stack(np.divmod(highest, width), axis=2)

    @cached_property
    def visualized(self) -> dict[int, tuple[Visualization, ...]]:
        """The pictures of each unit that has any."""
        units: dict[int, tuple[Visualization, ...]] = {}
        for one in self.visualizations:
            units[one.unit] = (*units.get(one.unit, ()), one)
        return units

    def unreachable(self) -> list[Concept]:
        """The concepts with which no unit could pass the cut, whatever it responds to: the largest first.

        None where all masks are empty: then the concepts are not to blame.
        """
        if len(self.silent) == self.unit_count:
            return []
        best = self.ceiling.max(axis=0, initial=0.0)
        columns = [column for column in np.argsort(-self.concept_area, kind="stable") if self.concept_area[column] > 0]
        return [self.concepts[column] for column in columns if best[column] <= self.iou_threshold]

    def counted_at(self, iou_threshold: float) -> "LayerResult":
        """The layer with its detectors counted at this cut."""
        return self if self.iou_threshold == iou_threshold else replace(self, iou_threshold=iou_threshold)

    def notes(self) -> list[str]:
        """What a reader of the layer's result should know, a line each: concepts out of reach, units without a mask."""
        notes = []
        unreachable = self.unreachable()
        if unreachable:
            names = ", ".join(concept.name for concept in unreachable[:8])
            more = f" and {len(unreachable) - 8} more" if len(unreachable) > 8 else ""
            notes.append(
                f"{self.layer}: no unit can pass an IoU of {self.iou_threshold:g} with {len(unreachable)} of "
                f"{len(self.concepts)} concepts ({names}{more}), however good it is: with the quantile "
                f"{self.quantile:g} masks are too small or too large for them{self._quantile_hint()}"
            )
        if self.silent:
            unit, reason = next(iter(self.silent.items()))
            notes.append(
                f"{self.layer}: {len(self.silent)} of {self.unit_count} units have an empty mask and no label; "
                f"unit {unit}: {reason}"
            )
        return notes

    def summary(self) -> dict[str, Any]:
        """Detectors and unique detectors, counted by label and by category, as plain data."""
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
        """Draws the detectors of each concept, by label, grouped and colored by category, with matplotlib.

        Into ``ax``, or a new figure. Returns the axes.
        """
        from netdissect.results.plot import plot_detectors  # here, since matplotlib takes a second

        return plot_detectors(self, ax)

    def detectors_per_concept(self) -> dict[str, dict[str, int]]:
        """Per category that has any its detectors by label, as a count per concept, the most frequent first."""
        detectors = self.labels[self.labels["is_detector"]]
        groups: dict[str, dict[str, int]] = {}
        for category in self.categories:
            counts = detectors[detectors["category"] == category].groupby("concept").size()
            pairs = sorted(((str(name), int(count)) for name, count in counts.items()), key=lambda p: (-p[1], p[0]))
            if pairs:
                groups[category] = dict(pairs)
        return groups

    def _quantile_hint(self) -> str:
        """The quantile with which a mask could lie well within the largest concept that is out of reach."""
        column = self.concepts.index(self.unreachable()[0])
        ceiling = self.ceiling[:, column].max()
        too_large = self.concept_area[column] > self.unit_area[:, self._category_of[column]].max()
        if not too_large or ceiling == 0:
            return ""
        wanted = 4 * self.quantile * self.iou_threshold / ceiling
        return f"; a larger one (--quantile {min(wanted, 0.5):.1g}) brings {self.concepts[column].name} within reach"

    @cached_property
    def _category_of(self) -> Int64[np.ndarray, " c"]:
        return np.array([self.categories.index(concept.category) for concept in self.concepts], dtype=np.int64)

    def _is_label(self, best: Int64[np.ndarray, "u k"]) -> Bool[np.ndarray, "u k"]:
        """Which category has the unit's label: highest IoU, then lower concept number; none without overlap."""
        iou = np.take_along_axis(self.iou, best, axis=1)
        highest = iou.max(axis=1, keepdims=True)
        column = np.where((iou == highest) & (iou > 0), best, len(self.concepts))
        return (column == column.min(axis=1, keepdims=True)) & (column < len(self.concepts))


def _counts(detectors: pd.DataFrame, categories: tuple[str, ...]) -> dict[str, dict[str, int]]:
    counts = {}
    for category in categories:
        rows = detectors[detectors["category"] == category]
        counts[category] = {"detectors": len(rows), "unique": int(rows["concept"].nunique())}
    return counts
