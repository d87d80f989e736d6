"""One of the networks that are compared: its counts, and the conditions under which they were measured."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from netdissect.results import LayerResult, Result
from netdissect.results.criteria import criterion_called

#: Category and name of a concept, by which results share it.
ConceptKey = tuple[str, str]


@dataclass(frozen=True)
class Conditions:
    """The images with their labels, the quantile, the categories and the criterion that compared results share.

    ``dataset`` is the name of the images.
    """

    dataset: str = field(compare=False)
    labels: str
    quantile: float
    categories: tuple[str, ...]
    criterion: str = "iou"

    def __str__(self) -> str:
        scored = "" if self.criterion == "iou" else f", {self.score_title}"  # the rule need not be said
        return f"{self.dataset}, quantile {self.quantile:g}, {', '.join(self.categories)}{scored}"

    @property
    def score_title(self) -> str:
        """The score by which detectors are found, in words."""
        return criterion_called(self.criterion).title


@dataclass(frozen=True, repr=False, eq=False)
class ComparedNetwork:
    """A layer of a result, or a network of the paper, which has counts alone: then ``result`` is None.

    ``detectors`` is the number of detectors, counted by label. ``by_category`` has per category the number of
    detectors, counted by category, and of their concepts (``unique``).
    """

    name: str
    layer: str
    units: int
    detectors: int
    by_category: Mapping[str, Mapping[str, int]]
    conditions: Conditions
    result: Result | None = None
    group: str = ""

    def __repr__(self) -> str:
        return f"<ComparedNetwork {self.name}: {self.unique} unique detectors>"

    @property
    def unique(self) -> int:
        """The number of unique detectors, counted by category and summed: the paper's figure."""
        return sum(counts["unique"] for counts in self.by_category.values())

    @property
    def layer_result(self) -> LayerResult | None:
        """The result of the layer; None for a network of the paper."""
        return None if self.result is None else self.result[self.layer]

    @cached_property
    def detected(self) -> Counter[ConceptKey]:
        """The number of detectors per concept, counted by category; empty for a network of the paper."""
        if self.layer_result is None:
            return Counter()
        rows = self.layer_result.units
        rows = rows[rows["is_detector"]]
        return Counter(zip(rows["category"].tolist(), rows["concept"].tolist(), strict=True))

    def strongest(self, concept: ConceptKey) -> tuple[int, float] | None:
        """Return the unit of highest score with the concept, and the score; None if no unit overlaps it."""
        layer = self.layer_result
        columns = [
            column
            for column, known in enumerate(layer.concepts if layer else ())
            if (known.category, known.name) == concept
        ]
        if layer is None or not columns:
            return None
        best = layer.scores[:, columns].max(axis=1)
        unit = int(best.argmax())
        return (unit, float(best[unit])) if best[unit] > 0 else None

    def plain(self) -> dict[str, Any]:
        """Return the counts as plain data."""
        return {
            "name": self.name,
            "layer": self.layer,
            "group": self.group,
            "published": self.result is None,
            "units": self.units,
            "by_label": {"detectors": self.detectors},
            "by_category": {
                "unique": self.unique,
                "categories": {name: dict(counts) for name, counts in self.by_category.items()},
            },
        }
