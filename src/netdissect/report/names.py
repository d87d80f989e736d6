"""What the concepts and layers of several results are called in one report."""

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
    """A concept of the report: results that call it alike, in the same category, share it."""

    name: str
    category: str
    page: str


@dataclass(frozen=True)
class NamedLayer:
    """A layer of one of the results, ``id`` in addresses: its name, with that of its run where there are several."""

    id: str
    run: int
    layer: LayerResult


class Names:
    """The concepts and layers of ``results``, each with its place in the report's lists."""

    def __init__(self, results: Sequence[Result]) -> None:
        self.runs = distinct([plain_text(result.name) for result in results])
        self.layers = _layers(results, self.runs)
        # By category; within one, by number in the first result, then what the next ones add.
        keys = {key: concept for named in self.layers for key, concept in _numbered(named.layer.concepts)}
        self.categories = sorted_categories({concept.category for concept in keys.values()})
        self.colors = category_colors(self.categories)
        ordered = sorted(keys.items(), key=lambda item: self.categories.index(item[1].category))
        self.concepts = [
            NamedConcept(concept.name, concept.category, concept_page(place, concept.name))
            for place, (_, concept) in enumerate(ordered)
        ]
        self._places = {key: place for place, (key, _) in enumerate(ordered)}

    def places(self, concepts: Sequence[Concept]) -> Int64[np.ndarray, " c"]:
        """Where each of a result's concepts stands among those of the report."""
        return np.array([self._places[key] for key, _ in _numbered(concepts)], dtype=np.int64)


def concept_page(place: int, name: str) -> str:
    """The file of a concept's page: the name in it is for people, and holds but letters and digits of ASCII."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-")
    return f"{place:04d}-{plain}.html" if plain else f"{place:04d}.html"


def _layers(results: Sequence[Result], runs: Sequence[str]) -> list[NamedLayer]:
    layers = [(place, layer) for place, result in enumerate(results) for layer in result.layers.values()]
    named = [f"{runs[place]}:{layer.layer}" if len(runs) > 1 else layer.layer for place, layer in layers]
    ids = distinct(named)
    return [NamedLayer(id_, place, layer) for id_, (place, layer) in zip(ids, layers, strict=True)]


def _numbered(concepts: Sequence[Concept]) -> list[tuple[tuple[str, str, int], Concept]]:
    """Concepts by category, name, and which one it is of those that a dataset calls alike."""
    seen: Counter[tuple[str, str]] = Counter()
    keys = []
    for concept in concepts:
        key = (concept.category, concept.name)
        keys.append(((*key, seen[key]), concept))
        seen[key] += 1
    return keys


def pictures_of(layer: int, unit: int) -> str:
    """How the files of a unit's pictures begin in a report, by the number of the layer in it."""
    return f"visualizations/{layer}/{unit}"
