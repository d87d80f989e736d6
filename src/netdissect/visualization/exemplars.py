"""Exemplars of a unit: the images that excite it most, and some images that excite it less.

Top images alone flatter: a unit that detects cars by its top images may respond to much else, only less. So some images
are drawn from along the range of activations.
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

#: An image is near a level if the images above it are at most so many times as many as those above the level.
_NEAR = 3

#: The groups of exemplars.
HIGHEST, RANGE = "highest", "along the range"


@dataclass(frozen=True)
class Exemplar:
    """An image of the dataset, by its ``index``, that excites a ``unit``; ``description`` says how much it does.

    ``group`` is one of ``HIGHEST`` and ``RANGE``. ``position`` is row and column of the unit's highest ``activation``
    on the image, None while unknown.
    """

    unit: int
    index: int
    group: str
    description: str
    activation: float
    position: tuple[int, int] | None = None


def top_exemplars(layer: LayerResult, unit: int, count: int) -> list[Exemplar]:
    """Return the ``count`` images that excite the unit most, the best first."""
    top = layer.top
    if top is None:
        return []
    columns = (values[unit, :count].tolist() for values in (top.image, top.activation, top.positions))
    return [
        Exemplar(unit, index, HIGHEST, f"no. {rank} of all images", activation, (row, column))
        for rank, (index, activation, (row, column)) in enumerate(zip(*columns, strict=True), start=1)
    ]


def level_exemplars(
    layer: LayerResult, unit: int, indices: Mapping[str, int], count: int, shown: Collection[int]
) -> list[Exemplar]:
    """Return ``count`` images at each of ``LEVELS``, the higher first, among images whose maximal responses are kept.

    ``indices`` has the indices of images by their names. Images that it lacks, and images that are ``shown`` already,
    are passed over. So some images are taken below a level where there are few. A level is left out if no image is near
    it, or if no image excites the unit less.
    """
    if layer.sample is None:
        return []
    names, peaks = layer.sample.image_names, layer.sample.peaks[:, unit]
    order = np.argsort(-peaks, kind="stable")
    exemplars: list[Exemplar] = []
    taken: set[int | None] = {None, *shown}
    for level in LEVELS:
        above = len(order) * (1 - level / 100)
        near = order[math.floor(above + 1e-9) : math.floor(_NEAR * above + 1e-9) + 1]
        free = (row for row in near if indices.get(names[row]) not in taken)
        for row in islice(free, count):
            weaker = int((peaks < peaks[row]).sum())
            if not weaker:
                break
            index = indices[names[row]]
            description = f"{100 * weaker / (len(order) - 1):.4g} % of other images excite it less"
            exemplars.append(Exemplar(unit, index, RANGE, description, float(peaks[row])))
            taken.add(index)
    return exemplars


def named_indices(data: ConceptDataset, names: Collection[str]) -> dict[str, int]:
    """Return the index of each image of these ``names``, without names that several images have."""
    wanted, found, ambiguous = {*names}, {}, set()
    for index in range(len(data)):
        name = plain_text(data.image_name(index))
        if name in found:
            ambiguous.add(name)
        elif name in wanted:
            found[name] = index
    return {name: index for name, index in found.items() if name not in ambiguous}
