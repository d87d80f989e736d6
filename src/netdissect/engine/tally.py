"""The tally: pixel counts of masks and concepts, summed over the dataset."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from netdissect.concepts.base import Labels
from netdissect.engine.mask import Alignment, mask_rows, stretch
from netdissect.types import Concept, NetdissectError, sorted_categories

#: Float32 counts whole numbers exactly up to here, so that pixels can be counted by a matrix product.
MOST_LABEL_PIXELS = 2**24


@dataclass(frozen=True)
class Cover:
    """The concepts of one image, as the tally counts them.

    ``columns`` are the concepts present, ``pixels`` is 1 where a pixel carries the concept (once, in however many label
    layers), ``categories`` tells which categories the image carries a label of.
    """

    columns: Int64[Tensor, " m"]
    pixels: Float[Tensor, "m p"]
    categories: Bool[Tensor, " k"]

    @cached_property
    def area(self) -> Int64[Tensor, " m"]:
        """The pixels of each concept."""
        return self.pixels.sum(dim=1).long()


class Concepts:
    """The concepts to be counted: a column of the tally for each, and its category's place among ``categories``."""

    def __init__(self, concepts: Sequence[Concept], label_shape: tuple[int, int]) -> None:
        if label_shape[0] * label_shape[1] > MOST_LABEL_PIXELS:
            raise NetdissectError(f"label maps of {label_shape} pixels are too large: at most 2**24 pixels are counted")
        self.concepts = tuple(concepts)
        self.label_shape = (label_shape[0], label_shape[1])
        self.categories = sorted_categories({concept.category for concept in concepts})
        self.category_of = np.array([self.categories.index(concept.category) for concept in concepts], dtype=np.int64)
        self._column_of = np.full(max((concept.number for concept in concepts), default=0) + 1, -1, dtype=np.int64)
        self._column_of[[concept.number for concept in concepts]] = np.arange(len(concepts))

    def cover(self, labels: Labels, device: torch.device) -> Cover:
        """What ``labels`` say of the concepts to be counted; other numbers do not count."""
        layers = labels.maps.reshape(len(labels.maps), self.label_shape[0] * self.label_shape[1])
        numbers_shown = np.bincount(layers.ravel(), minlength=len(self._column_of))[: len(self._column_of)] > 0
        numbers_shown[[number for number in labels.whole if number < len(self._column_of)]] = True
        present = np.flatnonzero(numbers_shown & (self._column_of >= 0))
        columns = self._column_of[present]
        # Each number's row of `pixels`; numbers that do not count share one more, which is then left out.
        row_of = np.full(len(self._column_of) + 1, len(present), dtype=np.int64)
        row_of[present] = np.arange(len(present))
        rows = torch.from_numpy(row_of[np.minimum(layers, len(self._column_of))]).to(device)
        pixels = torch.zeros(len(present) + 1, layers.shape[1], dtype=torch.float32, device=device)
        for layer in rows:
            pixels.scatter_(0, layer[None], 1)
        pixels = pixels[:-1]
        pixels[torch.from_numpy(np.isin(present, labels.whole)).to(device)] = 1
        carried = np.zeros(len(self.categories), dtype=bool)
        carried[self.category_of[columns]] = True
        return Cover(torch.from_numpy(columns).to(device), pixels, torch.from_numpy(carried).to(device))


@dataclass
class Tally:
    """Counts of label pixels: ``update`` with an image at a time, add two, IoU follows by ``engine.iou``.

    ``intersection[u, c]`` pixels in both the unit's mask and the concept; ``unit_area[u, k]`` pixels of the mask over
    the images that carry a label of category ``k``; ``concept_area[c]`` the concept's pixels; ``concept_images[c]`` the
    images that show it.
    """

    intersection: Int64[Tensor, "u c"]
    unit_area: Int64[Tensor, "u k"]
    concept_area: Int64[Tensor, " c"]
    concept_images: Int64[Tensor, " c"]

    @classmethod
    def zeros(cls, units: int, concepts: Concepts, device: torch.device | None = None) -> "Tally":
        def count(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=torch.int64, device=device)

        columns = len(concepts.concepts)
        return cls(count(units, columns), count(units, len(concepts.categories)), count(columns), count(columns))

    def update(
        self,
        places: Int64[Tensor, " m"],
        values: Float[Tensor, "m w"],
        cover: Cover,
        height: int,
        thresholds: Float[Tensor, " u"],
        label_shape: tuple[int, int],
        align: Alignment = stretch,
    ) -> None:
        """Counts one image, of which these rows of maps may be lit (see ``mask_rows``)."""
        self.concept_area[cover.columns] += cover.area
        self.concept_images[cover.columns] += 1
        masks = mask_rows(places, values, thresholds[places // height], height, label_shape, align)
        units, map_of = torch.unique_consecutive((places // height)[masks.source], return_inverse=True)
        dense = torch.zeros(len(units) * label_shape[0], label_shape[1], dtype=torch.float32, device=values.device)
        dense[map_of * label_shape[0] + masks.row] = masks.lit.float()
        dense = dense.view(len(units), label_shape[0] * label_shape[1])
        with torch.autocast(dense.device.type, enabled=False):  # half precision does not count
            overlaps = dense @ cover.pixels.T
        self.intersection[units[:, None], cover.columns[None]] += overlaps.long()
        self.unit_area[units] += dense.sum(dim=1).long()[:, None] * cover.categories[None]

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.intersection + other.intersection,
            self.unit_area + other.unit_area,
            self.concept_area + other.concept_area,
            self.concept_images + other.concept_images,
        )
