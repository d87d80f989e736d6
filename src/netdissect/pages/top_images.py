"""Top images of units under their masks, as plain data."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from netdissect.engine.alignment import alignment_of
from netdissect.engine.encoding import encode_masks
from netdissect.engine.field import Field
from netdissect.engine.mask import unit_masks
from netdissect.results import LayerResult, Result


class TopImageMasks:
    """The top images of the units of one layer of ``result``."""

    def __init__(self, result: Result, layer: LayerResult) -> None:
        self._top = layer.top
        if layer.top is None or layer.activations is None:  # a table alone
            self._top = None
            return
        self._thresholds = layer.activations.thresholds
        description = result.description
        assert description.settings is not None and description.settings.size is not None  # only a table has none
        known, size = description.layers[layer.layer], description.settings.size
        height, width = description.data.label_shape
        self._shape = (height, width)
        self._align = alignment_of(known.align, known.field, size)
        self._centres = _centres(layer.top.maps.shape[2:], known.field if known.align == "receptive" else None, size)

    def shots(
        self, units: Sequence[int], shown: Mapping[int, dict[str, Any]], most: int | None = None
    ) -> list[list[dict[str, Any]]]:
        """Return the top images of each unit, best first, at most ``most``; ``shown`` has an image's data by its index.

        To an image's data are added its activation, its mask (see ``engine.encoding``) and the share that is ``lit``.
        ``position`` is row and column of the highest value; ``peak`` is its point on the image, from 0 to 1 down and
        across.
        """
        top, wanted = self._top, list(units)
        if top is None or not wanted:
            return [[] for _ in wanted]
        count = top.image[:, :most].shape[1]
        maps = torch.from_numpy(top.maps[wanted, :count]).flatten(0, 1)
        levels = torch.from_numpy(self._thresholds[wanted]).repeat_interleave(count)
        masks = unit_masks(maps, levels, self._shape, self._align).numpy()
        lit = masks.mean(axis=(1, 2)).reshape(-1, count)
        texts = encode_masks(masks)
        rows, columns = np.moveaxis(top.positions[wanted, :count], 2, 0)
        return [
            [
                {
                    **shown[int(top.image[unit, rank])],
                    "activation": short(top.activation[unit, rank]),
                    "lit": short(lit[row, rank]),
                    "mask": texts[row * count + rank],
                    "position": [int(rows[row, rank]), int(columns[row, rank])],
                    "peak": [
                        short(self._centres[0][rows[row, rank]]),
                        short(self._centres[1][columns[row, rank]]),
                    ],
                }
                for rank in range(count)
            ]
            for row, unit in enumerate(wanted)
        ]


def _centres(
    grid: tuple[int, ...], field: Field | None, size: tuple[int, int]
) -> tuple[Float[np.ndarray, " h"], Float[np.ndarray, " w"]]:
    """Return the positions of rows and columns on images, from 0 to 1: the centres of fields, or stretched."""
    if field is None:
        rows, columns = ((np.arange(length) + 0.5) / length for length in grid)
    else:
        rows, columns = (
            (np.asarray(axis) + 0.5) / pixels for axis, pixels in zip((field.rows, field.columns), size, strict=True)
        )
    return rows.clip(0, 1), columns.clip(0, 1)


def short(number: float | np.floating) -> float:
    """Return a number of four digits, for people to read.

    >>> short(0.123456)
    0.1235
    """
    return float(f"{float(number):.4g}")
