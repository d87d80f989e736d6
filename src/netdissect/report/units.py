"""The details of single units on a page: top images with masks, activations, the concepts they overlap most."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Int64

from netdissect.pages.images import Shown
from netdissect.pages.top_images import TopImageMasks, short
from netdissect.report.names import NamedLayer, Names, picture_stem
from netdissect.results import LayerResult, Result
from netdissect.results.statistics import all_statistics
from netdissect.visualization.unit_pictures import plain_by_method

#: Units per file.
CHUNK = 32

#: The most concepts listed per category.
CONCEPTS_PER_CATEGORY = 5


def unit_chunks(
    named: NamedLayer, number: int, result: Result, names: Names, shown: Shown
) -> Iterator[list[dict[str, Any]]]:
    """Yield the units of the report's layer ``number``, ``CHUNK`` at a time.

    Each unit has ``shots``, its top images (see ``TopImageMasks``); ``best``, per category of the layer, lists of
    concept (its index in the report's list), score and ceiling; ``statistics``, those of its label that are listed;
    ``activations``, its threshold, extremes and histogram, None where these are unknown; ``visualizations``, pictures
    by method.
    """
    layer, indices = named.layer, names.indices_of(named.layer.concepts)
    top_images, statistics = TopImageMasks(result, layer), _statistics(layer)
    for start in range(0, layer.unit_count, CHUNK):
        units = range(start, min(start + CHUNK, layer.unit_count))
        shots = top_images.shots(units, shown[named.run])
        yield [
            {
                "shots": shots[unit - start],
                "best": _best_concepts(layer, unit, indices),
                "activations": _activations(layer, unit),
                "statistics": statistics.get(unit, []),
                "visualizations": plain_by_method(layer.visualized.get(unit, ()), picture_stem(number, unit)),
            }
            for unit in units
        ]


def _statistics(layer: LayerResult) -> dict[int, list[dict[str, Any]]]:
    """Return the listed statistics of each unit's label: title, explanation and value, None where it is not finite."""
    listed = [statistic for statistic in all_statistics() if statistic.listed]
    return {
        row["unit"]: [
            {"title": statistic.title, "help": statistic.help, "value": _value(row[statistic.column(layer)])}
            for statistic in listed
        ]
        for row in layer.labels.to_dict("records")
    }


def _value(number: Any) -> Any:
    if isinstance(number, float | np.floating):
        return short(number) if np.isfinite(number) else None
    return number.item() if isinstance(number, np.generic) else number


def _best_concepts(layer: LayerResult, unit: int, indices: Int64[np.ndarray, " c"]) -> list[list[list[int | float]]]:
    """Return the concepts of highest score: per category: index, score, ceiling. Ties to the lower number."""
    best = []
    for category in layer.categories:
        columns = np.array([column for column, concept in enumerate(layer.concepts) if concept.category == category])
        order = columns[np.argsort(-layer.scores[unit, columns], kind="stable")[:CONCEPTS_PER_CATEGORY]]
        best.append(
            [
                [int(indices[column]), short(layer.scores[unit, column]), short(layer.ceilings[unit, column])]
                for column in order
                if layer.scores[unit, column] > 0
            ]
        )
    return best


def _activations(layer: LayerResult, unit: int) -> dict[str, Any] | None:
    """Return the histogram of the unit's activations, without the empty bins at its ends; None if none are known."""
    activations = layer.activations
    if activations is None:
        return None
    counts = activations.histogram[unit]
    filled = np.flatnonzero(counts)
    if not len(filled):
        return None
    first, last = int(filled[0]), int(filled[-1])
    width = float(activations.bin_width[unit])
    return {
        "threshold": short(activations.thresholds[unit]),
        "low": short(activations.low[unit]),
        "high": short(activations.high[unit]),
        "start": float(activations.bin_start[unit]) + first * width,
        "width": width,
        "counts": counts[first : last + 1].tolist(),
    }
