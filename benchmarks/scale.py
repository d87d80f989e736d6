"""Time and memory of the engine alone at the size of Broden. Prints one JSON object.

uv run benchmarks/scale.py [--images 63305]
"""

import argparse
import json

import torch
from synthetic import run_case

CASES = {"256 units of 13x13": {"units": 256, "size": 13}, "2048 units of 7x7": {"units": 2048, "size": 7}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=63_305)
    images = parser.parse_args().images
    cases = [
        {"name": name, "images": images, **run_case(images=images, layers=1, concepts=1197, **case)}
        for name, case in CASES.items()
    ]
    print(json.dumps({"benchmark": "scale", "threads": torch.get_num_threads(), "cases": cases}))


if __name__ == "__main__":
    main()
