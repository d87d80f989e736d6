"""The pages of concepts as plain data: each concept's counts in the data, and the units that detect it."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from netdissect.pages.images import Shown
from netdissect.report.names import NamedLayer, Names
from netdissect.results import Result

#: The least units shown per layer: where fewer detect a concept, those that come near are shown too.
NEAR = 6


def concept_pages(results: Sequence[Result], names: Names, shown: Shown) -> Iterator[dict[str, Any]]:
    """Yield a page per concept, in the order of ``names.concepts``.

    ``data`` has the concept's counts in each dataset, ``examples`` images with its mask. ``layers`` has per layer the
    number of units that detect it as the best concept of its category (``detectors``), the number of those whose label
    it is (``labels``), and the best of them.
    """
    counts = [_counts(named, results[named.run], names) for named in names.layers]
    units = [_units(named, names) for named in names.layers]
    examples = _examples(results, names, shown)
    datasets = [_dataset(results[named.run]) for named in names.layers]
    for index, concept in enumerate(names.concepts):
        yield {
            "name": concept.name,
            "category": concept.category,
            "color": names.colors[concept.category],
            "page": concept.page,
            "data": _once_per_dataset(index, counts, datasets),
            "examples": examples.get(index, []),
            "layers": [
                {"id": named.id, "number": number, "cut": named.layer.iou_threshold, **units[number][index]}
                for number, named in enumerate(names.layers)
                if index in units[number]
            ],
        }


def _dataset(result: Result) -> tuple[Any, ...]:
    """Return the identity of the result's labels: datasets that share it are described once."""
    data = result.description.data
    return (data.name, data.fingerprint, data.images, *data.label_shape)


def _once_per_dataset(
    index: int, counts: Sequence[dict[int, dict[str, Any]]], datasets: Sequence[tuple[Any, ...]]
) -> list[dict[str, Any]]:
    """Return the concept's counts in each dataset, by the first layer that has them: others may lack its category."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for concepts, dataset in zip(counts, datasets, strict=True):
        if index in concepts:
            found.setdefault(dataset, concepts[index])
    return list(found.values())


def _counts(named: NamedLayer, result: Result, names: Names) -> dict[int, dict[str, Any]]:
    """Return the images and label pixels of each concept in the layer's dataset, by its index; empty if unknown."""
    layer, data = named.layer, result.description.data
    if layer.counts.concept_images is None or data.images is None:
        return {}
    every = data.images * int(np.prod(data.label_shape))
    areas, images = layer.counts.concept_area.tolist(), layer.counts.concept_images.tolist()
    return {
        index: {
            "dataset": data.name,
            "shape": list(data.label_shape),
            "images": images[column],
            "all_images": data.images,
            "pixels": areas[column],
            "share": areas[column] / every,
        }
        for column, index in enumerate(names.indices_of(layer.concepts).tolist())
    }


def _units(named: NamedLayer, names: Names) -> dict[int, dict[str, Any]]:
    """Return the units whose best concept of a category is each concept: all detectors, or the ``NEAR`` best."""
    layer = named.layer
    indices = names.indices_of(layer.concepts)
    found: dict[int, dict[str, Any]] = {int(index): {"detectors": 0, "labels": 0, "units": []} for index in indices}
    table = layer.units.assign(index=indices[layer.best].ravel())
    score, ceiling = layer.score_column, layer.ceiling_column
    for row in table[table[score] > 0].sort_values([score, "unit"], ascending=[False, True]).to_dict("records"):
        concept = found[row["index"]]
        concept["detectors"] += row["is_detector"]
        concept["labels"] += row["is_detector"] and row["is_label"]
        if row["is_detector"] or len(concept["units"]) < NEAR:
            unit = {key: row[key] for key in ("unit", "is_label", "is_detector")}
            concept["units"].append({**unit, "score": row[score], "ceiling": row[ceiling]})
    return found


def _examples(results: Sequence[Result], names: Names, shown: Shown) -> dict[int, list[dict[str, Any]]]:
    """Return the images that show each concept, by its index: those of the first result that has any."""
    examples: dict[int, list[dict[str, Any]]] = {}
    for run, result in enumerate(results):
        added = _examples_of(result, run, names, shown)
        examples.update({index: found for index, found in added.items() if index not in examples})
    return examples


def _examples_of(result: Result, run: int, names: Names, shown: Shown) -> dict[int, list[dict[str, Any]]]:
    concepts = next(iter(result.layers.values())).concepts
    index_of = dict(zip((concept.number for concept in concepts), names.indices_of(concepts).tolist(), strict=True))
    shape = list(result.description.data.label_shape)
    found: dict[int, list[dict[str, Any]]] = {}
    for example in result.examples:
        mask = {"share": example.pixels / int(np.prod(shape)), "mask": example.mask, "shape": shape}
        found.setdefault(index_of[example.concept], []).append({**shown[run][example.image], **mask})
    return found
