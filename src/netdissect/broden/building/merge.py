"""The merge: labels of several sources become concepts, by their names.

Labels are visited by the number of their images. Each takes those of its names that nobody took before it, and is a
concept if it took any, named by the first of them. Otherwise it joins the label that has its name; where its names
belong to several, the one whose mean size is nearest to its own. Concepts that are too rare are dropped.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

from netdissect.broden.building.names import confusing_names, plain_names
from netdissect.types import NetdissectError

#: What label maps can hold: R + 256 G.
MOST_CONCEPTS = 2**16 - 1


class LabelKey(NamedTuple):
    """A label of a source. Keys are ordered by source, category and the source's own label id."""

    source: str
    category: str
    label: int

    def __str__(self) -> str:
        return f"{self.source}/{self.category} {self.label}"


@dataclass(frozen=True)
class SourceLabel:
    """A label that occurs, with what it may be called and what its publishers call it.

    ``images`` show it; ``coverage`` is the sum of the fractions of them that it covers: whole images.
    """

    key: LabelKey
    names: tuple[str, ...]
    images: int
    coverage: float
    published: str = ""

    @property
    def mean_size(self) -> float:
        """The mean fraction of an image that shows it."""
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
    """What became of a source label: ``concept`` is its name, empty for unlabelled, ``number`` 0 if it was dropped."""

    label: SourceLabel
    concept: str
    number: int
    why: str


@dataclass(frozen=True)
class Merge:
    """The concepts by number, and the decisions by the order of their labels' visits."""

    concepts: tuple[MergedConcept, ...]
    decisions: tuple[Decision, ...]

    def categories(self) -> dict[str, list[MergedConcept]]:
        """The concepts of each category by number, the categories by the smallest number of theirs."""
        found: dict[str, list[MergedConcept]] = {}
        for concept in self.concepts:
            for category in sorted(category for category, _, _ in concept.categories):
                found.setdefault(category, []).append(concept)
        return found

    def numbers(self) -> dict[LabelKey, int]:
        """The number of the concept that each source label became; 0 for none."""
        return {decision.label.key: decision.number for decision in self.decisions}


def merge_labels(labels: Iterable[SourceLabel], *, min_images: int = 10, min_coverage: float = 0.5) -> Merge:
    """Merges labels, and keeps concepts with ``min_images`` images and a coverage of ``min_coverage`` images, in sum.

    Numbers go by falling images, then falling coverage, then name. Raises ``NetdissectError`` if nothing is left.
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
    if len(kept) > MOST_CONCEPTS:
        raise NetdissectError(f"{len(kept)} concepts; label maps hold {MOST_CONCEPTS} at most")
    concepts = tuple(replace(concept, number=place + 1) for place, concept in enumerate(kept))
    found = {concept.name: concept for concept in [*merged, *concepts]}
    return Merge(concepts, tuple(_decision(visit, found.get(visit.concept)) for visit in visits))


class _Visit(NamedTuple):
    """A label with the concept it belongs to, and the names that it took."""

    label: SourceLabel
    concept: str
    taken: tuple[str, ...]
    why: str


def _visit(ordered: Sequence[SourceLabel]) -> list[_Visit]:
    """Each label's concept, in the order of their visits."""
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
    """All of its names are taken: it joins the owner of the only one, or the owner whose mean size is nearest."""
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
    """All concepts, not numbered yet."""
    by_name = sorted(visits, key=lambda visit: (visit.concept, visit.label.key.category))
    merged = []
    for name, members in groupby(by_name, key=lambda visit: visit.concept):
        listed = list(members)
        synonyms = tuple(other for visit in listed for other in visit.taken if other != name)
        categories = []
        for category, part in groupby((visit.label for visit in listed), key=lambda label: label.key.category):
            labels = list(part)
            categories.append((category, sum(one.images for one in labels), sum(one.coverage for one in labels)))
        categories.sort(key=lambda item: (-item[1], item[0]))
        if name:
            merged.append(MergedConcept(0, name, synonyms, tuple(categories)))
    return merged


def _decision(visit: _Visit, concept: MergedConcept | None) -> Decision:
    if concept is None:
        return Decision(visit.label, "", 0, visit.why)
    rare = "" if concept.number else f"; too rare: {concept.images} images, coverage {concept.coverage:.3g}"
    return Decision(visit.label, concept.name, concept.number, visit.why + rare)
