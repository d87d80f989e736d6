"""The work on each image: a step before the merge counts labels, a step after it gives them numbers.

Images are worked on in chunks. The first step writes each image at its new size. It also writes a file per chunk with
the counts and the resized label maps, still in the sources' own labels. So no source is read twice, and finished chunks
outlive a kill.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer, UInt8, UInt16
from PIL import Image

from netdissect.broden.building.color import name_colors
from netdissect.broden.building.source import Source
from netdissect.concepts.files import check_proportions, read_image, squash
from netdissect.storage import not_writable, read_npz, write_npz
from netdissect.types import BadSampleError, NetdissectError

#: The number of images in a chunk.
CHUNK = 32

#: The quality of the JPEG files.
_QUALITY = 95

#: The fraction of images that are for training.
_TRAIN = 0.7

#: The number of each of the source's labels, per source and category.
Numbers = Mapping[tuple[str, str], UInt16[np.ndarray, " labels"]]


@dataclass(frozen=True)
class Job:
    """All that the work on any image needs; other processes get a copy.

    ``names`` are the images' paths below ``images/``, source after source. ``size`` (H, W) is the size of images,
    ``label_shape`` (sh, sw) of label maps. ``folder`` holds finished work: the dataset and the chunks' files.
    """

    sources: tuple[Source, ...]
    names: tuple[str, ...]
    folder: Path
    size: tuple[int, int]
    label_shape: tuple[int, int]
    color_table: UInt8[np.ndarray, "32 32 32"] | None
    skip_bad: bool

    @property
    def chunks(self) -> range:
        return range(-(-len(self.names) // CHUNK))

    @property
    def dataset(self) -> Path:
        return self.folder / "new"

    @property
    def images(self) -> Path:
        return self.dataset / "images"

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(len(source) for source in self.sources))

    def source_of(self, item: int) -> tuple[Source, int]:
        """Return the source of an image, and its index there."""
        number = int(np.searchsorted(self._ends, item, side="right"))
        return self.sources[number], item - (self._ends[number - 1] if number else 0)

    def items(self, chunk: int) -> range:
        return range(chunk * CHUNK, min((chunk + 1) * CHUNK, len(self.names)))

    def chunk_path(self, chunk: int) -> Path:
        return self.folder / "chunks" / f"{chunk:06d}.npz"


def count_chunk(job: Job, chunk: int) -> int:
    """Take the first step, and return the number of images. Raises ``NetdissectError``."""
    stamp, found, maps = stamp_of(job, chunk), [], []
    for item in job.items(chunk):
        try:
            record, layers = _count(job, item)
        except BadSampleError as error:
            if not job.skip_bad:
                raise
            record, layers = {"item": item, "bad": str(error)}, []
            (job.images / job.names[item]).unlink(missing_ok=True)  # it may have been good before a stop
        found.append(record)
        maps += layers
    stack = np.stack(maps) if maps else np.zeros((0, *job.label_shape), dtype=np.int32)
    smallest = stack.astype(np.min_scalar_type(stack.max(initial=0)))
    try:
        write_npz(job.chunk_path(chunk), {"files": stamp, "images": found}, {"maps": smallest}, compress=True)
    except OSError as error:
        raise not_writable(job.chunk_path(chunk), error) from error
    return len(found)


def stamp_of(job: Job, chunk: int) -> str:
    """Return a hash of the names, sizes and times of all files that a chunk is made of."""
    digest = hashlib.sha256()
    for item in job.items(chunk):
        source, index = job.source_of(item)
        for path in (source.image_path(index), *source.label_files(index)):
            try:
                status = path.stat()
                digest.update(os.fsencode(f"{path} {status.st_size} {status.st_mtime_ns}\n"))
            except OSError:
                digest.update(os.fsencode(f"{path} is missing\n"))
    return digest.hexdigest()


def is_counted(job: Job, chunk: int) -> bool:
    """Return whether the first step was done on good files that have not changed since."""
    try:
        description, _ = read_npz(job.chunk_path(chunk))
    except NetdissectError:
        return False
    return description["files"] == stamp_of(job, chunk) and not any("bad" in image for image in description["images"])


def _count(job: Job, item: int) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Return plain data about an image, and its label maps, resized, in the source's own labels."""
    source, index = job.source_of(item)
    path = source.image_path(index)
    image = read_image(path)
    annotation = source.annotation(index)
    maps = {category: _layers(label_map) for category, label_map in annotation.maps.items()}
    if job.color_table is not None:
        if "color" in maps or "color" in annotation.whole:
            raise NetdissectError(f"{source.name}: has colors of its own; --no-colors names none beside them")
        maps["color"] = name_colors(np.asarray(image), job.color_table)[None]
    coverage: dict[tuple[str, int], float] = {}
    kept, layers = [], []
    for category, stack in maps.items():
        check_proportions(path, f"{category} label map", stack.shape[1:], image.size)
        coverage |= {(category, label): share for label, share in _coverage(stack, path).items()}
        several = category in annotation.maps and annotation.maps[category].ndim == 3
        for depth, layer in enumerate(stack, 1):
            if layer.any():
                kept.append([category, depth if several else 0])
                layers.append(squash(layer.astype(np.int32), job.label_shape))
    for category, labels in annotation.whole.items():
        coverage |= {(category, label): 1.0 for label in labels}
    small = image.resize(job.size[::-1], Image.Resampling.BILINEAR)
    _save(small, job.images / job.names[item], format="JPEG", quality=_QUALITY)
    record = {
        "item": item,
        "coverage": [[category, label, share] for (category, label), share in coverage.items()],
        "maps": kept,
        "whole": dict(annotation.whole),
    }
    return record, layers


