"""The tally: pixel counts of masks and concepts, summed over the dataset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int32, Int64
from torch import Tensor

from netdissect.engine.alignment import STRETCH, Alignment
from netdissect.engine.kept_rows import KeptRows
from netdissect.engine.lit_pixels import lit_pixels
from netdissect.labels import Labels, repeated
from netdissect.types import Concept, sorted_categories


@dataclass(frozen=True, eq=False)
class ImageConcepts:
    """The ``m`` concepts that some of ``n`` images show.

    ``columns`` are the tally's columns of these concepts. ``area`` and ``images`` count the pixels and the images that
    show each. ``layers`` holds, per label layer and pixel of all images, the position of the pixel's concept among
    ``columns``, or ``m`` for none. A pixel shows a concept in one layer at most, and in none if the concept covers its
    whole image. ``whole`` is 1 where a concept covers a whole image, ``categories`` where an image shows a category.
    """

    columns: Int64[Tensor, " m"]
    area: Int64[Tensor, " m"]
    images: Int64[Tensor, " m"]
    layers: Int32[Tensor, "l p"]
    whole: Float64[Tensor, "n m"]
    categories: Float64[Tensor, "n k"]


class Concepts:
    """The concepts to count, each a column of the tally, and their categories.

    ``category_of`` is the index of each concept's category among ``categories``.

    >>> concepts = Concepts([Concept(3, "cat", "object"), Concept(5, "red", "color")], label_shape=(2, 2))
    >>> concepts.categories, concepts.category_of.tolist()
    (('object', 'color'), [0, 1])
    """

    def __init__(self, concepts: Sequence[Concept], label_shape: tuple[int, int]) -> None:
        self.concepts = tuple(concepts)
        self.label_shape = (label_shape[0], label_shape[1])
        self.categories = sorted_categories({concept.category for concept in concepts})
        self.category_of = np.array([self.categories.index(concept.category) for concept in concepts], dtype=np.int64)
        # The column after the last stands for unlabelled pixels, and for numbers that do not count.
        largest = max((concept.number for concept in concepts), default=0)
        self._column_of = np.full(largest + 2, len(self.concepts), dtype=np.int64)
        self._column_of[[concept.number for concept in concepts]] = np.arange(len(concepts))

    def image_concepts(self, labels: Sequence[Labels], device: torch.device) -> ImageConcepts:
        """Return the concepts of some images, given their labels.

        >>> concepts = Concepts([Concept(3, "cat", "object"), Concept(5, "red", "color")], label_shape=(1, 3))
        >>> labels = Labels(np.array([[[5, 5, 9]], [[5, 0, 0]]], dtype=np.int32))
        >>> shown = concepts.image_concepts([labels], torch.device("cpu"))
        >>> shown.columns, shown.area, shown.layers
        (tensor([1]), tensor([2]), tensor([[0, 0, 1],
                [1, 1, 1]], dtype=torch.int32))
        """
        whole = self._whole(labels)
        layers = self._layers(labels, whole)
        area = self._area(layers, whole)
        shown = np.flatnonzero(area.any(axis=0))
        arrays = (
            shown,
            area[:, shown].sum(axis=0),
            (area[:, shown] > 0).sum(axis=0),
            self._positions_among(shown)[layers].reshape(len(layers), layers.shape[1] * layers.shape[2]),
            whole[:, shown].astype(np.float64),
            self._categories_shown(area),
        )
        return ImageConcepts(*(torch.from_numpy(array).to(device) for array in arrays))

    def _columns(self, numbers: np.ndarray) -> np.ndarray:
        """Return the column of each concept number."""
        return self._column_of[np.minimum(numbers, len(self._column_of) - 1)]

    def _whole(self, labels: Sequence[Labels]) -> Bool[np.ndarray, "n columns"]:
        """Mark the columns whose concepts cover each whole image."""
        whole = np.zeros((len(labels), len(self.concepts) + 1), dtype=bool)
        for image, image_labels in enumerate(labels):
            whole[image, self._columns(np.array(image_labels.whole, dtype=np.int64))] = True
        return whole

    def _layers(
        self, labels: Sequence[Labels], whole: Bool[np.ndarray, "n columns"]
    ) -> Int64[np.ndarray, "l n pixels"]:
        """Return the column of each pixel in each label layer, such that a pixel shows no column twice."""
        pixels, nothing = self.label_shape[0] * self.label_shape[1], len(self.concepts)
        depth = max(len(image_labels.maps) for image_labels in labels)
        layers = np.full((depth, len(labels), pixels), nothing, dtype=np.int64)
        for image, image_labels in enumerate(labels):
            columns = self._columns(image_labels.maps.reshape(len(image_labels.maps), pixels))
            if image_labels.whole:
                columns[whole[image, columns]] = nothing
            layers[: len(columns), image] = columns
        layers[repeated(layers)] = nothing
        return layers

    def _area(
        self, layers: Int64[np.ndarray, "l n pixels"], whole: Bool[np.ndarray, "n columns"]
    ) -> Int64[np.ndarray, "n c"]:
        """Count the pixels of each concept in each image."""
        images, columns = whole.shape
        index = layers + (np.arange(images) * columns)[:, None]
        area = np.bincount(index.ravel(), minlength=images * columns).reshape(images, columns)
        area += whole * layers.shape[2]
        return area[:, :-1]

    def _categories_shown(self, area: Int64[np.ndarray, "n c"]) -> Float64[np.ndarray, "n k"]:
        """Return 1 where an image shows a category, else 0."""
        categories = np.zeros((len(area), len(self.categories)))
        image, column = np.nonzero(area)
        categories[image, self.category_of[column]] = 1
        return categories

    def _positions_among(self, shown: Int64[np.ndarray, " m"]) -> Int32[np.ndarray, " columns"]:
        """Return the position of each column among the columns ``shown``, ``m`` for the others."""
        positions = np.full(len(self.concepts) + 1, len(shown), dtype=np.int32)
        positions[shown] = np.arange(len(shown))
        return positions


@dataclass(frozen=True, eq=False)
class Overlap:
    """Counts of some images' lit pixels, per unit.

    ``intersection`` counts the pixels within each of the ``m`` concepts that the images show, ``unit_area`` the pixels
    in images that show each category.
    """

    intersection: Int64[Tensor, "u m"]
    unit_area: Int64[Tensor, "u k"]


def count_overlap(
    rows: KeptRows,
    thresholds: Float[Tensor, " u"],
    shown: ImageConcepts,
    label_shape: tuple[int, int],
    align: Alignment = STRETCH,
) -> Overlap:
    """Count the lit pixels of some images. ``rows`` must hold what ``lit_pixels`` needs of their maps.

    >>> concepts = Concepts([Concept(5, "red", "color")], label_shape=(2, 2))
    >>> labels = Labels(np.array([[[5, 5], [0, 0]]], dtype=np.int32))
    >>> values = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    >>> rows = KeptRows(2, torch.tensor([2]), torch.tensor([0, 1]), values >= 0, values)
    >>> shown = concepts.image_concepts([labels], torch.device("cpu"))
    >>> count_overlap(rows, torch.tensor([0.5]), shown, (2, 2))
    Overlap(intersection=tensor([[1]]), unit_area=tensor([[2]]))
    """
    units, images, columns = len(thresholds), len(rows.counts), len(shown.columns) + 1
    pixels = label_shape[0] * label_shape[1]
    overlap = _Occurrences(units * columns, thresholds.device)
    area = torch.zeros(units * images, dtype=torch.int64, device=thresholds.device)
    for lit in lit_pixels(rows, thresholds, label_shape, align):
        unit, image = rows.unit.index_select(0, lit.row), rows.image.index_select(0, lit.row)
        area.index_add_(0, unit * images + image, torch.bincount(lit.cell, minlength=len(lit.row)))
        pixel = (image * pixels + lit.first).index_select(0, lit.cell).add_(lit.offset)
        first = (unit * columns).index_select(0, lit.cell)
        for layer in shown.layers:
            overlap.add(first + layer.index_select(0, pixel))
    in_whole, in_category = _on_images(area.view(units, images), shown.whole, shown.categories)
    return Overlap(overlap.counts().view(units, columns)[:, :-1] + in_whole, in_category)


def _on_images(area: Int64[Tensor, "u n"], *images: Float64[Tensor, "n _"]) -> list[Int64[Tensor, "u _"]]:
    """Sum each unit's area over the images that a matrix marks with 1, for each column of each matrix."""
    # Whole numbers are exact in double precision, though the caller may have products made in another.
    with torch.autocast(area.device.type, enabled=False):
        return [(area.double() @ marks).long() for marks in images]


