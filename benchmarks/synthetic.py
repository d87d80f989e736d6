"""Runs the engine alone, on activations and labels made up on the fly, and prints seconds, memory and files.

The other benchmarks call it, in a process of its own for each case, so that its memory can be measured.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from netdissect import Concept, Labels
from netdissect.activations import ActivationWriter, KeptActivations
from netdissect.bases import BasisView
from netdissect.engine.tally import Concepts
from netdissect.inference.reader import Batch
from netdissect.inference.runner import prepare
from netdissect.measure import collect, count
from netdissect.settings import Settings

BATCH_SIZE = 32
LABEL_SHAPE = (112, 112)

#: Label layers, and how many concepts an image shows in each.
CONCEPTS_SHOWN = (10, 6, 4)

#: The fraction of (image, unit) maps that exceed the threshold of the usual quantile.
FIRING, QUANTILE = 0.1, 0.005

#: Maps and label maps are drawn from so many.
_POOL = 512


class Making:
    """Sums the seconds spent making things up, which are not the engine's."""

    seconds = 0.0

    @contextmanager
    def timed(self) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - begun


class SyntheticLayer(nn.Module):
    """Maps of noise, a tenth of which have a bump.

    A bump is so large that the threshold lies on its slope: a tenth of the maps, with a twentieth of their positions
    above it, make the usual quantile.
    """

    def __init__(self, units: int, size: int, making: Making) -> None:
        super().__init__()
        self.units = units
        self.making = making
        self.random = torch.Generator().manual_seed(units)
        noise = torch.rand((_POOL, size, size), generator=self.random)
        center = torch.rand((_POOL, 2, 1, 1), generator=self.random) * (size - 1)
        axis = torch.arange(size, dtype=torch.float32)
        squares = (axis[:, None] - center[:, 0]) ** 2 + (axis - center[:, 1]) ** 2
        reach = 0.06 * size**2  # of the squared distance, so that about a tenth of a map is higher than noise
        bumps = noise + 4 * torch.exp(-squares / reach)
        self.pool = torch.cat([noise, bumps])

    def forward(self, images: Tensor) -> Tensor:
        with self.making.timed():
            shape = (len(images), self.units)
            drawn = torch.randint(_POOL, shape, generator=self.random)
            drawn += _POOL * (torch.rand(shape, generator=self.random) < FIRING)
            maps = self.pool.index_select(0, drawn.view(-1)).view(*shape, *self.pool.shape[1:])
            return maps.contiguous(memory_format=torch.channels_last)


class SyntheticNetwork(nn.Module):
    """Layers side by side."""

    def __init__(self, layers: int, units: int, size: int, making: Making) -> None:
        super().__init__()
        for number in range(layers):
            self.add_module(f"layer{number}", SyntheticLayer(units, size, making))

    def forward(self, images: Tensor) -> None:
        for layer in self.children():
            layer(images)


