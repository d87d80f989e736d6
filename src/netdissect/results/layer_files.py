"""A layer's folder in a run: what lies there is told in ``results.run``."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from netdissect.results.layer import LayerResult
from netdissect.results.visualization import Visualization
from netdissect.storage import save_arrays
from netdissect.types import Concept

_TALLY = ("thresholds", "intersection", "unit_area", "concept_area", "concept_images")
_TOP = {
    "maps": "top_maps",
    "histogram": "histogram",
    "bin_start": "bin_start",
    "bin_width": "bin_width",
    "low": "low",
    "high": "high",
}

#: A row per picture of a unit, with its JPEG.
VISUALIZATIONS = "visualizations.parquet"

_VISUALIZED = [column.name for column in fields(Visualization)]


def save_layer(layer: LayerResult, folder: Path, names: Mapping[int, str]) -> None:
    """Writes the layer to a new folder; ``names`` are those of the images among its top ones. Raises ``OSError``."""
    folder.mkdir()
    layer.units.to_parquet(folder / "units.parquet", index=False)
    save_arrays(folder / "tally.npz", {name: getattr(layer, name) for name in _TALLY})
    save_arrays(folder / "top.npz", {name: getattr(layer, field) for name, field in _TOP.items()})
    if layer.peaks is not None:
        save_arrays(folder / "peaks.npz", {"image_name": np.array(layer.sample, dtype=str), "peaks": layer.peaks})
    if layer.visualizations:
        rows = pd.DataFrame([asdict(one) for one in layer.visualizations], columns=_VISUALIZED)
        rows.to_parquet(folder / VISUALIZATIONS, index=False, compression=None)
    units, ranks = layer.top_image.shape
    image = layer.top_image.ravel()
    top = {
        "unit": np.repeat(np.arange(units), ranks),
        "rank": np.tile(np.arange(ranks), units),
        "image": image,
        "image_name": [names[int(index)] for index in image],
        "activation": layer.top_activation.ravel(),
        "row": layer.top_positions[..., 0].ravel(),
        "column": layer.top_positions[..., 1].ravel(),
    }
    pd.DataFrame(top).to_parquet(folder / "top.parquet", index=False)


def load_layer(
    folder: Path, item: Mapping[str, Any], concepts: tuple[Concept, ...]
) -> tuple[LayerResult, dict[int, str]]:
    """The layer's result, and the names of the images among its top ones."""
    with (folder / "tally.npz").open("rb") as opened, np.load(opened) as file:
        counts = {name: file[name] for name in _TALLY}
    with (folder / "top.npz").open("rb") as opened, np.load(opened) as file:
        kept = {field: file[name] for name, field in _TOP.items()}
    further: dict[str, Any] = {}
    if (folder / "peaks.npz").is_file():
        with (folder / "peaks.npz").open("rb") as opened, np.load(opened) as file:
            further = {"sample": tuple(file["image_name"].tolist()), "peaks": file["peaks"]}
    if (folder / VISUALIZATIONS).is_file():
        rows = pd.read_parquet(folder / VISUALIZATIONS)[_VISUALIZED].to_dict("records")
        pictures = tuple(Visualization(**{str(name): value for name, value in row.items()}) for row in rows)
        further["visualizations"] = pictures
    top = pd.read_parquet(folder / "top.parquet")
    shape = kept["top_maps"].shape[:2]
    layer = LayerResult(
        layer=item["layer"],
        concepts=concepts,
        quantile=item["quantile"],
        iou_threshold=item["iou_threshold"],
        top_image=top["image"].to_numpy(np.int64).reshape(shape),
        top_activation=top["activation"].to_numpy(np.float32).reshape(shape),
        **counts,
        **kept,
        **further,
    )
    return layer, dict(zip(top["image"].tolist(), top["image_name"].tolist(), strict=True))
