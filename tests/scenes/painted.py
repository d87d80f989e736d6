"""Many scenes, painted quickly."""

import subprocess
import sys
from dataclasses import dataclass

import numpy as np

CODE = """
import sys
import numpy as np
from netdissect.scenes.rendering import render

path, *sizes = sys.argv[1:]
arrays = {}
for size in sizes:
    count, height, width = map(int, size.split("x"))
    scenes = [render(0, index, (height, width)) for index in range(count)]
    arrays[f"{size} images"] = np.stack([scene.pixels for scene in scenes])
    arrays[f"{size} maps"] = np.stack([scene.maps for scene in scenes])
    arrays[f"{size} names"] = np.array([scene.scene for scene in scenes])
np.savez(path, **arrays)
"""


@dataclass(frozen=True)
class Painted:
    """Scenes of seed 0: images (n, H, W, 3), label maps (n, 5, H, W) and names."""

    images: np.ndarray
    maps: np.ndarray
    names: list[str]


def paint(folder, *sizes):
    """Return the ``Painted`` scenes of each (count, height, width).

    Another process paints them: here, where types are checked, it takes twenty times as long.
    """
    keys = ["x".join(map(str, size)) for size in sizes]
    subprocess.run([sys.executable, "-c", CODE, folder / "scenes.npz", *keys], check=True)
    with np.load(folder / "scenes.npz") as file:
        return [Painted(file[f"{key} images"], file[f"{key} maps"], file[f"{key} names"].tolist()) for key in keys]
