"""A census of a dataset: the images and label pixels of each concept and category."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from netdissect.concepts.base import ConceptDataset, check_dataset
from netdissect.concepts.passes import map_labels
from netdissect.labels import Labels, repeated
from netdissect.types import Concept, OnProgress, no_progress, sorted_categories


@dataclass(frozen=True)
class CategoryCount:
    """A category: how many of its concepts are ``listed`` and ``occur``, and the images and pixels that carry any.

    A concept belongs to its primary category alone. ``pixels`` are label pixels; a pixel that carries several of the
    category's concepts counts once.
    """

    name: str
    listed: int
    occur: int
    images: int
    pixels: int


@dataclass(frozen=True)
class Census:
    """The images that carry each concept and its label pixels, in the order of ``concepts``.

    ``total_images`` were read, of ``label_shape`` (sh, sw) label pixels each. ``skipped`` has the reasons why others
    could not be read, by index. A concept of the whole image covers ``sh * sw`` pixels. A pixel that carries a concept
    in two layers counts once.
    """

    concepts: tuple[Concept, ...]
    images: Int64[np.ndarray, " c"]
    pixels: Int64[np.ndarray, " c"]
    categories: tuple[CategoryCount, ...]
    total_images: int
    label_shape: tuple[int, int]
    skipped: Mapping[int, str]

    def summary(self, category: str | None = None) -> dict[str, Any]:
        """Return the census as plain data, of all categories or of ``category`` alone."""
        counts = zip(self.concepts, self.images.tolist(), self.pixels.tolist(), strict=True)
        return {
            "images": self.total_images,
            "label_shape": list(self.label_shape),
            "skipped": len(self.skipped),
            "categories": [asdict(counted) for counted in self.categories if category in (None, counted.name)],
            "concepts": [
                {"number": c.number, "name": c.name, "category": c.category, "images": images, "pixels": pixels}
                for c, images, pixels in counts
                if category in (None, c.category)
            ],
        }


def count_concepts(
    data: ConceptDataset,
    *,
    workers: int | None = None,
    skip_bad: bool = False,
    on_progress: OnProgress = no_progress,
) -> Census:
    """Count concepts in one pass over all labels; images are not read.

    ``workers`` threads read, by default one per core. Unreadable labels raise ``BadSampleError``, or are left out with
    ``skip_bad``. Raises ``NetdissectError`` for a dataset that breaks the protocol or has no readable labels.

    >>> from netdissect.concepts import Scenes
    >>> census = count_concepts(Scenes(count=2, size=(32, 32)))
    >>> [(category.name, category.images) for category in census.categories if category.name in ("scene", "color")]
    [('scene', 2), ('color', 2)]
    """
    check_dataset(data)
    categories = sorted_categories({concept.category for concept in data.concepts})
    category_of = np.array([categories.index(concept.category) for concept in data.concepts])
    concept_columns = column_table(data, np.arange(len(data.concepts)))
    category_columns = column_table(data, category_of)

    def count(labels: Labels) -> tuple[Int64[np.ndarray, " c"], Int64[np.ndarray, " k"]]:
        return (
            count_pixels(labels, concept_columns, len(data.concepts)),
            count_pixels(labels, category_columns, len(categories)),
        )

    skipped: dict[int, str] = {}
    total_images = 0
    concept_totals = np.zeros((2, len(data.concepts)), dtype=np.int64)  # images and pixels
    category_totals = np.zeros((2, len(categories)), dtype=np.int64)
    left_out = skipped if skip_bad else None
    for _, counted in map_labels(data, count, workers=workers, skipped=left_out, on_progress=on_progress):
        total_images += 1
        for totals, pixels in zip((concept_totals, category_totals), counted, strict=True):
            totals += np.stack([pixels > 0, pixels])
    listed = np.bincount(category_of)
    occur = np.bincount(category_of, weights=concept_totals[0] > 0).astype(np.int64)
    rows = zip(categories, listed.tolist(), occur.tolist(), *category_totals.tolist(), strict=True)
    return Census(
        concepts=tuple(data.concepts),
        images=concept_totals[0],
        pixels=concept_totals[1],
        categories=tuple(CategoryCount(*row) for row in rows),
        total_images=total_images,
        label_shape=data.label_shape,
        skipped=skipped,
    )


def find_images(
    data: ConceptDataset,
    number: int,
    *,
    workers: int | None = None,
    skip_bad: bool = False,
    on_progress: OnProgress = no_progress,
) -> dict[int, int]:
    """Return the label pixels of a concept in each image that carries it, by the image's index.

    Raises as ``count_concepts`` does.

    >>> from netdissect.concepts import Scenes
    >>> from netdissect.concepts.find import find_concept
    >>> scenes = Scenes(count=6, size=(32, 32))
    >>> find_images(scenes, find_concept(scenes.concepts, "beach").number)
    {2: 1024}
    """

    def count(labels: Labels) -> int:
        return int(concept_mask(labels, number).sum())

    skipped: dict[int, str] | None = {} if skip_bad else None
    passed = map_labels(data, count, workers=workers, skipped=skipped, on_progress=on_progress)
    return {index: pixels for index, pixels in passed if pixels}


def concept_mask(labels: Labels, number: int) -> Bool[np.ndarray, "sh sw"]:
    """Return whether each pixel carries the concept of this number.

    >>> concept_mask(Labels(np.array([[[1, 0]], [[2, 2]]], dtype=np.int32)), number=1).tolist()
    [[True, False]]
    """
    return (labels.maps == number).any(axis=0) | (number in labels.whole)


def column_table(data: ConceptDataset, columns: Int64[np.ndarray, " c"]) -> Int64[np.ndarray, " numbers"]:
    """Return 1 + the column in which each concept number is counted, 0 for none.

    ``columns`` are those of ``data.concepts``, -1 for a concept that is not counted.

    >>> from netdissect.concepts import Scenes
    >>> column_table(Scenes(), np.arange(98))[:4].tolist()
    [0, 1, 2, 3]
    """
    table = np.zeros(max(concept.number for concept in data.concepts) + 1, dtype=np.int64)
    table[[concept.number for concept in data.concepts]] = 1 + columns
    return table


def count_pixels(labels: Labels, table: Int64[np.ndarray, " numbers"], count: int) -> Int64[np.ndarray, " count"]:
    """Count the pixels of each of ``count`` columns; a pixel that carries it in several layers counts once.

    ``table`` comes from ``column_table``.

    >>> layers = np.array([[[1, 1, 2]], [[1, 2, 2]]], dtype=np.int32)
    >>> count_pixels(Labels(layers), np.array([0, 1, 2]), 2).tolist()
    [2, 2]
    """
    layers = table[labels.maps]
    pixels = np.bincount(layers[~repeated(layers)], minlength=1 + count)
    height, width = labels.maps.shape[1:]
    pixels[table[np.array(labels.whole, dtype=np.int64)]] = height * width
    return pixels[1:]
