"""Small layers whose units have given labels and responses."""

import numpy as np

from netdissect import Concept
from tests.results.flat import changed, layer_from

CONCEPTS = (
    Concept(1, "car", "object"),
    Concept(2, "sky", "object"),
    Concept(3, "wheel", "part"),
    Concept(4, "red", "color"),
    Concept(5, "red", "object"),  # another concept of the same name
)


def layer_of(intersection, *, sample=(), peaks=None, iou_threshold=0.04, layer="conv"):
    """Masks have 50 pixels and concepts 100, so that an intersection ``i`` is an IoU of ``i / (150 - i)``."""
    units = len(intersection)
    fields = {} if peaks is None else {"image_names": tuple(sample), "peaks": np.asarray(peaks, dtype=np.float32)}
    return layer_from(
        layer=layer,
        concepts=CONCEPTS,
        quantile=0.005,
        iou_threshold=iou_threshold,
        intersection=np.array(intersection, dtype=np.int64).reshape(units, len(CONCEPTS)),
        unit_area=np.full((units, 3), 50, dtype=np.int64),
        concept_area=np.full(len(CONCEPTS), 100, dtype=np.int64),
        **fields,
    )


def random_labels(random, units, **options):
    """Labels by chance: many ties, units without any overlap, IoUs on both sides of the cut."""
    return layer_of(random.choice([0, 0, 0, 4, 6, 7, 20, 40], (units, len(CONCEPTS))), **options)


def permuted(layer, order, scale=3.0, shift=-1.0):
    """The units of ``layer`` in another order, each responding as before but for scale and level."""
    counts = {name: getattr(layer.counts, name)[order] for name in ("intersection", "unit_area")}
    return changed(layer, peaks=scale * layer.sample.peaks[:, order] + shift, **counts)
