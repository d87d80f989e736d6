"""Small results whose counts are known."""

import numpy as np

from netdissect import Concept, Result
from netdissect.results.description import DataDescription, NetworkDescription, RunDescription
from tests.results.small import layer_result

CONCEPTS = (
    Concept(1, "sky", "object"),
    Concept(2, "car", "object"),
    Concept(3, "wheel", "part"),
    Concept(4, "red", "color"),
)


def result_with(name, *units, dataset="street", quantile=0.005, layer="conv", cut=0.04, concepts=CONCEPTS):
    """A result whose units overlap concepts on so many label pixels; all areas are 50: IoU is ``i / (100 - i)``."""
    intersection = np.zeros((len(units), len(concepts)), dtype=np.int64)
    for place, unit in enumerate(units):
        for concept, pixels in unit.items():
            intersection[place, [one.name for one in concepts].index(concept)] = pixels
    categories = {one.category for one in concepts}
    of_layer = layer_result(
        intersection,
        np.full((len(units), len(categories)), 50),
        np.full(len(concepts), 50),
        concepts=concepts,
        quantile=quantile,
        iou_threshold=cut,
        layer=layer,
    )
    description = RunDescription(
        network=NetworkDescription(name="m"),
        data=DataDescription(name=dataset, fingerprint=dataset, images=8, label_shape=[10, 10]),
    )
    return Result(name, {layer: of_layer}, {}, description)
