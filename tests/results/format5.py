"""Runs as version 5 of the format wrote them: the writer of that time, for results of today."""

import json
from dataclasses import asdict, fields

import numpy as np
import pandas as pd

from netdissect.results import ConceptExample, Visualization
from netdissect.results.run import folder_of
from netdissect.storage import save_arrays


def save_format_5(result, out):
    """Writes the run to the new directory ``out``, and returns it."""
    out.mkdir(parents=True)
    names = {index: image.name for index, image in result.images.items()}
    for index, layer in enumerate(result.layers.values()):
        _save_layer(layer, out / folder_of(index, layer.layer), names)
    (out / "images").mkdir()
    for index, image in result.images.items():
        (out / "images" / f"{index}.jpg").write_bytes(image.jpeg)
    columns = [column.name for column in fields(ConceptExample)]
    rows = [asdict(example) for example in result.examples]
    pd.DataFrame(rows, columns=columns).to_parquet(out / "examples.parquet", index=False)
    (out / "run.json").write_text(json.dumps(_description(result), indent=1) + "\n")
    return out


def _save_layer(layer, folder, names):
    folder.mkdir()
    layer.units.to_parquet(folder / "units.parquet", index=False)
    counts, activations, top = layer.counts, layer.activations, layer.top
    tally = {"thresholds": activations.thresholds}
    tally |= {name: getattr(counts, name) for name in ("intersection", "unit_area", "concept_area", "concept_images")}
    save_arrays(folder / "tally.npz", tally)
    kept = ("histogram", "bin_start", "bin_width", "low", "high")
    save_arrays(folder / "top.npz", {"maps": top.maps, **{name: getattr(activations, name) for name in kept}})
    if layer.sample is not None:
        peaks = {"image_name": np.array(layer.sample.image_names, dtype=str), "peaks": layer.sample.peaks}
        save_arrays(folder / "peaks.npz", peaks)
    if layer.pictures is not None:
        columns = [column.name for column in fields(Visualization)]
        rows = pd.DataFrame([asdict(picture) for picture in layer.pictures.visualizations], columns=columns)
        rows.to_parquet(folder / "visualizations.parquet", index=False, compression=None)
    units, ranks = top.image.shape
    image = top.image.ravel()
    table = {
        "unit": np.repeat(np.arange(units), ranks),
        "rank": np.tile(np.arange(ranks), units),
        "image": image,
        "image_name": [names[int(index)] for index in image],
        "activation": top.activation.ravel(),
        "row": top.positions[..., 0].ravel(),
        "column": top.positions[..., 1].ravel(),
    }
    pd.DataFrame(table).to_parquet(folder / "top.parquet", index=False)


def _description(result):
    first = next(iter(result.layers.values()))
    return {
        "format_version": 5,
        "name": result.name,
        "layers": [
            {
                "layer": layer.layer,
                "folder": folder_of(index, layer.layer),
                "units": layer.unit_count,
                "quantile": layer.quantile,
                "iou_threshold": layer.iou_threshold,
                "out_of_reach": [concept.name for concept in layer.unreachable()],
            }
            for index, layer in enumerate(result.layers.values())
        ],
        "about": _about(result.description),
        "concepts": [{"number": c.number, "name": c.name, "category": c.category} for c in first.concepts],
    }


def _about(description):
    """What ``run.json`` told of a run: no words of a basis, and pictures among the options."""
    plain = description.to_plain()
    layers = {name: dict(layer) for name, layer in plain["layers"].items()}
    for layer in layers.values():
        if "basis" in layer:
            layer["basis"] = {name: value for name, value in layer["basis"].items() if name != "words"}
    about = {
        "model": plain["network"],
        "data": plain["data"],
        "versions": plain["versions"],
        "layers": layers,
        "options": {name: value for name, value in plain["settings"].items() if name != "criterion"},
        "notes": plain["notes"],
        "timings": plain["timings"],
    }
    if plain["looks"] is not None:
        about["options"]["visualize"] = plain["looks"]
    return about | ({"components": plain["fitted"]} if plain["fitted"] else {})