class _Occurrences:
    """The number of times that each index below ``length`` occurs."""

    def __init__(self, length: int, device: torch.device) -> None:
        self._counts = torch.zeros(length, dtype=torch.int64, device=device)
        self._waiting: list[Tensor] = []

    def add(self, indices: Int64[Tensor, " v"]) -> None:
        """Take in some indices."""
        self._waiting.append(indices)
        # Each count goes through all counts. So indices wait until there are as many.
        if sum(map(len, self._waiting)) >= len(self._counts):
            self.counts()

    def counts(self) -> Int64[Tensor, " length"]:
        """Return the counts so far."""
        if self._waiting:
            self._counts += torch.bincount(torch.cat(self._waiting), minlength=len(self._counts))
            self._waiting.clear()
        return self._counts


@dataclass(frozen=True, eq=False)
class Counts:
    """Pixel counts over a dataset, from which IoU follows (``engine.iou``).

    ``intersection[u, c]`` counts the pixels in both the unit's mask and the concept; ``unit_area[u, k]`` the pixels of
    the mask in images that show the category ``k``; ``concept_area[c]`` the pixels of the concept;
    ``concept_images[c]`` the images that show it.
    """

    intersection: Int64[Tensor, "u c"]
    unit_area: Int64[Tensor, "u k"]
    concept_area: Int64[Tensor, " c"]
    concept_images: Int64[Tensor, " c"]