def _layers(label_map: np.ndarray) -> Integer[np.ndarray, "l h w"]:
    return label_map if label_map.ndim == 3 else label_map[None]


def _coverage(stack: Integer[np.ndarray, "l h w"], path: Path) -> dict[int, float]:
    """Return the fraction of pixels that carry each label in any layer; a pixel counts once."""
    if stack.size and stack.min() < 0:
        raise BadSampleError(f"{path}: a label map holds {stack.min()}")
    counts = [np.bincount(layer.ravel()) for layer in stack]
    shown = [set(np.flatnonzero(count).tolist()) - {0} for count in counts]
    pixels = stack[0].size if len(stack) else 0
    coverage = {}
    for label in sorted(set().union(*shown)):
        showing = [depth for depth, labels in enumerate(shown) if label in labels]
        count = counts[showing[0]][label] if len(showing) == 1 else (stack[showing] == label).any(axis=0).sum()
        coverage[label] = int(count) / pixels
    return coverage


def _save(image: Image.Image, path: Path, **options: Any) -> None:
    try:
        image.save(path, **options)
    except OSError as error:
        raise not_writable(path, error) from error


def read_counts(job: Job, chunk: int) -> list[dict[str, Any]]:
    """Read the plain data of a chunk's images, which the first step wrote. Raises ``NetdissectError``."""
    description, _ = read_npz(job.chunk_path(chunk), arrays=False)
    return description["images"]


def number_chunk(job: Job, chunk: int, numbers: Numbers) -> list[dict[str, str]]:
    """Take the second step: write label maps, and return the rows of ``index.csv``. Raises ``NetdissectError``."""
    description, arrays = read_npz(job.chunk_path(chunk))
    maps = iter(arrays["maps"])
    rows = []
    for record in description["images"]:
        if "bad" in record:
            continue
        name = job.names[record["item"]]
        source, _ = job.source_of(record["item"])
        fields: dict[str, list[str]] = {}
        for (category, layer), label_map in zip(record["maps"], maps, strict=False):
            if (source.name, category) in numbers:
                file = f"{name.rpartition('.')[0]}_{category}{f'_{layer}' if layer else ''}.png"
                _save(_as_colors(numbers[source.name, category][label_map]), job.images / file)
                fields.setdefault(category, []).append(file)
        for category, labels in record["whole"].items():
            if (source.name, category) in numbers:
                known = numbers[source.name, category]
                fields.setdefault(category, []).extend(str(known[label]) for label in labels if label)
        rows.append(_row(job, name, fields))
    return rows


def _as_colors(numbers: np.ndarray) -> Image.Image:
    """Return a label map as Broden stores it: the low byte in red, the high byte in green."""
    wide = numbers.astype(np.uint16)
    return Image.fromarray(np.stack([wide % 256, wide // 256, np.zeros_like(wide)], axis=-1).astype(np.uint8))


def _row(job: Job, name: str, fields: Mapping[str, Sequence[str]]) -> dict[str, str]:
    (height, width), (label_height, label_width) = job.size, job.label_shape
    sizes = {"ih": height, "iw": width, "sh": label_height, "sw": label_width}
    row = {"image": name, "split": "train" if split_position(name) <= _TRAIN else "val"}
    row |= {column: str(pixels) for column, pixels in sizes.items()}
    return row | {category: ";".join(items) for category, items in fields.items()}


def split_position(name: str) -> float:
    """Return the position of an image in the order of the dataset, from 0 to 1: a hash of its name.

    >>> 0 <= split_position("ade20k/ADE_train_00000001.jpg") < 1
    True
    """
    return int.from_bytes(hashlib.md5(name.encode(), usedforsecurity=False).digest()[:8], "big") / 2**64
