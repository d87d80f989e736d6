"""The names of concepts and layers of several results in one report."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from netdissect.results import LayerResult, Result, category_colors
from netdissect.types import Concept, distinct, plain_text, sorted_categories


@dataclass(frozen=True)
class NamedConcept:
    """A concept of the report, shared by results that have it by the same name and category."""

    name: str
    category: str
    page: str


@dataclass(frozen=True)
class NamedLayer:
    """A layer of a result. Its ``id`` in addresses is its name, after the name of its run if there are several."""

    id: str
    run: int
    layer: LayerResult


class Names:
    """The concepts and layers of ``results``, in the order of the report's lists."""

    def __init__(self, results: Sequence[Result]) -> None:
        self.runs = distinct([plain_text(result.name) for result in results])
        self.layers = _layers(results, self.runs)
        # By category; within it by number in the first result, then the concepts that further results add.
        keys = {key: concept for named in self.layers for key, concept in _numbered(named.layer.concepts)}
        self.categories = sorted_categories({concept.category for concept in keys.values()})
        self.colors = category_colors(self.categories)
        ordered = sorted(keys.items(), key=lambda item: self.categories.index(item[1].category))
        self.concepts = [
            NamedConcept(concept.name, concept.category, concept_page(index, concept.name))
            for index, (_, concept) in enumerate(ordered)
        ]
        self._indices = {key: index for index, (key, _) in enumerate(ordered)}

    def indices_of(self, concepts: Sequence[Concept]) -> Int64[np.ndarray, " c"]:
        """Return the index in the report of each of a result's concepts."""
        return np.array([self._indices[key] for key, _ in _numbered(concepts)], dtype=np.int64)


def concept_page(index: int, name: str) -> str:
    """Return the file name of a concept's page; the concept's name in it is reduced to ASCII letters and digits.

    >>> concept_page(3, "traffic light")
    '0003-traffic-light.html'
    """
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-")
    return f"{index:04d}-{plain}.html" if plain else f"{index:04d}.html"


def _layers(results: Sequence[Result], runs: Sequence[str]) -> list[NamedLayer]:
    layers = [(run, layer) for run, result in enumerate(results) for layer in result.layers.values()]
    named = [f"{runs[run]}:{layer.layer}" if len(runs) > 1 else layer.layer for run, layer in layers]
    ids = distinct(named)
    return [NamedLayer(id_, run, layer) for id_, (run, layer) in zip(ids, layers, strict=True)]


def _numbered(concepts: Sequence[Concept]) -> list[tuple[tuple[str, str, int], Concept]]:
    """Return pairs of a key and a concept: category, name, and a number among concepts of the same name."""
    seen: Counter[tuple[str, str]] = Counter()
    keys = []
    for concept in concepts:
        key = (concept.category, concept.name)
        keys.append(((*key, seen[key]), concept))
        seen[key] += 1
    return keys


def picture_stem(layer: int, unit: int) -> str:
    """Return the stem of the names of a unit's picture files, by the number of its layer in the report."""
    return f"visualizations/{layer}/{unit}"
