"""Detectors against rotation on scenes with the demo network, and what rotations cost. Prints one JSON object.

    uv run benchmarks/rotation.py [--images 1000] [--layer relu4 ...] [--times 3]

``ratio`` is that of ``rotate``, with fifteen rotations beside the layer itself, to a plain dissection of the same
layer, each saved with its report and page: the median of several rounds, in each of which both are timed.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from netdissect import Result, Scenes, dissect, rotate
from netdissect.experiments.rotation import rotation_curves
from netdissect.networks.demo import DEMO_SIZE, demo_network


def timed(work: Callable[[Path], Result]) -> tuple[float, Result]:
    """Seconds, and what was found."""
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        result = work(Path(folder) / "run")
        return time.perf_counter() - begun, result


def measure_layer(layer: str, images: int, times: int) -> dict[str, object]:
    model, data = demo_network(), Scenes(images, size=(DEMO_SIZE, DEMO_SIZE))
    options = {"size": DEMO_SIZE, "top_images": 4, "progress": False}
    rounds = []
    for _ in range(times):
        plain, _ = timed(lambda out: dissect(model, layer, data, out=out, **options))
        rotated, result = timed(lambda out: rotate(model, layer, data, out=out, **options))
        rounds.append((plain, rotated, rotated / plain))
    plain, rotated, ratio = (statistics.median(column) for column in zip(*rounds, strict=True))
    (curve,) = rotation_curves(result)
    return {
        "layer": layer,
        "seconds_plain": round(plain, 1),
        "seconds_rotated": round(rotated, 1),
        "ratio": round(ratio, 2),
        "timings": result.description.timings,
        "unique": {
            f"{amount:g}": {"values": of_amount.values, "mean": round(of_amount.mean, 1)}
            for amount in curve.amounts
            for of_amount in [curve.total(amount)]
        },
        "lost": None if curve.lost is None else round(curve.lost, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--layer", action="append")
    parser.add_argument("--times", type=int, default=3)
    arguments = parser.parse_args()
    layers = [
        measure_layer(layer, arguments.images, arguments.times) for layer in arguments.layer or ["relu4", "relu3"]
    ]
    print(json.dumps({"benchmark": "rotation", "threads": torch.get_num_threads(), "layers": layers}))


if __name__ == "__main__":
    main()
