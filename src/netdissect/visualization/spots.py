"""Which images show what a unit responds to: those that excite it most, and a sample of those that excite it less.

The top images alone flatter (a unit that is a car detector by these may respond to much else, only less), so some are
drawn from along the range of activations.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np

from netdissect.concepts.base import ConceptDataset
from netdissect.results import LayerResult
from netdissect.types import plain_text

#: Levels below the top: the percentage of images that excite the unit less.
LEVELS = (99.9, 99.0, 95.0)

#: An image is near a level if at most so many times as many excite the unit more as there.
_NEAR = 3

#: Which of the two a spot is.
HIGHEST, RANGE = "highest", "along the range"


@dataclass(frozen=True)
class Spot:
    """An image of the dataset, by its ``index``, that excites a ``unit``: ``among`` which it is, ``words`` say where.

    ``position`` is row and column of the unit's highest ``activation`` in it, None where it is not known yet.
    """

    unit: int
    index: int
    among: str
    words: str
    activation: float
    position: tuple[int, int] | None = None


def top_spots(layer: LayerResult, unit: int, count: int) -> list[Spot]:
    """The ``count`` images that excite the unit most, the first first."""
    top = layer.top
    if top is None:
        return []
    of_unit = (values[unit, :count].tolist() for values in (top.image, top.activation, top.positions))
    return [
        Spot(unit, index, HIGHEST, f"no. {rank} of all images", activation, (row, column))
        for rank, (index, activation, (row, column)) in enumerate(zip(*of_unit, strict=True), start=1)
    ]


def level_spots(
    layer: LayerResult, unit: int, indices: Mapping[str, int], count: int, shown: Collection[int]
) -> list[Spot]:
    """At each of ``LEVELS``, ``count`` images of those whose maximal responses are kept, the higher first.

    ``indices`` are those of images by their names; one that is not there is passed over, as are those that are
    ``shown`` already. So, where there are few images, some are taken below the level, and it is left out if none lies
    near it, or if the unit is as silent there as anywhere.
    """
    if layer.sample is None:
        return []
    names, peaks = layer.sample.image_names, layer.sample.peaks[:, unit]
    order = np.argsort(-peaks, kind="stable")
    spots: list[Spot] = []
    taken: set[int | None] = {None, *shown}
    for level in LEVELS:
        above = len(order) * (1 - level / 100)
        near = order[math.floor(above + 1e-9) : math.floor(_NEAR * above + 1e-9) + 1]
        free = (place for place in near if indices.get(names[place]) not in taken)
        for place in islice(free, count):
            weaker = int((peaks < peaks[place]).sum())
            if not weaker:
                break
            index = indices[names[place]]
            words = f"{100 * weaker / (len(order) - 1):.4g} % of other images excite it less"
            spots.append(Spot(unit, index, RANGE, words, float(peaks[place])))
            taken.add(index)
    return spots


def named_indices(data: ConceptDataset, names: Collection[str]) -> dict[str, int]:
    """By name the images of these names; where several have one, it is not known which is meant, and none is there."""
    wanted, found, several = {*names}, {}, set()
    for index in range(len(data)):
        name = plain_text(data.image_name(index))
        if name in found:
            several.add(name)
        elif name in wanted:
            found[name] = index
    return {name: index for name, index in found.items() if name not in several}
