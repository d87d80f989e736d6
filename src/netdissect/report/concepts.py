"""The pages of concepts as plain data: where each is in the data, and which units detect it in which layers."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from netdissect.report.images import Shown
from netdissect.report.names import NamedLayer, Names
from netdissect.results import Result

#: Of a layer in which fewer units detect a concept, those that come near are shown too.
NEAR = 6


def concept_pages(results: Sequence[Result], names: Names, shown: Shown) -> Iterator[dict[str, Any]]:
    """A page per concept, in the order of ``names.concepts``.

    ``data`` tells how often it is in each dataset, ``examples`` has images with its mask, ``layers`` per layer how many
    units detect it as the best concept of its category (``detectors``), of how many it is the label (``labels``), and
    the best of these.
    """
    counts = [_counts(named, results[named.run], names) for named in names.layers]
    units = [_units(named, names) for named in names.layers]
    examples = _examples(results, names, shown)
    datasets = [_dataset(results[named.run]) for named in names.layers]
    for place, concept in enumerate(names.concepts):
        yield {
            "name": concept.name,
            "category": concept.category,
            "color": names.colors[concept.category],
            "page": concept.page,
            "data": _once_per_dataset(place, counts, datasets),
            "examples": examples.get(place, []),
            "layers": [
                {"id": named.id, "number": number, "cut": named.layer.iou_threshold, **units[number][place]}
                for number, named in enumerate(names.layers)
                if place in units[number]
            ],
        }


def _dataset(result: Result) -> tuple[Any, ...]:
    """By what two results are known to be of the same labels."""
    data = result.description.data
    return (data.name, data.fingerprint, data.images, *data.label_shape)


def _once_per_dataset(
    place: int, counts: Sequence[dict[int, dict[str, Any]]], datasets: Sequence[tuple[Any, ...]]
) -> list[dict[str, Any]]:
    """What the first layer of each dataset tells of the concept: others may count other categories."""
    told: dict[tuple[Any, ...], dict[str, Any]] = {}
    for of_layer, dataset in zip(counts, datasets, strict=True):
        if place in of_layer:
            told.setdefault(dataset, of_layer[place])
    return list(told.values())


def _counts(named: NamedLayer, result: Result, names: Names) -> dict[int, dict[str, Any]]:
    """By concept, in how many images and on how many label pixels of the layer's dataset it is, where that is known."""
    layer, data = named.layer, result.description.data
    if layer.counts.concept_images is None or data.images is None:
        return {}
    every = data.images * int(np.prod(data.label_shape))
    areas, images = layer.counts.concept_area.tolist(), layer.counts.concept_images.tolist()
    return {
        place: {
            "dataset": data.name,
            "shape": list(data.label_shape),
            "images": images[column],
            "all_images": data.images,
            "pixels": areas[column],
            "share": areas[column] / every,
        }
        for column, place in enumerate(names.places(layer.concepts).tolist())
    }


def _units(named: NamedLayer, names: Names) -> dict[int, dict[str, Any]]:
    """By concept the units of which it is the best of its category: all detectors, or ``NEAR`` of the best."""
    layer = named.layer
    places = names.places(layer.concepts)
    found: dict[int, dict[str, Any]] = {int(place): {"detectors": 0, "labels": 0, "units": []} for place in places}
    table = layer.units.assign(place=places[layer.best].ravel())
    score, ceiling = layer.score_column, layer.ceiling_column
    for row in table[table[score] > 0].sort_values([score, "unit"], ascending=[False, True]).to_dict("records"):
        of_concept = found[row["place"]]
        of_concept["detectors"] += row["is_detector"]
        of_concept["labels"] += row["is_detector"] and row["is_label"]
        if row["is_detector"] or len(of_concept["units"]) < NEAR:
            unit = {key: row[key] for key in ("unit", "is_label", "is_detector")}
            of_concept["units"].append({**unit, "score": row[score], "ceiling": row[ceiling]})
    return found


def _examples(results: Sequence[Result], names: Names, shown: Shown) -> dict[int, list[dict[str, Any]]]:
    """By concept the images that show it, those of the first result that has any."""
    examples: dict[int, list[dict[str, Any]]] = {}
    for run, result in enumerate(results):
        of_run = _examples_of(result, run, names, shown)
        examples.update({place: found for place, found in of_run.items() if place not in examples})
    return examples


def _examples_of(result: Result, run: int, names: Names, shown: Shown) -> dict[int, list[dict[str, Any]]]:
    concepts = next(iter(result.layers.values())).concepts
    place_of = dict(zip((concept.number for concept in concepts), names.places(concepts).tolist(), strict=True))
    shape = list(result.description.data.label_shape)
    found: dict[int, list[dict[str, Any]]] = {}
    for example in result.examples:
        where = {"share": example.pixels / int(np.prod(shape)), "mask": example.mask, "shape": shape}
        found.setdefault(place_of[example.concept], []).append({**shown[run][example.image], **where})
    return found
