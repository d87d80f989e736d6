"""Which images show what a unit responds to: those that excite it most, and a sample of those that excite it less.

The top images alone flatter (a unit that is a car detector by these may respond to much else, only less), so some are
drawn from along the range of activations.
"""

import math
from dataclasses import dataclass

import numpy as np

from netdissect.results import LayerResult

#: Levels below the top: the percentage of images that excite the unit less.
LEVELS = (99.9, 99.0, 95.0)


#: Which of the two a spot is.
HIGHEST, RANGE = "highest", "along the range"


@dataclass(frozen=True)
class Spot:
    """An image of the dataset, by its ``index``, that excites a unit; ``among`` which it is, ``words`` say how much.

    ``position`` is row and column of the unit's highest activation in it, None where it is not known yet.
    """

    index: int
    among: str
    words: str
    position: tuple[int, int] | None = None


def top_spots(layer: LayerResult, unit: int, count: int) -> list[Spot]:
    """The ``count`` images that excite the unit most, the first first."""
    maps = layer.top_maps[unit, :count]
    rows, columns = np.divmod(maps.reshape(len(maps), -1).argmax(axis=1), maps.shape[2])
    return [
        Spot(int(index), HIGHEST, f"no. {rank} of all images", (int(row), int(column)))
        for rank, (index, row, column) in enumerate(zip(layer.top_image[unit], rows, columns, strict=False), start=1)
    ]


def level_spots(layer: LayerResult, unit: int, names: dict[str, int], count: int, above: int) -> list[Spot]:
    """For each of ``LEVELS``, ``count`` images there of those whose maximal responses are kept, the higher first.

    ``names`` are the indices of images by their names. A level that lies among the ``above`` images of the highest
    responses is left out: there are too few images to tell it from the top.
    """
    if layer.peaks is None:
        return []
    order = np.argsort(-layer.peaks[:, unit], kind="stable")
    spots, taken = [], above
    for level in LEVELS:
        first = math.floor(len(order) * (1 - level / 100) + 1e-9)
        if first < taken:
            continue
        for place in order[first : first + count]:
            spots.append(Spot(names[layer.sample[place]], RANGE, f"{level:g} % of images excite it less"))
        taken = first + count
    return spots
