"""The criteria by which a unit's masks and a concept agree: each is a class, registered in ``choices.CRITERIA``.

A criterion turns summed counts into a score per unit and concept. Tables name their score by it, pages and printed
texts use its title; detectors are the units whose score passes the cut.
"""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool, Float

from netdissect.choices import CRITERIA
from netdissect.engine.iou import intersection_over_union, iou_ceiling
from netdissect.results.parts.counts import Counts


class Criterion:
    """A score of a unit's masks and a concept, from 0, where they do not overlap, to 1.

    ``name`` is the criterion's name among ``CRITERIA`` and the column of scores in tables, ``title`` the word for
    people, ``help`` a sentence or two that explain it on pages. Subclasses define ``score`` and ``ceiling``.
    """

    name: str
    title: str
    help: str

    @property
    def ceiling_name(self) -> str:
        """The column of ceilings in tables."""
        return f"{self.name}_ceiling"

    @property
    def a_title(self) -> str:
        """The title with its article."""
        return f"{'an' if self.title[:1].lower() in 'aeiou' else 'a'} {self.title}"

    def score(self, counts: Counts) -> Float[np.ndarray, "u c"]:
        """Return the score of every unit and concept; 0 without any overlap."""
        raise NotImplementedError

    def ceiling(self, counts: Counts) -> Float[np.ndarray, "u c"]:
        """Return the highest score that a mask of the unit's area could have with the concept."""
        raise NotImplementedError

    def passes(self, scores: Float[np.ndarray, "..."], cut: float) -> Bool[np.ndarray, "..."]:
        """Return which scores pass the cut: those greater. The pages of a report count by the same rule."""
        return scores > cut


class IntersectionOverUnion(Criterion):
    """Intersection over union (Bau et al., Network Dissection, CVPR 2017, equation 1).

    >>> from netdissect.types import Concept
    >>> counts = Counts((Concept(1, "sky", "object"),), np.array([[2]]), np.array([[4]]), np.array([8]))
    >>> IntersectionOverUnion().score(counts).tolist(), IntersectionOverUnion().ceiling(counts).tolist()
    ([[0.2]], [[0.5]])
    """

    name = "iou"
    title = "IoU"
    help = (
        "Intersection over union of a unit's mask and a concept: of the label pixels in either, the share that is in "
        "both, summed over the whole dataset."
    )

    def score(self, counts: Counts) -> Float[np.ndarray, "u c"]:
        return intersection_over_union(counts.intersection, counts.unit_area, counts.concept_area, counts.category_of)

    def ceiling(self, counts: Counts) -> Float[np.ndarray, "u c"]:
        return iou_ceiling(counts.unit_area, counts.concept_area, counts.category_of)


def shared_title(names: Iterable[str]) -> str:
    """Return the title of the criteria of these ``names`` if it is one for all, else the word ``score``.

    >>> shared_title(["iou", "iou"]), shared_title(["iou"]), shared_title([])
    ('IoU', 'IoU', 'score')
    """
    titles = {criterion_called(name).title for name in names}
    return titles.pop() if len(titles) == 1 else "score"


def criterion_called(name: str) -> Criterion:
    """Return the criterion of a name. Raises ``UnknownChoiceError`` for an unknown one.

    >>> criterion_called("iou").title
    'IoU'
    """
    criterion: Criterion = CRITERIA[name]()
    return criterion
