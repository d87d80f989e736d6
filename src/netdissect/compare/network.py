"""One network among others: what it counts, and under which conditions that was measured."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from netdissect.results import LayerResult, Result
from netdissect.results.criteria import criterion_called

#: A concept, as results share it: its category and its name.
Named = tuple[str, str]


@dataclass(frozen=True)
class Conditions:
    """The conditions that two results must share to be compared: labelled images, quantile, categories, criterion.

    ``dataset`` is the name of the images, for people.
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
class Network:
    """A layer of a result, or a network of the paper, of which there are counts alone: then ``result`` is None.

    ``detectors`` counts units by label; ``by_category`` has for each category, counted by category, how many detectors
    there are and of how many concepts (``unique``).
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
        return f"<Network {self.name}: {self.unique} unique detectors>"

    @property
    def unique(self) -> int:
        """Unique detectors, counted by category and summed: the paper's figure."""
        return sum(counts["unique"] for counts in self.by_category.values())

    @property
    def of_layer(self) -> LayerResult | None:
        """The layer's result; None for a network of the paper."""
        return None if self.result is None else self.result[self.layer]

    @cached_property
    def detected(self) -> Counter[Named]:
        """How many detectors each concept has, counted by category; empty for a network of the paper."""
        if self.of_layer is None:
            return Counter()
        rows = self.of_layer.units
        rows = rows[rows["is_detector"]]
        return Counter(zip(rows["category"].tolist(), rows["concept"].tolist(), strict=True))

    def strongest(self, concept: Named) -> tuple[int, float] | None:
        """Return the unit of highest score with the concept, and the score; None if no unit overlaps it."""
        layer = self.of_layer
        columns = [
            column for column, one in enumerate(layer.concepts if layer else ()) if (one.category, one.name) == concept
        ]
        if layer is None or not columns:
            return None
        best = layer.scores[:, columns].max(axis=1)
        unit = int(best.argmax())
        return (unit, float(best[unit])) if best[unit] > 0 else None

    def plain(self) -> dict[str, Any]:
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
