"""How fast the main job is, and whether its memory grows with the number of images. Prints one JSON object.

    uv run benchmarks/main_job.py [--data FOLDER --model FILE.py:CALLABLE --layer NAME ...]

A case with a folder of masks and a network is added where these are given.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

import torch

from netdissect import Scenes, dissect, load_model, open_dataset
from netdissect.engine.batches import Preprocess, Reader

BATCH_SIZE = 32


def scenes_speed(images: int = 400, repeats: int = 5) -> dict[str, object]:
    """Images per second, image and labels together, of one process."""
    rates = []
    for repeat in range(repeats):
        scenes = Scenes(images, seed=repeat)
        begun = time.perf_counter()
        for index in range(images):
            scenes.image(index)
            scenes.labels(index)
        rates.append(images / (time.perf_counter() - begun))
    return {"name": "scenes of 112 px", "images_per_second": round(statistics.median(rates), 1)}


def real_run(model: str, layers: list[str], data: str, repeats: int = 3) -> dict[str, object]:
    """The whole dissection against decoding, preprocessing and the bare forward pass, in turn."""
    loaded, dataset = load_model(model), open_dataset(data)
    count, bare, whole = len(dataset), [], []
    for _ in range(repeats):
        begun = time.perf_counter()
        with torch.no_grad():
            for batch in Reader(dataset, Preprocess(), BATCH_SIZE).batches():
                loaded.model(Preprocess().normalize(batch.pixels).contiguous())
        bare.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        dissect(loaded, layers, dataset, quantile=0.05, batch_size=BATCH_SIZE, progress=False)
        whole.append(time.perf_counter() - begun)
    return {
        "name": f"{model.rpartition(':')[2]} {' '.join(layers)}",
        "images": count,
        "bare_images_per_second": round(count / statistics.median(bare), 1),
        "run_images_per_second": round(count / statistics.median(whole), 1),
        "ratio": round(statistics.median(w / b for w, b in zip(whole, bare, strict=True)), 2),
    }


def peak_memory(images: int) -> dict[str, object]:
    """The largest resident memory of a process that dissects so many scenes."""
    done = subprocess.run([sys.executable, __file__, "--measure-memory", str(images)], capture_output=True, check=True)
    return {"name": f"{images} scenes, three layers of the demo network", "peak_mb": float(done.stdout)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model")
    parser.add_argument("--layer", action="append", default=[])
    parser.add_argument("--data")
    parser.add_argument("--measure-memory", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure_memory:
        from netdissect.networks.demo import DEMO_LAYERS, DEMO_SPEC

        dissect(DEMO_SPEC, DEMO_LAYERS, size=112, limit=arguments.measure_memory, progress=False)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)  # kilobytes on Linux
        return
    cases = [scenes_speed(), *(peak_memory(images) for images in (250, 1000, 4000))]
    if arguments.model:
        cases.append(real_run(arguments.model, arguments.layer, arguments.data))
    print(json.dumps({"benchmark": "main_job", "threads": torch.get_num_threads(), "cases": cases}))


if __name__ == "__main__":
    main()
