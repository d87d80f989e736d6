"""A run to be killed by ``test_kill.py``: it says when its work begins, and commits as often as it can."""

import sys

from netdissect import dissect
from netdissect.networks.demo import DEMO_SPEC

IMAGES, LAYERS = 64, ("relu3", "relu4")


def main() -> None:
    print("begun", flush=True)
    options = {"size": 112, "limit": IMAGES, "batch_size": 4, "chunk_seconds": 0.0, "progress": False}
    dissect(DEMO_SPEC, LAYERS, out=sys.argv[1], resume=True, **options)


if __name__ == "__main__":
    main()