class SyntheticData:
    """Images of nothing, whose label maps are of patches."""

    name = "synthetic"
    label_shape = LABEL_SHAPE

    def __init__(self, images: int, concepts: int, making: Making) -> None:
        self.images = images
        self.making = making
        self.concepts = tuple(Concept(number, f"concept {number}", "object") for number in range(1, concepts + 1))
        self.random = np.random.default_rng(images)
        self.pools = [
            np.stack([self._patches(shown) for _ in range(_POOL // 8)]) for shown in CONCEPTS_SHOWN
        ]  # each has every number up to `shown`

    def __len__(self) -> int:
        return self.images

    def image_name(self, index: int) -> str:
        return str(index)

    def labels(self, index: int) -> Labels:
        with self.making.timed():
            drawn = self.random.choice(len(self.concepts), sum(CONCEPTS_SHOWN), replace=False) + 1
            begin, maps = 0, []
            for pool, shown in zip(self.pools, CONCEPTS_SHOWN, strict=True):
                numbers = np.append(0, drawn[begin : begin + shown]).astype(np.int32)
                maps.append(numbers[pool[self.random.integers(len(pool))]])
                begin += shown
            return Labels(np.stack(maps))

    def _patches(self, shown: int) -> np.ndarray:
        """Return patches: the pixels nearest to each of ``shown + 1`` points, one of which is unlabelled."""
        y, x = np.mgrid[: LABEL_SHAPE[0], : LABEL_SHAPE[1]]
        points = self.random.uniform(0, LABEL_SHAPE[0], (shown + 1, 2, 1, 1))
        return ((points[:, 0] - y) ** 2 + (points[:, 1] - x) ** 2).argmin(axis=0)


class SyntheticReader:
    """A reader without files, as far as the pass over the images needs one."""

    def __init__(self, data: SyntheticData) -> None:
        self.data = data
        self.order = range(len(data))
        self.skipped: dict[int, str] = {}

    def first(self) -> Tensor:
        return torch.zeros(1, 3, 1, 1)

    def batches(self, start: int = 0) -> Iterator[Batch]:
        for begin in range(start, len(self.order), BATCH_SIZE):
            indices = list(self.order[begin : begin + BATCH_SIZE])
            pixels = torch.zeros((len(indices), 1, 1, 3), dtype=torch.uint8)
            yield Batch(indices, pixels, [self.data.labels(index) for index in indices], indices[-1] + 1)


def run_case(*, images: int, units: int, size: int, layers: int, concepts: int) -> dict[str, float]:
    """Seconds without the making, peak memory above that at the start, and scratch on disk, in a process of its own."""
    case = {"images": images, "units": units, "size": size, "layers": layers, "concepts": concepts}
    flags = [part for name, value in case.items() for part in (f"--{name}", str(value))]
    done = subprocess.run([sys.executable, __file__, *flags], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def _run(images: int, units: int, size: int, layers: int, concepts: int) -> dict[str, float]:
    making = Making()
    data = SyntheticData(images, concepts, making)
    model, names = SyntheticNetwork(layers, units, size, making), [f"layer{number}" for number in range(layers)]
    start_mb = _resident_mb()
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = Settings(size=1, device="cpu", quantile=QUANTILE)
        runner = prepare(model, settings)
        views = [BasisView(layer.name, layer) for layer in runner.find_layers(names, runner.black_image)]
        with ActivationWriter(folder, views, data, settings, {}) as writer:
            collect(runner, views, SyntheticReader(data), writer, settings)
        passed = time.perf_counter() - begun - making.seconds
        kept = KeptActivations(folder, check=False)
        measured = count(kept, Concepts(data.concepts, LABEL_SHAPE), resume=True)
        seconds = time.perf_counter() - begun - making.seconds
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - start_mb  # kilobytes on Linux
        scratch_mb = sum(path.stat().st_size for path in folder.iterdir()) / 2**20
        firing = _fraction_above(kept, measured[names[0]].thresholds.numpy())
    return {
        "seconds": round(seconds, 1),
        "seconds_pass": round(passed, 1),
        "seconds_making": round(making.seconds, 1),
        "peak_mb": round(peak_mb),
        "scratch_mb": round(scratch_mb),
        "maps_above_threshold": round(firing, 3),
    }


def _fraction_above(kept: KeptActivations, thresholds: np.ndarray) -> float:
    """Return the fraction of maps that exceed their unit's threshold, in the first thousand images."""
    layer, shape = next(iter(kept.layers.items()))
    above, images = 0, min(1000, len(kept))
    for image in range(images):
        rows = kept.rows(layer, image, image + 1)
        unit = rows.unit.numpy()
        above += len(np.unique(unit[(rows.values.numpy() > thresholds[unit, None]).any(axis=1)]))
    return above / (images * shape.units)


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("images", "units", "size", "layers", "concepts"):
        parser.add_argument(f"--{name}", type=int, required=True)
    print(json.dumps(_run(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