@dataclass(eq=False)
class Tally:
    """The accumulator of ``Counts``, whose docstring describes the tensors.

    >>> tally = Tally.empty(1, Concepts([Concept(5, "red", "color")], label_shape=(2, 2)))
    >>> (tally + tally).compute().concept_area
    tensor([0])
    """

    intersection: Int64[Tensor, "u c"]
    unit_area: Int64[Tensor, "u k"]
    concept_area: Int64[Tensor, " c"]
    concept_images: Int64[Tensor, " c"]

    @classmethod
    def empty(cls, units: int, concepts: Concepts, device: torch.device | None = None) -> "Tally":
        """Return the tally of no images."""

        def count(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=torch.int64, device=device)

        columns = len(concepts.concepts)
        return cls(count(units, columns), count(units, len(concepts.categories)), count(columns), count(columns))

    def update(self, shown: ImageConcepts, overlap: Overlap) -> None:
        """Take in some images: their concepts, and the lit pixels within these."""
        self.intersection[:, shown.columns] += overlap.intersection
        self.unit_area += overlap.unit_area
        self.concept_area[shown.columns] += shown.area
        self.concept_images[shown.columns] += shown.images

    def __add__(self, other: "Tally") -> "Tally":
        """Return the tally of the images of both."""
        return Tally(**{name: tensor + other.state()[name] for name, tensor in self.state().items()})

    def compute(self) -> Counts:
        """Return the counts so far."""
        return Counts(**{name: tensor.clone() for name, tensor in self.state().items()})

    def state(self) -> dict[str, Tensor]:
        """Return the counts by name, not copied."""
        return dict(vars(self))

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> "Tally":
        """Return the tally of saved counts."""
        return cls(**state)
