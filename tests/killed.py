"""A run to be killed by ``test_kill.py``: it says when its work begins, and commits as often as it can."""

import sys

from netdissect import dissect
from netdissect.networks.demo import DEMO_SPEC
from netdissect.pipeline.dissection import Dissection

IMAGES, LAYERS = 150, ("relu3", "relu4")


def main() -> None:
    assert Dissection.run.__kwdefaults__ is not None
    Dissection.run.__kwdefaults__["chunk_seconds"] = 0.0
    print("begun", flush=True)
    dissect(DEMO_SPEC, LAYERS, size=112, limit=IMAGES, out=sys.argv[1], resume=True, progress=False)


if __name__ == "__main__":
    main()
