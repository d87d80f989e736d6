"""The table of a layer's units as plain data, from which a page counts, sorts and filters them at any cut."""

from typing import Any

import numpy as np

from netdissect.report.names import NamedLayer, Names
from netdissect.results import Result


def layer_table(named: NamedLayer, result: Result, names: Names) -> dict[str, Any]:
    """Return the table of a layer's units. ``concept`` and ``score`` have an entry per unit and category of the layer.

    ``concept`` is an index into the report's concepts, -1 without any overlap. Scores are not rounded, so that a page
    counts exactly as ``LayerResult.summary``. ``label`` is the index of the label's category among the layer's, -1
    without a label; ``ceiling`` is the ceiling of the label's score.
    """
    layer = named.layer
    units, categories = layer.unit_count, len(layer.categories)
    table = layer.units
    named_at = table["concept"].notna().to_numpy().reshape(units, categories)
    is_label = table["is_label"].to_numpy().reshape(units, categories)
    label = np.where(is_label.any(axis=1), is_label.argmax(axis=1), -1)
    ceiling = table[layer.ceiling_column].to_numpy().reshape(units, categories)[np.arange(units), label]
    return {
        "id": named.id,
        "run": named.run,
        "layer": layer.layer,
        "words": result.description.layer_words(layer.layer),
        "units": units,
        "cut": layer.iou_threshold,
        "shape": list(result.description.data.label_shape),
        "categories": [names.categories.index(category) for category in layer.categories],
        "concept": np.where(named_at, names.indices_of(layer.concepts)[layer.best], -1).tolist(),
        "score": table[layer.score_column].to_numpy().reshape(units, categories).tolist(),
        "label": label.tolist(),
        "ceiling": np.where(label < 0, 0, ceiling).round(4).tolist(),
        "silent": {str(unit): reason for unit, reason in layer.silent.items()},
    }
