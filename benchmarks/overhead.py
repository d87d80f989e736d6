"""The cost of a dissection beyond reading the images and running the network. Prints one JSON object.

    uv run benchmarks/overhead.py --data BRODEN [--networks FILE.py] [--repeats 3] [--case NAME ...]

BRODEN is a directory in Broden's layout, of at least 1,000 images for the figures to mean something; FILE.py has a
function ``mobilenet_v2_imagenet`` that returns a trained MobileNetV2.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from netdissect import ConceptDataset, Labels, dissect, load_model, open_dataset
from netdissect.inference.preprocess import Preprocess
from netdissect.inference.reader import Reader
from netdissect.parallel import background_threads

BATCH_SIZE = 32
ALEXNET = ("features.1", "features.4", "features.7", "features.9", "features.11")
CASES = {
    "alexnet one": ("torchvision:alexnet", ALEXNET[-1:]),
    "alexnet five": ("torchvision:alexnet", ALEXNET),
    "resnet18": ("torchvision:resnet18", ("layer4",)),
    "mobilenet_v2": ("mobilenet_v2_imagenet", ("features.14",)),
}


class Unlabelled:
    """The images of a dataset without their labels, which the bare pass does not read."""

    def __init__(self, data: ConceptDataset) -> None:
        self._data = data

    def __getattr__(self, name: str) -> object:
        return getattr(self._data, name)

    def __len__(self) -> int:
        return len(self._data)

    def labels(self, index: int) -> Labels:
        return Labels(np.zeros((0, *self._data.label_shape), dtype=np.int32))


def bare_seconds(model: nn.Module, data: ConceptDataset, *, channels_last: bool) -> float:
    """Decoding, preprocessing and the whole eager forward pass, with the reader that the dissection has."""
    preprocess = Preprocess()
    order = np.random.default_rng(0).permutation(len(data)).tolist()
    reader = Reader(Unlabelled(data), preprocess, BATCH_SIZE, order=order, workers=background_threads())
    begun = time.perf_counter()
    with torch.no_grad():
        for batch in reader.batches():
            images = preprocess.normalize(batch.pixels)
            model(images if channels_last else images.contiguous())
    return time.perf_counter() - begun


def dissection_seconds(model: nn.Module, layers: tuple[str, ...], data: ConceptDataset) -> dict[str, float]:
    """Time the whole job, from the options to the run and its report on disk, and its steps as the run times them."""
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        result = dissect(model, layers, data, batch_size=BATCH_SIZE, out=Path(folder) / "run", progress=False)
        return {"whole": time.perf_counter() - begun, **result.description.timings}


def measure_case(name: str, spec: str, data: ConceptDataset, repeats: int) -> dict[str, object]:
    model, layers = load_model(spec).model.eval(), CASES[name][1]
    rounds: list[dict[str, float]] = []
    for _ in range(repeats):
        bare = {"bare": bare_seconds(model, data, channels_last=False)}
        bare["bare_channels_last"] = bare_seconds(model, data, channels_last=True)
        rounds.append(bare | dissection_seconds(model, layers, data))
    seconds = {step: statistics.median(of_round[step] for of_round in rounds) for step in rounds[0]}
    return {
        "name": f"{name.split()[0]} {' '.join(layers)}",
        "ratio": round(statistics.median(of_round["whole"] / of_round["bare"] for of_round in rounds), 3),
        "ratio_channels_last": round(
            statistics.median(of_round["whole"] / of_round["bare_channels_last"] for of_round in rounds), 3
        ),
        "images_per_second": round(len(data) / seconds["whole"], 1),
        "images": len(data),
        "seconds": {step: round(of_step, 2) for step, of_step in seconds.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--networks")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--case", action="append", choices=list(CASES))
    arguments = parser.parse_args()
    data, cases = open_dataset(arguments.data), []
    for name in arguments.case or CASES:
        spec = CASES[name][0]
        if ":" not in spec and not arguments.networks:
            continue
        spec = spec if ":" in spec else f"{arguments.networks}:{spec}"
        cases.append(measure_case(name, spec, data, arguments.repeats))
    print(json.dumps({"benchmark": "overhead", "threads": torch.get_num_threads(), "cases": cases}))


if __name__ == "__main__":
    main()
