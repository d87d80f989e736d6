"""Time and size of the report of a large layer.

2,048 units with 15 top images each, of Broden's 1,197 concepts. Images, masks and counts are made up; images are
photographs' texture, drawn as noise of falling spectrum, so that they compress about as photographs do.
"""

import argparse
import io
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from netdissect import Concept, LayerResult, Result, write_report
from netdissect.results import Activations, Counts, LayerTopImages, ShownImage
from netdissect.results.description import DataDescription, LayerDescription, NetworkDescription, RunDescription
from netdissect.settings import Settings

CATEGORIES = {"object": 584, "part": 234, "scene": 292, "material": 29, "texture": 47, "color": 11}


def jpeg(random: np.random.Generator, side: int = 192) -> bytes:
    """A picture whose spectrum falls as that of photographs: amplitudes by the inverse of frequency."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    frequency[0, 0] = 1
    planes = [np.fft.irfft2(np.fft.rfft2(random.normal(size=(side, side))) / frequency**1.5) for _ in range(3)]
    light, *tints = [plane / plane.std() for plane in planes]
    pixels = 128 + 48 * np.stack([light + 0.3 * tints[0], light, light + 0.3 * tints[1]], axis=2)
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def made_up(units: int, image_count: int, size: int = 7, top: int = 15) -> Result:
    random = np.random.default_rng(0)
    concepts = tuple(
        Concept(number + 1, f"{category} {number}", category)
        for number, category in enumerate(name for name, count in CATEGORIES.items() for _ in range(count))
    )
    area = random.integers(1_000, 2_000_000, (units, len(CATEGORIES)))
    concept_area = random.integers(1_000, 2_000_000, len(concepts))
    smaller = np.minimum(area.min(axis=1)[:, None], concept_area)
    images = random.permutation(np.arange(units * top) % image_count).reshape(units, top)
    maps = random.gamma(0.4, 1.0, (units, top, size, size)).astype(np.float32)
    counts = Counts(
        concepts=concepts,
        intersection=(smaller * random.beta(0.2, 8, smaller.shape)).astype(np.int64),
        unit_area=area,
        concept_area=concept_area,
        concept_images=np.full(len(concepts), 100),
    )
    activations = Activations(
        thresholds=np.full(units, 2.0, dtype=np.float32),
        histogram=random.integers(0, 10**6, (units, 64)),
        bin_start=np.zeros(units, dtype=np.float32),
        bin_width=np.full(units, 0.1, dtype=np.float32),
        low=np.zeros(units, dtype=np.float32),
        high=np.full(units, 6.4, dtype=np.float32),
    )
    layer = LayerResult(
        "layer4",
        counts,
        quantile=0.005,
        iou_threshold=0.04,
        activations=activations,
        top=LayerTopImages(images, maps.max(axis=(2, 3)), maps),
    )
    pool = [jpeg(random) for _ in range(64)]
    # Bytes after a JPEG's end are no part of the picture, but make it another file.
    shown = {int(one): ShownImage(f"{one}.jpg", pool[one % 64] + str(one).encode()) for one in np.unique(images)}
    description = RunDescription(
        network=NetworkDescription(name="made up"),
        data=DataDescription(name="made up", fingerprint="", images=63_305, label_shape=(112, 112)),
        layers={"layer4": LayerDescription(type="Bottleneck", shape=(units, size, size), layout="nuhw")},
        settings=Settings(size=224, align="stretch", channels="rgb", value_range=1),
    )
    return Result("large", {"layer4": layer}, shown, description)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=2048)
    parser.add_argument("--images", type=int, nargs="+", default=[1_300, 12_000, 30_720], help="different images")
    parser.add_argument("--keep", type=Path, help="a directory in which to keep the largest report")
    options = parser.parse_args()
    cases = []
    for count in options.images:
        result = made_up(options.units, count)
        with tempfile.TemporaryDirectory() as folder:
            out = options.keep if options.keep and count == max(options.images) else Path(folder) / "report"
            started = time.perf_counter()
            write_report(result, out)
            seconds = time.perf_counter() - started
            megabytes = {
                part: round(sum(file.stat().st_size for file in (out / part).rglob("*") if file.is_file()) / 1e6, 1)
                for part in ("", "images", "data", "concepts")
            }
        whole = megabytes.pop("")
        of_run = round(sum(len(image.jpeg) for image in result.images.values()) / 1e6, 1)
        cases.append(
            {
                "different_images": count,
                "seconds": round(seconds, 1),
                "megabytes": {"all": whole, **megabytes, "in_run": of_run},
            }
        )
    print(json.dumps({"units": options.units, "cases": cases}))


if __name__ == "__main__":
    main()
