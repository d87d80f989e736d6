"""The merge: labels of several sources become concepts by their names.

Labels are visited by falling number of images. Each takes all of its names that are free. A label that took a name is a
concept, named by the first name taken. Any other label joins the owner of its name; if its names have several owners,
it joins the owner with the nearest mean size. Concepts that are too rare are dropped.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

from netdissect.broden.building.names import confusing_names, plain_names
from netdissect.types import NetdissectError

#: The largest number that label maps can hold: R + 256 G.
MOST_CONCEPTS = 2**16 - 1


class LabelKey(NamedTuple):
    """A label of a source. Keys are ordered by source, category and the source's own label id.

    >>> str(LabelKey("ade20k", "object", 7))
    'ade20k/object 7'
    """

    source: str
    category: str
    label: int

    def __str__(self) -> str:
        return f"{self.source}/{self.category} {self.label}"


@dataclass(frozen=True)
class SourceLabel:
    """A label that occurs, with its possible names and its ``published`` name.

    ``images`` show it. ``coverage``, in whole images, is the sum of the fractions that it covers of them.
    """

    key: LabelKey
    names: tuple[str, ...]
    images: int
    coverage: float
    published: str = ""

    @property
    def mean_size(self) -> float:
        """Return the mean fraction that the label covers of an image that shows it."""
        return self.coverage / self.images


@dataclass(frozen=True)
class MergedConcept:
    """A concept that is kept. ``categories`` has (category, images, coverage), most images first.

    ``images`` and ``coverage`` are sums over the source labels, so an image may count more than once.
    """

    number: int
    name: str
    synonyms: tuple[str, ...]
    categories: tuple[tuple[str, int, float], ...]

    @property
    def images(self) -> int:
        return sum(images for _, images, _ in self.categories)

    @property
    def coverage(self) -> float:
        return sum(coverage for _, _, coverage in self.categories)


@dataclass(frozen=True)
class Decision:
    """The fate of a source label: the name of its ``concept``, empty for unlabelled; ``number`` is 0 if dropped."""

    label: SourceLabel
    concept: str
    number: int
    why: str


@dataclass(frozen=True)
class Merge:
    """The concepts by number, and the decisions in the order in which labels were visited."""

    concepts: tuple[MergedConcept, ...]
    decisions: tuple[Decision, ...]

    def categories(self) -> dict[str, list[MergedConcept]]:
        """Return the concepts of each category by number; categories are sorted by their smallest number."""
        found: dict[str, list[MergedConcept]] = {}
        for concept in self.concepts:
            for category in sorted(category for category, _, _ in concept.categories):
                found.setdefault(category, []).append(concept)
        return found

    def numbers(self) -> dict[LabelKey, int]:
        """Return the number of the concept that each source label became; 0 for none."""
        return {decision.label.key: decision.number for decision in self.decisions}


def merge_labels(
    labels: Iterable[SourceLabel],
    *,
    min_images: int = 10,
    min_coverage: float = 0.5,
    most_concepts: int = MOST_CONCEPTS,
) -> Merge:
    """Merge labels, and keep concepts with ``min_images`` images and a coverage of ``min_coverage`` images, in sum.

    Concepts are numbered by falling images, falling coverage, then name. Raises ``NetdissectError`` if no concept is
    left, or more than ``most_concepts``.

    >>> sky = SourceLabel(LabelKey("a", "object", 1), ("sky",), images=20, coverage=9.0)
    >>> heaven = SourceLabel(LabelKey("b", "object", 7), ("sky", "heaven"), images=12, coverage=4.0)
    >>> merge = merge_labels([sky, heaven])
    >>> [(concept.number, concept.name, concept.synonyms, concept.images) for concept in merge.concepts]
    [(1, 'sky', (), 20), (2, 'heaven', (), 12)]
    """
    visits = _visit(sorted(labels, key=lambda label: (-label.images, label.key)))
    merged = _by_concept(visits)
    kept = [concept for concept in merged if concept.images >= min_images and concept.coverage >= min_coverage]
    kept.sort(key=lambda concept: (-concept.images, -concept.coverage, concept.name))
    if not kept:
        raise NetdissectError(
            f"no concept has {min_images} images and a coverage of {min_coverage:g} images; "
            "--min-images and --min-coverage say what is enough"
        )
    if len(kept) > most_concepts:
        raise NetdissectError(f"{len(kept)} concepts; label maps hold {most_concepts} at most")
    concepts = tuple(replace(concept, number=number) for number, concept in enumerate(kept, 1))
    found = {concept.name: concept for concept in [*merged, *concepts]}
    return Merge(concepts, tuple(_decision(visit, found.get(visit.concept)) for visit in visits))


class _Visit(NamedTuple):
    """A label with its concept, and the names that it took."""

    label: SourceLabel
    concept: str
    taken: tuple[str, ...]
    why: str


def _visit(ordered: Sequence[SourceLabel]) -> list[_Visit]:
    """Find each label's concept, in the order of the visits."""
    owners: dict[str, _Visit] = {}
    visits = []
    for label in ordered:
        names = plain_names(label.names, label.key.category)
        apart = confusing_names(names)
        names = tuple(name for name in names if name not in apart)
        taken = tuple(name for name in names if name not in owners)
        if taken:
            visit = _Visit(label, taken[0], taken, _why_own(names, taken, owners))
            owners.update(dict.fromkeys(taken, visit))
        elif names:
            visit = _join(label, names, owners)
        else:
            visit = _Visit(label, "", (), "unlabelled: it has no name that means something")
        if apart:
            visit = visit._replace(why=f"{visit.why}; not called {_quoted(apart)}")
        visits.append(visit)
    return visits


