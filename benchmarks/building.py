"""Speed and memory of building a Broden, by one process and by one per core. Prints one JSON object.

    uv run benchmarks/building.py --source folder=../shared/data/camvid/train ... [--times 4] [--repeats 3]

``cases`` builds from the sources as they are; ``peak_mb`` is the largest of any one process. ``grown`` builds, by one
process each, from the images of the sources and from ``--times`` as many, the same ones under other names.
"""

import argparse
import json
import multiprocessing
import resource
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from netdissect.broden.building.build_options import BuildOptions
from netdissect.broden.building.builder import build_broden
from netdissect.broden.building.processes import core_count
from netdissect.broden.building.sources import open_sources


class Repeated:
    """A source whose images come several times."""

    def __init__(self, source, times: int) -> None:
        self._source, self._times, self.name = source, times, source.name

    def __len__(self) -> int:
        return self._times * len(self._source)

    def image_path(self, index: int) -> Path:
        return self._source.image_path(index % len(self._source))

    def label_files(self, index: int):
        return self._source.label_files(index % len(self._source))

    def annotation(self, index: int):
        return self._source.annotation(index % len(self._source))

    def names(self, category: str, label: int):
        return self._source.names(category, label)

    def published_name(self, category: str, label: int):
        return self._source.published_name(category, label)


def build(specs: list[str], times: int, workers: int, send) -> None:
    """Builds, and sends images, seconds, and the largest memory of a process, in MB."""
    sources = [Repeated(source, times) for source in open_sources(specs)]
    folder = Path(tempfile.mkdtemp())
    try:
        begun = time.perf_counter()
        built = build_broden(sources, folder / "broden", BuildOptions(workers=workers))
        seconds = time.perf_counter() - begun
    finally:
        shutil.rmtree(folder)
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    send.send((built.images, seconds, max(peaks) / 1024))


def measure(specs: list[str], times: int, workers: int) -> tuple[int, float, float]:
    """A build in a process of its own, so that memory is that of this build."""
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=build, args=(specs, times, workers, send))
    process.start()
    send.close()
    found = receive.recv()
    process.join()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", action="append", required=True)
    parser.add_argument("--times", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    counts = sorted({1, core_count()})
    found: dict[int, list[tuple[int, float, float]]] = {workers: [] for workers in counts}
    for _ in range(options.repeats):
        for workers in counts:  # in turn
            found[workers].append(measure(options.source, 1, workers))
    cases = [
        {
            "workers": workers,
            "images": runs[0][0],
            "images_per_second": round(runs[0][0] / statistics.median(seconds for _, seconds, _ in runs)),
            "peak_mb": round(max(peak for _, _, peak in runs)),
        }
        for workers, runs in found.items()
    ]
    grown = [measure(options.source, times, 1) for times in (1, options.times)]
    print(
        json.dumps(
            {
                "benchmark": "building",
                "cases": cases,
                "grown": [
                    {"images": images, "seconds": round(seconds, 1), "peak_mb": round(peak)}
                    for images, seconds, peak in grown
                ],
            }
        )
    )


if __name__ == "__main__":
    main()
