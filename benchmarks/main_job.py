"""Speed of making scenes, and memory of the main job by the number of images. Prints one JSON object.

uv run benchmarks/main_job.py
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

import torch

from netdissect import Scenes, dissect


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


def peak_memory(images: int) -> dict[str, object]:
    """The largest resident memory of a process that dissects so many scenes."""
    done = subprocess.run([sys.executable, __file__, "--measure-memory", str(images)], capture_output=True, check=True)
    return {"name": f"{images} scenes, three layers of the demo network", "peak_mb": float(done.stdout)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure-memory", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure_memory:
        from netdissect.networks.demo import DEMO_LAYERS, DEMO_SPEC

        dissect(DEMO_SPEC, DEMO_LAYERS, size=112, limit=arguments.measure_memory, progress=False)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)  # kilobytes on Linux
        return
    cases = [scenes_speed(), *(peak_memory(images) for images in (250, 1000, 4000))]
    print(json.dumps({"benchmark": "main_job", "threads": torch.get_num_threads(), "cases": cases}))


if __name__ == "__main__":
    main()
