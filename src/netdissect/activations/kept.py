"""Reading kept activations: thresholds, maps, rows and labels, without the network that made them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64

from netdissect.activations.journal import check_files, read_state
from netdissect.activations.layout import (
    COUNT,
    FORMAT_VERSION,
    IMAGES,
    INDEX,
    LABEL_SIZES,
    LABELS,
    VALUE,
    LayerShape,
    concepts_from_plain,
    gathered_from_arrays,
    label_type,
    layer_file,
    unpack_labels,
)
from netdissect.concepts.base import Labels
from netdissect.engine.gather import Gathered
from netdissect.engine.rows import MapRows
from netdissect.engine.threshold import UnitRows, select_thresholds, threshold_rank
from netdissect.types import NetdissectError, one_line

#: Rows read at a time while looking for thresholds.
_ROWS_AT_A_TIME = 2**16


class KeptActivations:
    """A folder of kept activations (``docs/activations.md``).

    Images are numbered in the order in which they were kept; ``images`` tells their indices in the dataset. Kept are,
    of each map, the rows in which it exceeds what was then known of the threshold, and those beside them; the maps of each unit's top images are kept
    whole. So all is there that masks need for any quantile up to the one kept for.

    Raises ``NetdissectError`` if the folder holds none, or if a file is damaged; ``check=False`` leaves out the latter,
    which reads all of them.
    """

    def __init__(self, folder: str | Path, *, check: bool = True) -> None:
        self.folder = Path(folder)
        state = read_state(self.folder)
        described = state.description
        if described.get("format_version") != FORMAT_VERSION:
            raise NetdissectError(
                f"{self.folder}: format version {described.get('format_version')} of kept activations; "
                f"this netdissect reads version {FORMAT_VERSION}"
            )
        if not described["complete"]:
            raise NetdissectError(f"{self.folder}: the run that writes these activations has not ended")
        try:
            if check:
                check_files(self.folder, state.files)
            self.plan: dict[str, Any] = described["plan"]
            self.quantile: float = described["quantile"]
            self.label_shape: tuple[int, int] = tuple(described["label_shape"])
            self.concepts = concepts_from_plain(described["concepts"])
            self.skipped = {int(index): reason for index, reason in described["skipped"].items()}
            self.layers = {item["layer"]: LayerShape(**item["shape"]) for item in described["layers"]}
            self.images: Int64[np.ndarray, " n"] = np.fromfile(self.folder / IMAGES, dtype=INDEX)
            self._label_ends = _ends(self.folder / LABEL_SIZES)
            self._row_ends = {layer: _ends(self._file(layer, "counts")) for layer in self.layers}
            self._gathered = {
                layer: gathered_from_arrays(place, state.arrays, torch.device("cpu"))
                for place, layer in enumerate(self.layers)
            }
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise NetdissectError(f"{self.folder}: is damaged: {one_line(error)}") from error

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return f"<KeptActivations {self.folder}: {len(self)} images, {', '.join(self.layers)}>"

    def labels(self, image: int) -> Labels:
        """The labels of an image."""
        begin, end = _span(self._label_ends, image, image + 1)
        packed = _read(self.folder / LABELS, np.dtype(np.uint8), begin, end)
        return unpack_labels(packed.tobytes(), label_type(self.concepts), self.label_shape)

    def rows(self, layer: str, begin: int, end: int) -> MapRows:
        """The rows kept of the maps of the images from ``begin`` up to, not with, ``end``."""
        ends = self._row_ends[self._known(layer)]
        counts = np.diff(ends[begin:end], prepend=ends[begin - 1] if begin else 0)
        places, values = self._read_rows(layer, *_span(ends, begin, end))
        return MapRows(*map(torch.from_numpy, (counts, places, values)))

    def map(self, layer: str, unit: int, image: int) -> Float32[np.ndarray, "h w"]:
        """A map; rows that were not kept read as the unit's ``bound``, which no value in them exceeds."""
        shape = self.layers[self._known(layer)]
        if not 0 <= unit < shape.units:
            raise NetdissectError(f"{self.folder}: layer {layer} has units 0 to {shape.units - 1}, not {unit}")
        return self._maps(layer, np.array([unit]), image)[0]

    def top_maps(self, layer: str) -> Float32[np.ndarray, "u t h w"]:
        """The maps of each unit's top images, best first; zeros where a unit has fewer."""
        top, shape = self.gathered(layer).top.image.numpy(), self.layers[layer]
        maps = np.zeros((*top.shape, shape.height, shape.width), dtype=np.float32)
        unit, rank = np.nonzero(top >= 0)
        by_index = self.images.argsort()
        image = by_index[np.searchsorted(self.images, top[unit, rank], sorter=by_index)]
        for number in np.unique(image):
            these = image == number
            maps[unit[these], rank[these]] = self._maps(layer, unit[these], int(number))
        return maps

    def gathered(self, layer: str) -> Gathered:
        """The layer's histogram, top images and bound: the level up to which values need not have been kept."""
        return self._gathered[self._known(layer)]

    def thresholds(self, layer: str, quantile: float | None = None) -> Float32[np.ndarray, " u"]:
        """Exact thresholds, for the quantile kept for or a smaller one (see ``engine.threshold``)."""
        quantile = self.quantile if quantile is None else quantile
        if not 0 < quantile <= self.quantile:
            raise NetdissectError(
                f"{self.folder}: was kept for quantiles of up to {self.quantile:g}; {quantile:g} needs a new run"
            )
        gathered, shape = self.gathered(layer), self.layers[layer]
        rank = threshold_rank(quantile, len(self) * shape.height * shape.width)
        # Fewer values may be sought than while they were kept, and so the bound be higher.
        bound = torch.maximum(gathered.bound, gathered.histogram.lower_bound(rank))
        at_most = gathered.histogram.count_from(bound)
        return select_thresholds(lambda: self._unit_rows(layer), rank, bound.numpy(), at_most.numpy())

    def _unit_rows(self, layer: str) -> Iterator[UnitRows]:
        """All rows kept of a layer, some at a time, each with its unit."""
        total = int(self._row_ends[layer][-1])
        for begin in range(0, total, _ROWS_AT_A_TIME):
            places, values = self._read_rows(layer, begin, min(begin + _ROWS_AT_A_TIME, total))
            yield places // self.layers[layer].height, values

    def _maps(self, layer: str, units: Int64[np.ndarray, " v"], image: int) -> Float32[np.ndarray, "v h w"]:
        shape, bound = self.layers[layer], self._gathered[layer].bound.numpy()
        places, values = self._read_rows(layer, *_span(self._row_ends[layer], image, image + 1))
        maps = np.empty((len(units), shape.height, shape.width), dtype=np.float32)
        for map_, unit in zip(maps, units, strict=True):
            kept = slice(*np.searchsorted(places, [unit * shape.height, (unit + 1) * shape.height]))
            map_[:] = bound[unit]
            map_[places[kept] - unit * shape.height] = values[kept]
        return maps

    def _read_rows(
        self, layer: str, begin: int, end: int
    ) -> tuple[Int64[np.ndarray, " m"], Float32[np.ndarray, "m w"]]:
        width = self.layers[layer].width
        places = _read(self._file(layer, "places"), COUNT, begin, end)
        values = _read(self._file(layer, "values"), VALUE, begin * width, end * width)
        return places.astype(np.int64), values.astype(np.float32, copy=False).reshape(-1, width)

    def _file(self, layer: str, kind: str) -> Path:
        return self.folder / layer_file(list(self.layers).index(layer), kind)

    def _known(self, layer: str) -> str:
        if layer not in self.layers:
            raise NetdissectError(f"{self.folder}: holds no layer {layer!r}: it has {', '.join(self.layers)}")
        return layer


def _read(path: Path, dtype: np.dtype, begin: int, end: int) -> np.ndarray:
    """Some of a file's numbers. Not mapped into memory: there these files would crowd out all else."""
    return np.fromfile(path, dtype=dtype, count=end - begin, offset=begin * dtype.itemsize)


def _ends(path: Path) -> Int64[np.ndarray, " n"]:
    """Where each image's part of a file ends, from a file of how much each has."""
    return np.fromfile(path, dtype=COUNT).astype(np.int64).cumsum()


def _span(ends: Int64[np.ndarray, " n"], begin: int, end: int) -> tuple[int, int]:
    """Where the part of the images from ``begin`` up to, not with, ``end`` begins and ends."""
    return int(ends[begin - 1]) if begin else 0, int(ends[end - 1])
