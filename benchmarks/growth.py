"""Growth of the engine's time and memory with images, units, layers and concepts. Prints one JSON object.

uv run benchmarks/growth.py
"""

import argparse
import json

import torch
from synthetic import run_case

BASE = {"images": 16000, "units": 256, "size": 13, "layers": 1, "concepts": 600}
DOUBLED = ("images", "units", "layers", "concepts")


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    run_case(**{**BASE, "images": 1000})  # warms up
    base = run_case(**BASE)
    cases = [{"name": "base", **BASE, **base}]
    for name in DOUBLED:
        found = run_case(**{**BASE, name: 2 * BASE[name]})
        ratios = {f"{key}_ratio": round(found[key] / base[key], 2) for key in ("seconds", "peak_mb", "scratch_mb")}
        cases.append({"name": f"{name} x2", **found, **ratios})
    print(json.dumps({"benchmark": "growth", "threads": torch.get_num_threads(), "cases": cases}))


if __name__ == "__main__":
    main()
