"""The folder of a layer in a run: ``results.run`` lists its files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netdissect.results.layer import LayerResult
from netdissect.results.parts import Activations, Counts, LayerTopImages, Pictures, Sample
from netdissect.types import Concept


def save_layer(layer: LayerResult, folder: Path, names: Mapping[int, str]) -> None:
    """Write the layer to a new folder; ``names`` are those of its top images. Raises ``OSError``."""
    folder.mkdir()
    layer.units.to_parquet(folder / "units.parquet", index=False)
    for part in (layer.counts, layer.activations, layer.sample, layer.pictures):
        if part is not None:
            part.save(folder)
    if layer.top is not None:
        layer.top.save(folder, names)


def load_layer(folder: Path, plain: Mapping[str, Any], concepts: tuple[Concept, ...]) -> LayerResult:
    """Return the layer in a folder; ``plain`` is its entry in ``run.json``."""
    return LayerResult(
        layer=plain["layer"],
        counts=Counts.load(folder, concepts),
        quantile=plain["quantile"],
        iou_threshold=plain["iou_threshold"],
        criterion=plain["criterion"],
        activations=Activations.load(folder),
        top=LayerTopImages.load(folder),
        sample=Sample.load(folder),
        pictures=Pictures.load(folder),
    )
