"""Agreement of our color table with a published one, and the speed of naming pixels. Prints one JSON object.

    uv run benchmarks/colors.py [--color-table FILE] [--data DIR] [--images 100] [--repeats 7]

Over the 32,768 cells of the tables, and the pixels of images taken evenly from ``camvid`` and ``dtd`` below ``--data``.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np
from PIL import Image

from netdissect.broden.building.color import COLOR_NAMES, name_colors, read_color_table, survey_color_table
from netdissect.concepts.files import read_image

SHARED = Path(__file__).resolve().parents[2] / "shared"


def compare(counts: np.ndarray) -> dict[str, object]:
    """Return ``counts`` ``(11, 11)``, pixels by published (rows) and by our name (columns), as shares."""
    shares = counts / counts.sum()
    differing = [(shares[row, column], row, column) for row in range(11) for column in range(11) if row != column]
    return {
        "same name": round(float(shares.trace()), 4),
        "names": {
            name: {
                "published": round(float(shares[index].sum()), 4),
                "ours": round(float(shares[:, index].sum()), 4),
                "of published, ours agrees": share(counts[index, index], counts[index].sum()),
                "of ours, published agrees": share(counts[index, index], counts[:, index].sum()),
            }
            for index, name in enumerate(COLOR_NAMES)
        },
        "differing most [published, ours, share]": [
            [COLOR_NAMES[row], COLOR_NAMES[column], round(float(weight), 4)]
            for weight, row, column in sorted(differing, reverse=True)[:10]
        ],
    }


def share(part: int, whole: int) -> float | None:
    return round(float(part / whole), 3) if whole else None


def count_pairs(published: np.ndarray, ours: np.ndarray) -> np.ndarray:
    """Count each pair of columns of ``COLOR_NAMES``, ``(11, 11)``."""
    pairs = published.ravel().astype(np.int64) * 11 + ours.ravel()
    return np.bincount(pairs, minlength=121).reshape(11, 11)


def count_pixels(folder: Path, limit: int, published: np.ndarray, ours: np.ndarray) -> tuple[int, np.ndarray]:
    """The number of images taken evenly from below ``folder``, and their pixels by pair of names."""
    paths = sorted(folder.rglob("*.jpg"))
    taken = [paths[index * len(paths) // limit] for index in range(limit)] if len(paths) > limit else paths
    counts = np.zeros((11, 11), dtype=np.int64)
    for path in taken:
        pixels = np.asarray(read_image(path))
        counts += count_pairs(name_colors(pixels, published) - 1, name_colors(pixels, ours) - 1)
    return len(taken), counts


def nanoseconds_per_pixel(pixels: np.ndarray, table: np.ndarray, repeats: int) -> float:
    """The median, after one run that warms up."""
    seconds = []
    for _ in range(repeats + 1):
        begun = time.perf_counter()
        name_colors(pixels, table)
        seconds.append(time.perf_counter() - begun)
    return round(statistics.median(seconds[1:]) / pixels[..., 0].size * 1e9, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--color-table", type=Path, default=SHARED / "reference" / "broden" / "w2color.npy")
    parser.add_argument("--data", type=Path, default=SHARED / "data")
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    published = read_color_table(arguments.color_table)
    begun = time.perf_counter()
    ours = survey_color_table()
    making = time.perf_counter() - begun
    cases: list[dict[str, object]] = [{"name": "cells", **compare(count_pairs(published, ours))}]
    for name in ("camvid", "dtd"):
        images, counts = count_pixels(arguments.data / name, arguments.images, published, ours)
        cases.append({"name": name, "images": images, "pixels": int(counts.sum()), **compare(counts)})
    first = next(iter(sorted((arguments.data / "camvid").rglob("*.jpg"))))
    speed = {
        f"{width}x{height}": nanoseconds_per_pixel(
            np.asarray(read_image(first).resize((width, height), Image.Resampling.BILINEAR)), ours, arguments.repeats
        )
        for width, height in ((300, 300), (640, 480), (2400, 1800))
    }
    found = {"benchmark": "colors", "table": arguments.color_table.name, "making our table, seconds": round(making, 3)}
    print(json.dumps(found | {"naming, nanoseconds per pixel": speed, "cases": cases}))


if __name__ == "__main__":
    main()
