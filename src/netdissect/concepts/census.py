"""How often each concept and category of a dataset occurs, in images and in label pixels."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from netdissect.concepts.base import ConceptDataset, check_dataset
from netdissect.concepts.passes import over_labels
from netdissect.labels import Labels
from netdissect.types import Concept, OnProgress, no_progress, sorted_categories


@dataclass(frozen=True)
class CategoryCount:
    """A category: its concepts, ``listed`` and those of them that ``occur``, and where a pixel carries any of them.

    A concept belongs to its primary category alone. ``pixels`` are label pixels; one that carries several of the
    category's concepts counts once.
    """

    name: str
    listed: int
    occur: int
    images: int
    pixels: int


@dataclass(frozen=True)
class Census:
    """Per concept of ``concepts``, in their order, the images that carry it and its label pixels.

    ``total_images`` were read, of ``label_shape`` (sh, sw) label pixels each; ``skipped`` tells, by index, why others
    could not be. A concept of the whole image covers ``sh * sw`` pixels; a pixel that carries a concept in two layers
    counts once.
    """

    concepts: tuple[Concept, ...]
    images: Int64[np.ndarray, " c"]
    pixels: Int64[np.ndarray, " c"]
    categories: tuple[CategoryCount, ...]
    total_images: int
    label_shape: tuple[int, int]
    skipped: Mapping[int, str]

    def summary(self, category: str | None = None) -> dict[str, Any]:
        """All of it, or what belongs to one category, as plain data."""
        counts = zip(self.concepts, self.images.tolist(), self.pixels.tolist(), strict=True)
        return {
            "images": self.total_images,
            "label_shape": list(self.label_shape),
            "skipped": len(self.skipped),
            "categories": [asdict(one) for one in self.categories if category in (None, one.name)],
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
    """Counts in one pass over all labels; images are not read. ``workers`` threads read, one per core unless told.

    With ``skip_bad`` labels that cannot be read are left out, else they raise ``BadSampleError``. Raises
    ``NetdissectError`` for a dataset that does not keep to the protocol or of which nothing can be read.
    """
    check_dataset(data)
    categories = sorted_categories({concept.category for concept in data.concepts})
    category_of = np.array([categories.index(concept.category) for concept in data.concepts])
    concept_place = place_table(data, np.arange(len(data.concepts)))
    category_place = place_table(data, category_of)

    def count(labels: Labels) -> tuple[Int64[np.ndarray, " c"], Int64[np.ndarray, " k"]]:
        return pixels_at(labels, concept_place, len(data.concepts)), pixels_at(labels, category_place, len(categories))

    skipped: dict[int, str] = {}
    total_images = 0
    of_concepts = np.zeros((2, len(data.concepts)), dtype=np.int64)  # images and pixels
    of_categories = np.zeros((2, len(categories)), dtype=np.int64)
    leave_out = skipped if skip_bad else None
    for _, counted in over_labels(data, count, workers=workers, skipped=leave_out, on_progress=on_progress):
        total_images += 1
        for totals, pixels in zip((of_concepts, of_categories), counted, strict=True):
            totals += np.stack([pixels > 0, pixels])
    listed = np.bincount(category_of)
    occur = np.bincount(category_of, weights=of_concepts[0] > 0).astype(np.int64)
    rows = zip(categories, listed.tolist(), occur.tolist(), *of_categories.tolist(), strict=True)
    return Census(
        concepts=tuple(data.concepts),
        images=of_concepts[0],
        pixels=of_concepts[1],
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
    """Of each image that carries the concept of this number its index and the concept's label pixels.

    Raises as ``count_concepts`` does.
    """

    def count(labels: Labels) -> int:
        return int(concept_mask(labels, number).sum())

    skipped: dict[int, str] | None = {} if skip_bad else None
    passed = over_labels(data, count, workers=workers, skipped=skipped, on_progress=on_progress)
    return {index: pixels for index, pixels in passed if pixels}


def concept_mask(labels: Labels, number: int) -> Bool[np.ndarray, "sh sw"]:
    """Which pixels carry the concept of this number."""
    return (labels.maps == number).any(axis=0) | (number in labels.whole)


def place_table(data: ConceptDataset, places: Int64[np.ndarray, " c"]) -> Int64[np.ndarray, " numbers"]:
    """Per concept number 1 + the place at which it is counted, given those of ``data.concepts``; -1: nowhere."""
    table = np.zeros(max(concept.number for concept in data.concepts) + 1, dtype=np.int64)
    table[[concept.number for concept in data.concepts]] = 1 + places
    return table


def pixels_at(labels: Labels, place_of: Int64[np.ndarray, " numbers"], count: int) -> Int64[np.ndarray, " count"]:
    """The pixels at each of ``count`` places: those where any layer has one of its numbers, each once."""
    layers = place_of[labels.maps]
    pixels = np.zeros(1 + count, dtype=np.int64)
    for depth, layer in enumerate(layers):
        again = (layers[:depth] == layer).any(axis=0)
        pixels += np.bincount(layer[~again], minlength=1 + count)
    height, width = labels.maps.shape[1:]
    pixels[place_of[np.array(labels.whole, dtype=np.int64)]] = height * width
    return pixels[1:]
