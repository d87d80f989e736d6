"""The tally: pixel counts of masks and concepts, summed over the dataset."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int32, Int64
from torch import Tensor

from netdissect.engine.alignment import STRETCH, Alignment
from netdissect.engine.kept_rows import KeptRows
from netdissect.engine.lit_pixels import lit_pixels
from netdissect.labels import Labels
from netdissect.types import Concept, sorted_categories


@dataclass(frozen=True)
class ImageConcepts:
    """The concepts of ``n`` images, as the tally counts them.

    ``columns`` are those of the ``m`` concepts that some of the images show, ``area`` and ``images`` in how many pixels
    and images they do. ``labels`` holds, per label layer and pixel (those of all images), which of them the pixel
    carries, ``m`` for none; a pixel that carries a concept in several layers does so in one of them alone, and one that
    carries a concept of the whole image in none. ``whole`` is 1 where a concept covers a whole image, ``categories``
    where an image carries a label of the category.
    """

    columns: Int64[Tensor, " m"]
    area: Int64[Tensor, " m"]
    images: Int64[Tensor, " m"]
    labels: Int32[Tensor, "l p"]
    whole: Float64[Tensor, "n m"]
    categories: Float64[Tensor, "n k"]


class Concepts:
    """The concepts to be counted: a column of the tally for each, and its category's place among ``categories``."""

    def __init__(self, concepts: Sequence[Concept], label_shape: tuple[int, int]) -> None:
        self.concepts = tuple(concepts)
        self.label_shape = (label_shape[0], label_shape[1])
        self.categories = sorted_categories({concept.category for concept in concepts})
        self.category_of = np.array([self.categories.index(concept.category) for concept in concepts], dtype=np.int64)
        # One past the last column is that of all that does not count: unlabelled pixels, and other numbers.
        largest = max((concept.number for concept in concepts), default=0)
        self._column_of = np.full(largest + 2, len(self.concepts), dtype=np.int64)
        self._column_of[[concept.number for concept in concepts]] = np.arange(len(concepts))

    def cover(self, labels: Sequence[Labels], device: torch.device) -> ImageConcepts:
        """What the labels of some images say of the concepts to be counted; other numbers do not count."""
        count, pixels = len(labels), self.label_shape[0] * self.label_shape[1]
        others = len(self.concepts)
        maps = np.full((max(len(of_image.maps) for of_image in labels), count, pixels), others, dtype=np.int64)
        whole = np.zeros((count, others + 1), dtype=bool)
        for number, of_image in enumerate(labels):
            whole[number, self._columns(np.array(of_image.whole, dtype=np.int64))] = True
            layers = self._columns(of_image.maps.reshape(len(of_image.maps), pixels))
            maps[: len(layers), number] = np.where(whole[number, layers], others, layers) if of_image.whole else layers
        for layer in range(1, len(maps)):
            for earlier in maps[:layer]:
                maps[layer][maps[layer] == earlier] = others
        whole = whole[:, :others]
        places = maps + (np.arange(count) * (others + 1))[:, None]
        area = np.bincount(places.ravel(), minlength=count * (others + 1)).reshape(count, others + 1)[:, :others]
        area += whole * pixels
        shown = np.flatnonzero(area.any(axis=0))
        categories = np.zeros((count, len(self.categories)))
        image, place = np.nonzero(area[:, shown])
        categories[image, self.category_of[shown[place]]] = 1
        place_of = np.full(others + 1, len(shown), dtype=np.int32)
        place_of[shown] = np.arange(len(shown))
        arrays = (
            shown,
            area[:, shown].sum(axis=0),
            (area[:, shown] > 0).sum(axis=0),
            place_of[maps].reshape(len(maps), count * pixels),
            whole[:, shown].astype(np.float64),
            categories,
        )
        return ImageConcepts(*(torch.from_numpy(array).to(device) for array in arrays))

    def _columns(self, numbers: np.ndarray) -> np.ndarray:
        return self._column_of[np.minimum(numbers, len(self._column_of) - 1)]


