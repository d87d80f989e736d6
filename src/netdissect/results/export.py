"""The export of results as tables of units, in the format of ``results.table``."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from netdissect.results.layer import LayerResult
from netdissect.results.run import Result, folder_of
from netdissect.results.table import CATEGORY_FIELDS, RUN_COLUMNS, UNIT_FIELDS
from netdissect.storage import not_writable, write_text
from netdissect.types import NetdissectError


def table_files(result: Result, layers: Sequence[str], out: Path) -> dict[str, Path]:
    """Return the path of each layer's table: ``out`` itself if it names a CSV file, else a file in it.

    Raises ``NetdissectError`` for a layer that ``result`` does not have, and for one file of several layers.
    """
    for layer in layers:
        result.check_layer(layer)
    if out.suffix.lower() != ".csv":
        indices = {layer: index for index, layer in enumerate(result)}
        return {layer: out / f"{folder_of(indices[layer], layer)}.csv" for layer in layers}
    if len(layers) > 1:
        raise NetdissectError(f"{out}: a table is of one layer, not of {', '.join(layers)}: name one, or a directory")
    return {layers[0]: out}


def write_table(result: Result, layer: str, path: str | Path) -> None:
    """Write a layer of ``result`` as a table to the file ``path``.

    Raises ``NetdissectError`` if the file cannot be written, and for a layer of another criterion than IoU.
    """
    layer_result = result[layer]
    if layer_result.criterion != "iou":
        raise NetdissectError(
            f"{result.name}: layer {layer} is scored by {layer_result.score_title}, but the format of published tables "
            "has IoU alone"
        )
    names = (
        *UNIT_FIELDS,
        *(f"{category}-{field}" for category in layer_result.categories for field in CATEGORY_FIELDS),
        *(f"{category}-number" for category in layer_result.categories),
        *RUN_COLUMNS,
    )
    text = io.StringIO()
    writer = csv.DictWriter(text, names)  # lines end as RFC 4180 says: names may hold half of such an end
    writer.writeheader()
    metadata = dict(zip(RUN_COLUMNS, _metadata(result, layer_result), strict=True))
    writer.writerows({**row, **metadata} for row in _rows(layer_result))
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text.getvalue())
    except OSError as error:
        raise not_writable(path, error) from error


def _metadata(result: Result, layer: LayerResult) -> tuple[Any, ...]:
    cut, quantile = float(layer.iou_threshold), float(layer.quantile)
    return result.name, layer.layer, cut, quantile, result.description.data.name, result.dataset_id


def _rows(layer: LayerResult) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [{"unit": unit + 1, "score": 0.0} for unit in range(layer.unit_count)]
    for best, column in zip(layer.units.to_dict("records"), layer.best.ravel().tolist(), strict=True):
        row, category = rows[best["unit"]], best["category"]
        named = best["iou"] > 0
        concept = layer.concepts[column] if named else None
        values = {
            "label": concept.name if concept else "",
            "number": concept.number if concept else "",
            "truth": best["concept_area"],
            "activation": best["unit_area"],
            "intersect": best["intersection"],
            "iou": repr(float(best["iou"])),
        }
        row |= {f"{category}-{field}": value for field, value in values.items()}
        if best["is_label"] and concept:
            row |= {"category": category, "label": concept.name, "score": values["iou"]}
    return rows
