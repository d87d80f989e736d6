"""Small layers whose counts are known, and runs of them."""

import numpy as np

from netdissect import Concept, Result
from netdissect.results import ShownImage
from netdissect.results.description import DataDescription, NetworkDescription, RunDescription
from tests.results.flat import layer_from

UNIT_COLUMNS = (
    "unit",
    "category",
    "concept",
    "iou",
    "iou_ceiling",
    "intersection",
    "unit_area",
    "concept_area",
    "threshold",
    "is_label",
    "is_detector",
)

CONCEPTS = (
    Concept(2, "sky", "object"),
    Concept(3, "wheel", "part"),
    Concept(5, "car", "object"),
    Concept(9, "striped", "texture"),
)


def layer_result(intersection, unit_area, concept_area, **changes):
    units = len(intersection)
    images = np.arange(2 * units).reshape(units, 2)
    fields = {
        "layer": "conv",
        "concepts": CONCEPTS,
        "quantile": 0.005,
        "iou_threshold": 0.04,
        "thresholds": np.arange(units, dtype=np.float32),
        "intersection": np.array(intersection, dtype=np.int64),
        "unit_area": np.array(unit_area, dtype=np.int64),
        "concept_area": np.array(concept_area, dtype=np.int64),
        "concept_images": np.ones(len(concept_area), dtype=np.int64),
        "top_image": images.astype(np.int64),
        "top_activation": images.astype(np.float32) + 0.5,
        "top_maps": np.random.default_rng(0).standard_normal((units, 2, 3, 4)).astype(np.float32),
        "histogram": np.full((units, 64), 100, dtype=np.int64),
        "bin_start": np.zeros(units, dtype=np.float32),
        "bin_width": np.full(units, 2, dtype=np.float32),
        "low": np.zeros(units, dtype=np.float32),
        "high": np.full(units, 99, dtype=np.float32),
        "image_names": ("a.jpg", "ü \u202e.jpg", ""),
        "peaks": np.random.default_rng(1).standard_normal((3, units)).astype(np.float32),
    }
    return layer_from(**(fields | changes))


def result_of(*layers, name="a run"):
    indices = sorted({int(index) for layer in layers for index in layer.top.image.ravel()})
    images = {index: ShownImage(f"picture {index}.jpg", bytes([index])) for index in indices}
    description = RunDescription(
        network=NetworkDescription(name="m"),
        data=DataDescription(name="d", images=8, fingerprint="f"),
        notes=["one <note>"],
    )
    return Result(name, {layer.layer: layer for layer in layers}, images, description)
