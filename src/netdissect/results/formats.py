"""The versions of a run's format on disk, and the readers of older ones.

1   tables of units, counts, top images and their maps, histograms
2   histograms of one pass: their bins begin at ``bin_start`` and are ``bin_width`` wide
3   layers are described: layout, receptive field, alignment, tokens left out
4   examples of concepts
5   the highest responses to a sample of images; bases of layers; pictures of units
6   a typed description; a file for each part of a layer's result; the names of images in ``images.parquet``
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from netdissect.results.description import RunDescription
from netdissect.results.images import load_names
from netdissect.results.layer import LayerResult
from netdissect.results.layer_files import load_layer
from netdissect.results.parts import Activations, Counts, LayerTopImages, Pictures, Sample
from netdissect.storage import read_arrays
from netdissect.types import Concept, NetdissectError

#: The version that is written.
FORMAT_VERSION = 6

#: The contents of a run, but for its images: its description, its layers, the names of its images by their index.
Contents = tuple[RunDescription, list[LayerResult], dict[int, str]]

#: The words of bases in format 5, by kind.
_BASIS_WORDS = {
    "rotation": "rotated by {amount:.10g} of the rotation of seed {seed}",
    "components": "in the basis of its principal components",
    "matrix": "in the basis of {name}",
}


def description_from_format_5(about: Mapping[str, Any]) -> RunDescription:
    """Return the description that ``about`` of ``run.json`` holds in format 5."""
    options = about.get("options")
    plain = {
        "network": about["model"],
        "data": about["data"],
        "layers": {name: _layer_description_5(layer) for name, layer in about.get("layers", {}).items()},
        "settings": options,
        "looks": (options or {}).get("visualize"),
    }
    kept = ("versions", "notes", "timings", "table")
    plain["fitted"] = about.get("components", {})
    return RunDescription.from_plain({**plain, **{name: about[name] for name in kept if name in about}})


def _layer_description_5(layer: Mapping[str, Any]) -> dict[str, Any]:
    if "basis" not in layer:
        return dict(layer)
    basis = layer["basis"]
    return {**layer, "basis": {**basis, "words": _BASIS_WORDS[basis["kind"]].format_map(basis)}}


def _layer_5(folder: Path, plain: Mapping[str, Any], concepts: tuple[Concept, ...]) -> LayerResult:
    """Return the layer in a folder of format 5; ``plain`` is its entry in ``run.json``."""
    tally, top = read_arrays(folder / "tally.npz"), read_arrays(folder / "top.npz")
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
        sample=_sample_5(folder / "peaks.npz"),
        pictures=Pictures.load(folder, "visualizations.parquet"),
    )


def _read_6(root: Path, plain: Mapping[str, Any], concepts: tuple[Concept, ...]) -> Contents:
    layers = [load_layer(root / item["folder"], item, concepts) for item in plain["layers"]]
    return RunDescription.from_plain(plain["description"]), layers, load_names(root)


def _read_5(root: Path, plain: Mapping[str, Any], concepts: tuple[Concept, ...]) -> Contents:
    layers: list[LayerResult] = []
    names: dict[int, str] = {}
    for item in plain["layers"]:
        folder = root / item["folder"]
        layers.append(_layer_5(folder, item, concepts))
        table = pd.read_parquet(folder / "top.parquet")
        names.update(zip(table["image"].tolist(), table["image_name"].tolist(), strict=True))
    return description_from_format_5(plain["about"]), layers, names


#: The reader of each version: it takes the run's directory, the contents of its ``run.json``, and its concepts.
READERS: dict[int, Callable[[Path, Mapping[str, Any], tuple[Concept, ...]], Contents]] = {5: _read_5, 6: _read_6}


def check_version(path: Path, version: Any) -> None:
    """Raise ``NetdissectError`` unless the ``version`` of ``path`` is one that is read, with the remedy.

    >>> check_version(Path("run.json"), 4)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    netdissect.types.NetdissectError: run.json: format version 4; this netdissect reads versions 5 and 6: ...
    """
    if isinstance(version, int) and version in READERS:
        return
    newer = isinstance(version, int) and version > FORMAT_VERSION
    remedy = "a newer netdissect wrote it, and reads it" if newer else "dissect anew, or use an older netdissect"
    known = f"this netdissect reads versions {' and '.join(map(str, READERS))}"
    raise NetdissectError(f"{path}: format version {version}; {known}: {remedy}")


def _sample_5(path: Path) -> Sample | None:
    if not path.is_file():
        return None
    arrays = read_arrays(path)
    return Sample(tuple(arrays["image_name"].tolist()), arrays["peaks"])
