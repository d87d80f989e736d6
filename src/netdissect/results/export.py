"""Results written as tables of units, in the format of ``results.table``."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from netdissect.results.layer import LayerResult
from netdissect.results.run import Result, folder_of
from netdissect.results.table import OF_CATEGORY, OF_UNIT, RUN_COLUMNS
from netdissect.storage import not_writable, write_text
from netdissect.types import NetdissectError


def table_files(result: Result, layers: Sequence[str], out: Path) -> dict[str, Path]:
    """Where the table of each of ``layers`` goes: ``out`` itself if that names a CSV file, else files in it.

    Raises ``NetdissectError`` for a layer that ``result`` does not have, and for a file that is to hold several.
    """
    for layer in layers:
        result.check_layer(layer)
    if out.suffix.lower() != ".csv":
        places = {layer: place for place, layer in enumerate(result.layers)}
        return {layer: out / f"{folder_of(places[layer], layer)}.csv" for layer in layers}
    if len(layers) > 1:
        raise NetdissectError(f"{out}: a table is of one layer, not of {', '.join(layers)}: name one, or a directory")
    return {layers[0]: out}


def write_table(result: Result, layer: str, path: str | Path) -> None:
    """Writes a layer of ``result`` as a table. Raises ``NetdissectError`` if it cannot be written."""
    of_layer = result[layer]
    if of_layer.criterion != "iou":
        raise NetdissectError(
            f"{result.name}: layer {layer} is scored by {of_layer.score_title}, but the format of published tables has "
            "IoU alone"
        )
    names = (
        *OF_UNIT,
        *(f"{category}-{what}" for category in of_layer.categories for what in OF_CATEGORY),
        *(f"{category}-number" for category in of_layer.categories),
        *RUN_COLUMNS,
    )
    text = io.StringIO()
    writer = csv.DictWriter(text, names)  # lines end as RFC 4180 says, or names could hold half of such an end
    writer.writeheader()
    of_run = dict(zip(RUN_COLUMNS, _of_run(result, of_layer), strict=True))
    writer.writerows({**row, **of_run} for row in _rows(of_layer))
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text.getvalue())
    except OSError as error:
        raise not_writable(path, error) from error


def _of_run(result: Result, layer: LayerResult) -> tuple[Any, ...]:
    cut, quantile = float(layer.iou_threshold), float(layer.quantile)
    return result.name, layer.layer, cut, quantile, result.description.data.name, result.dataset_id


def _rows(layer: LayerResult) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [{"unit": unit + 1, "score": 0.0} for unit in range(layer.unit_count)]
    for told, column in zip(layer.units.to_dict("records"), layer.best.ravel().tolist(), strict=True):
        row, category = rows[told["unit"]], told["category"]
        named = told["iou"] > 0
        concept = layer.concepts[column] if named else None
        values = {
            "label": concept.name if concept else "",
            "number": concept.number if concept else "",
            "truth": told["concept_area"],
            "activation": told["unit_area"],
            "intersect": told["intersection"],
            "iou": repr(float(told["iou"])),
        }
        row |= {f"{category}-{what}": value for what, value in values.items()}
        if told["is_label"] and concept:
            row |= {"category": category, "label": concept.name, "score": values["iou"]}
    return rows
