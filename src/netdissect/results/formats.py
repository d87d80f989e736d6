"""The versions of a run's format on disk, and the readers of older ones.

1   tables of units, counts, top images and their maps, histograms
2   thresholds of one pass: images are known by their position in the data, not in the order of the pass
3   how each layer's maps lie on images, and which tokens are left out
4   examples of concepts
5   maximal responses to a sample of images; later pictures of units, and bases
6   a typed description; each part of a layer's result in a file of its own; the names of images in ``images.parquet``
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from netdissect.results.description import RunDescription
from netdissect.results.layer import LayerResult
from netdissect.results.parts import Activations, Counts, LayerTopImages, Pictures, Sample
from netdissect.types import Concept, NetdissectError

#: The version that is written.
FORMAT_VERSION = 6

#: The oldest version that is read.
OLDEST_VERSION = 5

#: The words of bases in format 5, by kind.
_BASIS_WORDS = {
    "rotation": "rotated by {amount:.10g} of the rotation of seed {seed}",
    "components": "in the basis of its principal components",
    "matrix": "in the basis of {name}",
}


def check_version(path: Path, version: Any) -> None:
    """Raise ``NetdissectError`` unless the ``version`` of ``path`` is one that is read, with the remedy."""
    if isinstance(version, int) and OLDEST_VERSION <= version <= FORMAT_VERSION:
        return
    newer = isinstance(version, int) and version > FORMAT_VERSION
    remedy = "a newer netdissect wrote it, and reads it" if newer else "dissect anew, or use an older netdissect"
    known = f"this netdissect reads versions {OLDEST_VERSION} to {FORMAT_VERSION}"
    raise NetdissectError(f"{path}: format version {version}; {known}: {remedy}")


def description_from_format_5(about: Mapping[str, Any]) -> RunDescription:
    """Return the description that ``about`` of ``run.json`` holds in format 5."""
    options = about.get("options")
    plain = {
        "network": about["model"],
        "data": about["data"],
        "layers": {name: _layer_description(layer) for name, layer in about.get("layers", {}).items()},
        "settings": options,
        "looks": (options or {}).get("visualize"),
    }
    kept = ("versions", "notes", "timings", "components", "table")
    return RunDescription.from_plain({**plain, **{name: about[name] for name in kept if name in about}})


def _layer_description(layer: Mapping[str, Any]) -> dict[str, Any]:
    if "basis" not in layer:
        return dict(layer)
    basis = layer["basis"]
    return {**layer, "basis": {**basis, "words": _BASIS_WORDS[basis["kind"]].format_map(basis)}}


def layer_from_format_5(folder: Path, plain: Mapping[str, Any], concepts: tuple[Concept, ...]) -> LayerResult:
    """Return the layer in a folder of format 5; ``plain`` is its entry in ``run.json``."""
    with np.load(folder / "tally.npz") as file:
        tally = dict(file)
    with np.load(folder / "top.npz") as file:
        top = dict(file)
    table, shape = pd.read_parquet(folder / "top.parquet"), top["maps"].shape[:2]
    return LayerResult(
        layer=plain["layer"],
        counts=Counts(
            concepts,
            **{name: tally[name] for name in ("intersection", "unit_area", "concept_area", "concept_images")},
        ),
        quantile=plain["quantile"],
        iou_threshold=plain["iou_threshold"],
        activations=Activations(
            tally["thresholds"],
            **{name: top[name] for name in ("histogram", "bin_start", "bin_width", "low", "high")},
        ),
        top=LayerTopImages(
            table["image"].to_numpy(np.int64).reshape(shape),
            table["activation"].to_numpy(np.float32).reshape(shape),
            top["maps"],
        ),
        sample=_sample(folder / "peaks.npz"),
        pictures=Pictures.load(folder, "visualizations.parquet"),
    )


def image_names_from_format_5(folder: Path) -> dict[int, str]:
    """Return the names of the images that a layer's folder of format 5 tells, by their index."""
    table = pd.read_parquet(folder / "top.parquet")
    return dict(zip(table["image"].tolist(), table["image_name"].tolist(), strict=True))


def _sample(path: Path) -> Sample | None:
    if not path.is_file():
        return None
    with np.load(path) as file:
        return Sample(tuple(file["image_name"].tolist()), file["peaks"])
