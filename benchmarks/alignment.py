"""The effect of aligning maps at receptive fields, and its cost. Prints one JSON object.

    uv run benchmarks/alignment.py --data DATA --model MODEL --layer NAME ... [--quantile 0.05] [--repeats 5]

The same network, images and options with maps at the centres of their receptive fields and stretched, in turn.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from netdissect import KeptActivations, LayerResult, dissect, load_model, open_dataset
from netdissect.engine.tally import Concepts
from netdissect.measure import count
from netdissect.networks.layers import list_layers

ALIGNMENTS = ("receptive", "stretch")


def compare_labels(receptive: LayerResult, stretch: LayerResult) -> dict[str, object]:
    """Return the differences of labels and IoU, over the units that have a label in both."""
    both = receptive.labels.merge(stretch.labels, on="unit", suffixes=("", "_stretch"))
    change = both["iou"] - both["iou_stretch"]
    return {
        "units": receptive.unit_count,
        "detectors": {"receptive": _detectors(receptive), "stretch": _detectors(stretch)},
        "other label": int((both["concept"] != both["concept_stretch"]).sum()),
        "mean IoU": {"receptive": round(both["iou"].mean(), 4), "stretch": round(both["iou_stretch"].mean(), 4)},
        "higher IoU": int((change > 0).sum()),
        "change of IoU, smallest, median, largest": [round(float(np.quantile(change, at)), 4) for at in (0, 0.5, 1)],
        "best": [
            [int(row.unit), row.concept, round(row.iou, 3), row.concept_stretch, round(row.iou_stretch, 3)]
            for row in both.head(5).itertuples()
        ],
    }


def _detectors(layer: LayerResult) -> int:
    return int(layer.labels["is_detector"].sum())


def counting_seconds(folder: Path, repeats: int) -> dict[str, list[float]]:
    """Time thresholds and counts from kept activations, with each alignment in turn."""
    kept = KeptActivations(folder, check=False)
    concepts = Concepts(kept.concepts, kept.label_shape)
    seconds: dict[str, list[float]] = {align: [] for align in ALIGNMENTS}
    for repeat in range(repeats):
        for align in ALIGNMENTS if repeat % 2 else reversed(ALIGNMENTS):
            begun = time.perf_counter()
            count(kept, concepts, align=align)
            seconds[align].append(time.perf_counter() - begun)
    return seconds


def ratio(seconds: dict[str, list[float]]) -> float:
    """The median of receptive / stretch over the repeats."""
    return round(statistics.median(np.array(seconds["receptive"]) / np.array(seconds["stretch"])), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--layer", action="append", required=True)
    parser.add_argument("--quantile", type=float, default=0.05)
    parser.add_argument("--mean", type=float)
    parser.add_argument("--std", type=float)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    loaded, data = load_model(arguments.model), open_dataset(arguments.data)
    options = {"quantile": arguments.quantile, "mean": arguments.mean, "std": arguments.std, "progress": False}
    whole: dict[str, list[float]] = {align: [] for align in ALIGNMENTS}
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for repeat in range(arguments.repeats):
            for align in ALIGNMENTS if repeat % 2 else reversed(ALIGNMENTS):
                begun, out = time.perf_counter(), Path(folder) / f"{align}{repeat}"
                results[align] = dissect(
                    loaded, arguments.layer, data, align=align, out=out, keep_activations=not repeat, **options
                )
                whole[align].append(time.perf_counter() - begun)
        counting = counting_seconds(Path(folder) / "receptive0" / "activations", 2 * arguments.repeats)
    begun = time.perf_counter()
    list_layers(loaded.model)
    traced = time.perf_counter() - begun
    cases = [
        {"name": layer, **compare_labels(results["receptive"][layer], results["stretch"][layer])}
        for layer in arguments.layer
    ]
    timing = {
        "whole run, receptive / stretch": ratio(whole),
        "counting alone, receptive / stretch": ratio(counting),
        "seconds": {"whole run": round(statistics.median(whole["receptive"]), 2), "tracing": round(traced, 2)},
    }
    summary = {"benchmark": "alignment", "threads": torch.get_num_threads(), "images": len(data)}
    print(json.dumps(summary | {"time": timing, "cases": cases}))


if __name__ == "__main__":
    main()
