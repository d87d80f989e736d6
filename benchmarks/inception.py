"""Images made to excite units: how many get above all images of the data, and how long it takes. Prints a JSON object.

    uv run benchmarks/inception.py [--layer relu4 ...] [--units 40] [--steps 128]
    uv run benchmarks/inception.py --run RUN --network SPEC --data DATA --layer L [--layer ...]

Without a run the demo network is dissected on 1,000 scenes first. Of each layer so many units are taken, evenly spaced.
``raised`` is the share of units whose image excites them more than the highest of the data does, ``reached`` that of
those where it is as much at least (a ReLU6 has nothing above 6), ``times_data`` by how much (median of those whose
highest is above 0). ``ratio`` is that of the seconds of a step for one image to the bare forward pass of one image,
both eight at a time.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

from netdissect import Result, Scenes, VisualizationOptions, dissect, visualize
from netdissect.concepts import ConceptDataset
from netdissect.networks.demo import DEMO_SIZE, demo_network
from netdissect.networks.load import load_model
from netdissect.visualization.options import Excitation


def seconds_forward(model: nn.Module, size: tuple[int, int], repeats: int = 10) -> float:
    """Return the median seconds of one image."""
    images, taken = torch.rand(8, 3, *size), []
    with torch.inference_mode():
        for _ in range(repeats):
            begun = time.perf_counter()
            model(images)
            taken.append((time.perf_counter() - begun) / len(images))
    return statistics.median(taken)


def measure_layer(
    model: nn.Module, data: ConceptDataset | str, run: Path, layer: str, count: int, how: Excitation
) -> dict[str, object]:
    saved = Result.load(run)
    units = torch.linspace(0, saved[layer].unit_count - 1, min(count, saved[layer].unit_count)).int().unique().tolist()
    looks = VisualizationOptions(("inceptionism",), tuple(units), excitation=how)
    forward = seconds_forward(model, saved.description.settings.size)
    begun = time.perf_counter()
    result = visualize(model, layer, looks, data, run=run)
    seconds = (time.perf_counter() - begun) / len(units)
    highest = result[layer].top.activation[:, 0]
    made = {unit: max(one.activation for one in result[layer].visualized[unit]) for unit in units}
    raised = [made[unit] > highest[unit] for unit in units]
    reached = [made[unit] >= highest[unit] for unit in units]
    times = [made[unit] / float(highest[unit]) for unit in units if highest[unit] > 0]
    return {
        "layer": layer,
        "units": len(units),
        "raised": round(statistics.fmean(raised), 3),
        "reached": round(statistics.fmean(reached), 3),
        "not_reached": [unit for unit, above in zip(units, reached, strict=True) if not above],
        "times_data": round(statistics.median(times), 2) if times else None,
        "seconds_per_unit": round(seconds, 2),
        "ratio": round(seconds / how.steps / forward, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layer", action="append")
    parser.add_argument("--units", type=int, default=40)
    parser.add_argument("--steps", type=int, default=Excitation.steps)
    parser.add_argument("--run", type=Path, help="a saved run of --network on --data")
    parser.add_argument("--network")
    parser.add_argument("--data")
    arguments = parser.parse_args()
    how, layers = Excitation(steps=arguments.steps), arguments.layer or ["relu2", "relu3", "relu4"]
    with tempfile.TemporaryDirectory() as folder:
        if arguments.run:
            run, model, data = arguments.run, load_model(arguments.network, seed=0).model, arguments.data
        else:
            run, model, data = Path(folder) / "run", demo_network(), Scenes(1000, size=(DEMO_SIZE, DEMO_SIZE))
            dissect(model, layers, data, size=DEMO_SIZE, out=run)
        figures = [measure_layer(model, data, run, layer, arguments.units, how) for layer in layers]
    threads = torch.get_num_threads()
    print(json.dumps({"benchmark": "inception", "threads": threads, "steps": how.steps, "layers": figures}))


if __name__ == "__main__":
    main()
