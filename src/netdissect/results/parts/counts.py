"""The counts of a layer: label pixels of its units' masks, of concepts, and of their overlaps."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from netdissect.storage import read_arrays, save_arrays
from netdissect.types import Concept, sorted_categories

_FILE = "counts.npz"


@dataclass(frozen=True, repr=False, eq=False)
class Counts:
    """Label pixels of ``u`` units and ``c`` concepts of ``k`` categories, summed over a dataset (see ``engine.tally``).

    ``unit_area`` counts pixels of a unit's mask on the images that carry a label of the category. ``concept_images``
    counts the images with the concept; None where it is unknown, as of published tables.

    >>> counts = Counts(
    ...     (Concept(1, "sky", "object"), Concept(2, "red", "color")),
    ...     intersection=np.array([[3, 0]]),
    ...     unit_area=np.array([[6, 5]]),
    ...     concept_area=np.array([4, 8]),
    ... )
    >>> counts.categories, counts.mask_area.tolist()
    (('object', 'color'), [[6, 5]])
    """

    concepts: tuple[Concept, ...]
    intersection: Int64[np.ndarray, "u c"]
    unit_area: Int64[np.ndarray, "u k"]
    concept_area: Int64[np.ndarray, " c"]
    concept_images: Int64[np.ndarray, " c"] | None = None

    def __repr__(self) -> str:
        return f"<Counts: {self.unit_count} units, {len(self.concepts)} concepts>"

    @property
    def unit_count(self) -> int:
        return len(self.intersection)

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """The categories of the concepts, in the order of the columns of ``unit_area``."""
        return sorted_categories({concept.category for concept in self.concepts})

    @cached_property
    def category_of(self) -> Int64[np.ndarray, " c"]:
        """The index of each concept's category."""
        return np.array([self.categories.index(concept.category) for concept in self.concepts], dtype=np.int64)

    @cached_property
    def mask_area(self) -> Int64[np.ndarray, "u c"]:
        """``unit_area`` per concept: the pixels of a unit's mask where the concept's category is labelled."""
        return self.unit_area[:, self.category_of]

    def save(self, folder: Path) -> None:
        """Write the counts to the layer's ``folder``. Raises ``OSError``."""
        arrays = {name: getattr(self, name) for name in ("intersection", "unit_area", "concept_area")}
        if self.concept_images is not None:
            arrays["concept_images"] = self.concept_images
        save_arrays(folder / _FILE, arrays)

    @classmethod
    def load(cls, folder: Path, concepts: tuple[Concept, ...]) -> "Counts":
        """Return the counts in the layer's ``folder``."""
        return cls(concepts, **read_arrays(folder / _FILE))
