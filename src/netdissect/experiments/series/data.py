"""The data of a series: the same layers over the steps of a training, each step an ordinary run."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from netdissect.experiments.series.steps import check_alike, compared, read_steps
from netdissect.results import Result
from netdissect.types import NetdissectError

_SeriesType = TypeVar("_SeriesType", bound="SeriesData")


class SeriesData:
    """The results of the same layers at several steps, in the order of the steps.

    ``results`` maps each step to its run. A loaded series reads a run whenever it is asked for, so that memory does not
    grow with the number of steps. Raises ``NetdissectError`` for no results, and for results of different layers,
    units, concepts or options.
    """

    def __init__(self, results: Mapping[int, Result], name: str = "series") -> None:
        if not results:
            raise NetdissectError(f"{name}: a series without steps")
        self.name = name
        self.results = results
        self.steps = tuple(sorted(results))
        first = results[self.steps[0]]
        self.layers = tuple(first.layers)
        self._scores = {layer: of_layer.score_column for layer, of_layer in first.items()}
        self._titles = {layer: of_layer.score_title for layer, of_layer in first.items()}
        self._summaries: dict[str, dict[int, dict[str, Any]]] = {layer: {} for layer in self.layers}
        labels: dict[str, list[pd.DataFrame]] = {layer: [] for layer in self.layers}
        detectors: dict[str, list[pd.DataFrame]] = {layer: [] for layer in self.layers}
        for step in self.steps:
            result = first if step == self.steps[0] else results[step]
            check_alike(self.steps[0], compared(first), step, compared(result))
            for layer, of_layer in result.layers.items():
                self._summaries[layer][step] = of_layer.summary()
                labels[layer].append(of_layer.labels_by_unit.assign(step=step))
                rows = of_layer.units
                detectors[layer].append(rows[rows["is_detector"]].assign(step=step))
        self._labels = {layer: pd.concat(parts, ignore_index=True) for layer, parts in labels.items()}
        self._detectors = {layer: pd.concat(parts, ignore_index=True) for layer, parts in detectors.items()}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {len(self.steps)} steps of {', '.join(self.layers)}>"

    @classmethod
    def load(cls: type[_SeriesType], path: str | Path) -> _SeriesType:
        """Return the series in the directory ``path``. Raises ``NetdissectError`` for anything else."""
        root = Path(path)
        return cls(_SavedRuns(read_steps(root)), root.absolute().name)

    def score_column(self, layer: str) -> str:
        """Return the column of scores in the tables of a layer."""
        return self._scores[layer]

    def score_title(self, layer: str) -> str:
        """Return the title of a layer's score."""
        return self._titles[layer]

    def categories(self, layer: str) -> list[str]:
        """Return the categories that were counted, in the order of the layer's result."""
        return list(self._summaries[layer][self.steps[0]]["by_label"]["categories"])

    def counts(self, layer: str) -> pd.DataFrame:
        """Return detectors and unique detectors per step and category, counted by label and by category."""
        rows = []
        for step, summary in self._summaries[layer].items():
            for category, by_label in summary["by_label"]["categories"].items():
                by_category = summary["by_category"]["categories"][category]
                rows.append(
                    {
                        "step": step,
                        "category": category,
                        "detectors_by_label": by_label["detectors"],
                        "unique_by_label": by_label["unique"],
                        "detectors_by_category": by_category["detectors"],
                        "unique_by_category": by_category["unique"],
                    }
                )
        return pd.DataFrame(rows)

    def count_table(self, layer: str) -> tuple[list[str], list[list[Any]]]:
        """Return columns and rows of ``counts`` for readers: unique detectors per category, and sums."""
        rows: list[list[Any]] = []
        for step, counts in self.counts(layer).groupby("step"):
            unique = counts["unique_by_category"].tolist()
            rows.append([step, *unique, sum(unique), *counts[["detectors_by_label", "unique_by_label"]].sum().tolist()])
        return ["step", *self.categories(layer), "all", "detectors by label", "unique by label"], rows

    def first_detectors(self, layer: str) -> pd.DataFrame:
        """Return each concept that ever has a detector, by category, with the first ``step`` at which it has one.

        ``unit`` is its best detector at this step, beside the unit's score; it has detectors at ``steps`` steps in all.
        """
        score = self._scores[layer]
        detectors = self._detectors[layer].sort_values(["step", score, "unit"], ascending=[True, False, True])
        groups = detectors.groupby(["category", "concept"], sort=False)
        first = groups[["step", "unit", score]].first().assign(steps=groups["step"].nunique()).reset_index()
        return first.sort_values(["step", "category", "concept"], ignore_index=True)

    def units(self, layer: str) -> pd.DataFrame:
        """Return each unit's label through time, a row per ``unit`` and ``step``: ``category``, ``concept``, score.

        A unit whose mask overlaps no concept has no label, and a score of 0. ``is_detector`` is whether the score is
        greater than the cut.
        """
        columns = ["unit", "step", "category", "concept", self._scores[layer], "is_detector"]
        return self._labels[layer].sort_values(["unit", "step"], ignore_index=True)[columns]

    def summary(self) -> dict[str, Any]:
        """Return counts per step, and the first detection of each concept, as plain data."""
        return {
            "name": self.name,
            "steps": list(self.steps),
            "layers": [
                {
                    "layer": layer,
                    "counts": [{"step": step, **summary} for step, summary in self._summaries[layer].items()],
                    "first_detectors": self.first_detectors(layer).to_dict("records"),
                }
                for layer in self.layers
            ],
        }


class _SavedRuns(Mapping[int, Result]):
    """Runs on disk, each read whenever it is asked for."""

    def __init__(self, folders: Mapping[int, Path]) -> None:
        self._folders = folders

    def __getitem__(self, step: int) -> Result:
        return Result.load(self._folders[step])

    def __iter__(self) -> Iterator[int]:
        return iter(self._folders)

    def __len__(self) -> int:
        return len(self._folders)