def _why_own(names: Sequence[str], taken: Sequence[str], owners: dict[str, _Visit]) -> str:
    why = f"the first to be called {_quoted(taken)}"
    before = [name for name in names if name in owners]
    return f"{why}; {_owned(before, owners)} before" if before else why


def _join(label: SourceLabel, names: Sequence[str], owners: dict[str, _Visit]) -> _Visit:
    """Join a label without free names to the owner of its name; of several owners, to that of nearest mean size."""
    if len(names) == 1:
        owner = owners[names[0]]
        return _Visit(label, owner.concept, (), f"called {_quoted(names)} as well as {owner.label.key}")

    def distance(name: str) -> tuple[float, int, LabelKey]:
        other = owners[name].label
        return abs(other.mean_size - label.mean_size), -other.images, other.key

    owner = owners[min(names, key=distance)]
    why = f"{_owned(names, owners)}; of these {owner.label.key} has the nearest mean size, "
    why += f"{owner.label.mean_size:.3g} to its {label.mean_size:.3g}"
    return _Visit(label, owner.concept, (), why)


def _owned(names: Iterable[str], owners: dict[str, _Visit]) -> str:
    return ", ".join(f"{_quoted([name])} was taken by {owners[name].label.key}" for name in names)


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _by_concept(visits: Sequence[_Visit]) -> list[MergedConcept]:
    """Collect all concepts, not numbered yet."""
    by_name = sorted(visits, key=lambda visit: (visit.concept, visit.label.key.category))
    merged = []
    for name, members in groupby(by_name, key=lambda visit: visit.concept):
        listed = list(members)
        synonyms = tuple(other for visit in listed for other in visit.taken if other != name)
        categories = []
        for category, part in groupby((visit.label for visit in listed), key=lambda label: label.key.category):
            labels = list(part)
            images, coverage = sum(label.images for label in labels), sum(label.coverage for label in labels)
            categories.append((category, images, coverage))
        categories.sort(key=lambda item: (-item[1], item[0]))
        if name:
            merged.append(MergedConcept(0, name, synonyms, tuple(categories)))
    return merged


def _decision(visit: _Visit, concept: MergedConcept | None) -> Decision:
    if concept is None:
        return Decision(visit.label, "", 0, visit.why)
    rare = "" if concept.number else f"; too rare: {concept.images} images, coverage {concept.coverage:.3g}"
    return Decision(visit.label, concept.name, concept.number, visit.why + rare)
