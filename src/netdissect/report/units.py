"""All that a page shows of single units: top images with masks, activations, the concepts they overlap most."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64

from netdissect.engine.encoding import encode_masks
from netdissect.engine.mask import Alignment, alignment_of, unit_masks
from netdissect.networks.receptive import Field
from netdissect.report.images import Shown
from netdissect.report.names import NamedLayer, Names
from netdissect.results import LayerResult, Result

#: A file tells of so many units.
CHUNK = 32

#: Of each category so many concepts are told.
CONCEPTS_PER_CATEGORY = 5


def unit_chunks(named: NamedLayer, result: Result, names: Names, shown: Shown) -> Iterator[list[dict[str, Any]]]:
    """The layer's units in turn, ``CHUNK`` at a time.

    Of each: ``shots``, its top images, best first: image, activation, mask (see ``engine.encoding``) and the share that
    is ``lit``; ``position``, row and column of the highest value, and ``peak``, where that is on the image, from 0 to 1
    down and across. ``best``, per category of the layer, lists of concept (its place in the report's list), IoU and
    ceiling. ``activations``, its threshold, extremes and histogram.
    """
    layer, told = named.layer, result.about["layers"][named.layer.layer]
    field = None if told["field"] is None else Field.from_plain(told["field"])
    height, width = result.about["options"]["size"]
    align = alignment_of(told["align"], field, (height, width))
    centres = _centres(layer, field if told["align"] == "receptive" else None, (height, width))
    places = names.places(layer.concepts)
    for start in range(0, layer.unit_count, CHUNK):
        units = range(start, min(start + CHUNK, layer.unit_count))
        shots = _shots(named, units, result, shown, align, centres)
        yield [
            {
                "shots": shots[unit - start],
                "best": _best_concepts(layer, unit, places),
                "activations": _activations(layer, unit),
            }
            for unit in units
        ]


def _shots(
    named: NamedLayer,
    units: range,
    result: Result,
    shown: Shown,
    align: Alignment,
    centres: tuple[Float[np.ndarray, " h"], Float[np.ndarray, " w"]],
) -> list[list[dict[str, Any]]]:
    """Per unit its top images."""
    layer = named.layer
    chosen = slice(units.start, units.stop)
    count = layer.top_image.shape[1]
    maps = torch.from_numpy(layer.top_maps[chosen]).flatten(0, 1)
    levels = torch.from_numpy(layer.thresholds[chosen]).repeat_interleave(count)
    height, width = result.about["data"]["label_shape"]
    masks = unit_masks(maps, levels, (height, width), align).numpy()
    lit = masks.mean(axis=(1, 2)).reshape(-1, count)
    texts = encode_masks(masks)
    rows, columns = np.divmod(maps.flatten(1).argmax(dim=1).numpy().reshape(-1, count), maps.shape[2])
    return [
        [
            {
                **shown[named.run, int(layer.top_image[unit, rank])],
                "activation": _short(layer.top_activation[unit, rank]),
                "lit": _short(lit[place, rank]),
                "mask": texts[place * count + rank],
                "position": [int(rows[place, rank]), int(columns[place, rank])],
                "peak": [_short(centres[0][rows[place, rank]]), _short(centres[1][columns[place, rank]])],
            }
            for rank in range(count)
        ]
        for place, unit in enumerate(units)
    ]


def _centres(
    layer: LayerResult, field: Field | None, size: tuple[int, int]
) -> tuple[Float[np.ndarray, " h"], Float[np.ndarray, " w"]]:
    """Where rows and columns of maps lie on images, from 0 to 1: at the centres of their fields, or stretched."""
    if field is None:
        rows, columns = ((np.arange(length) + 0.5) / length for length in layer.top_maps.shape[2:])
    else:
        rows, columns = (
            (np.asarray(axis) + 0.5) / pixels for axis, pixels in zip((field.rows, field.columns), size, strict=True)
        )
    return rows.clip(0, 1), columns.clip(0, 1)


def _best_concepts(layer: LayerResult, unit: int, places: Int64[np.ndarray, " c"]) -> list[list[list[int | float]]]:
    """Per category of the layer the concepts of highest IoU: place, IoU, its ceiling; ties to the lower number."""
    best = []
    for category in layer.categories:
        columns = np.array([column for column, one in enumerate(layer.concepts) if one.category == category])
        order = columns[np.argsort(-layer.iou[unit, columns], kind="stable")[:CONCEPTS_PER_CATEGORY]]
        best.append(
            [
                [int(places[column]), _short(layer.iou[unit, column]), _short(layer.ceiling[unit, column])]
                for column in order
                if layer.iou[unit, column] > 0
            ]
        )
    return best


def _activations(layer: LayerResult, unit: int) -> dict[str, Any]:
    """The histogram of the unit's activations, without the empty bins at its ends."""
    counts = layer.histogram[unit]
    filled = np.flatnonzero(counts)
    first, last = (int(filled[0]), int(filled[-1])) if len(filled) else (0, 0)
    width = float(layer.bin_width[unit])
    return {
        "threshold": _short(layer.thresholds[unit]),
        "low": _short(layer.low[unit]),
        "high": _short(layer.high[unit]),
        "start": float(layer.bin_start[unit]) + first * width,
        "width": width,
        "counts": counts[first : last + 1].tolist(),
    }


def _short(number: float | np.floating) -> float:
    """To four digits: for people to read."""
    return float(f"{float(number):.4g}")