@dataclass(frozen=True)
class Overlap:
    """Of some images and all units: the pixels of masks within the cover's concepts, and on images of each category."""

    intersection: Int64[Tensor, "u m"]
    unit_area: Int64[Tensor, "u k"]


def count_overlap(
    rows: KeptRows,
    height: int,
    thresholds: Float[Tensor, " u"],
    cover: ImageConcepts,
    label_shape: tuple[int, int],
    align: Alignment = STRETCH,
) -> Overlap:
    """Counts some images: ``rows`` are those of their maps, ``height`` rows each, that ``lit_pixels`` needs."""
    units, images, shown = len(thresholds), len(rows.counts), len(cover.columns)
    image = torch.arange(images, device=rows.places.device).repeat_interleave(rows.counts)
    unit = rows.places // height
    places = image * (units * height) + rows.places
    overlap = torch.zeros(units * (shown + 1), dtype=torch.int64, device=places.device)
    area = torch.zeros(units * images, dtype=torch.int64, device=places.device)
    levels = thresholds.index_select(0, unit)
    pixels = label_shape[0] * label_shape[1]
    places_lit: list[Tensor] = []
    for lit in lit_pixels(places, rows.values, levels, height, label_shape, align):
        of_unit, of_image = unit.index_select(0, lit.row), image.index_select(0, lit.row)
        area.index_add_(0, of_unit * images + of_image, torch.bincount(lit.cell, minlength=len(lit.row)))
        pixel = (of_image * pixels + lit.first).index_select(0, lit.cell).add_(lit.pixel)
        first = (of_unit * (shown + 1)).index_select(0, lit.cell)
        places_lit += [first + layer.index_select(0, pixel) for layer in cover.labels]
        # Counted once there are as many as there are counts: these are all gone through each time.
        if sum(map(len, places_lit)) >= len(overlap):
            overlap += torch.bincount(torch.cat(places_lit), minlength=len(overlap))
            places_lit.clear()
    if places_lit:
        overlap += torch.bincount(torch.cat(places_lit), minlength=len(overlap))
    # Whole numbers, exact in double precision, whatever precision the caller has products made in.
    with torch.autocast(places.device.type, enabled=False):
        per_image = area.view(units, images).double()
        in_whole, in_category = per_image @ cover.whole, per_image @ cover.categories
    return Overlap(overlap.view(units, -1)[:, :shown] + in_whole.long(), in_category.long())


@dataclass
class Tally:
    """Counts of label pixels: ``add`` some images, add two, IoU follows by ``engine.iou``.

    ``intersection[u, c]`` pixels in both the unit's mask and the concept; ``unit_area[u, k]`` pixels of the mask over
    the images that carry a label of category ``k``; ``concept_area[c]`` the concept's pixels; ``concept_images[c]`` the
    images that show it.
    """

    intersection: Int64[Tensor, "u c"]
    unit_area: Int64[Tensor, "u k"]
    concept_area: Int64[Tensor, " c"]
    concept_images: Int64[Tensor, " c"]

    @classmethod
    def empty(cls, units: int, concepts: Concepts, device: torch.device | None = None) -> "Tally":
        def count(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=torch.int64, device=device)

        columns = len(concepts.concepts)
        return cls(count(units, columns), count(units, len(concepts.categories)), count(columns), count(columns))

    def update(self, cover: ImageConcepts, overlap: Overlap) -> None:
        """Takes in some images."""
        self.intersection[:, cover.columns] += overlap.intersection
        self.unit_area += overlap.unit_area
        self.concept_area[cover.columns] += cover.area
        self.concept_images[cover.columns] += cover.images

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.intersection + other.intersection,
            self.unit_area + other.unit_area,
            self.concept_area + other.concept_area,
            self.concept_images + other.concept_images,
        )
