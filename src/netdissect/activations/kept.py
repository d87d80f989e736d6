"""Reading kept activations: thresholds, maps, rows and labels, without the network."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64

from netdissect.activations.journal import check_files, read_state
from netdissect.activations.layout import (
    COUNT,
    IMAGES,
    INDEX,
    LABEL_SIZES,
    LABELS,
    READ_VERSIONS,
    SAMPLE,
    VALUE,
    LayerShape,
    concepts_from_plain,
    label_type,
    layer_file,
    statistics_from_arrays,
    unpack_labels,
)
from netdissect.engine.alignment import Alignment, alignment_of
from netdissect.engine.field import Field
from netdissect.engine.flags import count_rows
from netdissect.engine.kept_rows import KeptRows
from netdissect.engine.layer_statistics import LayerStatistics
from netdissect.engine.mask import unit_masks
from netdissect.engine.threshold import UnitValues, select_thresholds, threshold_rank
from netdissect.labels import Labels
from netdissect.types import NetdissectError, one_line

#: Values that are read together to find thresholds.
_VALUES_AT_A_TIME = 2**20

#: Images whose rows are read together.
_IMAGES_AT_A_TIME = 16


class KeptActivations:
    """A folder of kept activations.

    Images are numbered in the order in which they were kept; ``images`` holds their indices in the dataset. The folder
    keeps the values of each map that exceeded the bound of the threshold at the time, and the eight values around each.
    It keeps the maps of each unit's top images whole. So masks can be computed for any quantile up to ``quantile``.

    Raises ``NetdissectError`` if the folder holds no complete activations, or if a file is damaged. ``check=False``
    skips the latter check, which reads all files.

    >>> KeptActivations("none")
    Traceback (most recent call last):
    netdissect.types.NetdissectError: none/state.npz: cannot be read: ...
    """

    def __init__(self, folder: str | Path, *, check: bool = True) -> None:
        self.folder = Path(folder)
        state = read_state(self.folder)
        described = state.description
        if described.get("format_version") not in READ_VERSIONS:
            raise NetdissectError(
                f"{self.folder}: format version {described.get('format_version')} of kept activations; "
                f"this netdissect reads versions {READ_VERSIONS[0]} to {READ_VERSIONS[-1]}"
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
            self.image_size: tuple[int, int] = tuple(described["image_size"])
            self.fields = {
                item["layer"]: None if item["field"] is None else Field.from_plain(item["field"])
                for item in described["layers"]
            }
            self.layers = {item["layer"]: LayerShape(**item["shape"]) for item in described["layers"]}
            self.images: Int64[np.ndarray, " n"] = np.fromfile(self.folder / IMAGES, dtype=INDEX)
            self._sample: Int64[np.ndarray, " s"] = np.fromfile(self.folder / SAMPLE, dtype=INDEX)
            self._label_ends = _ends(self.folder / LABEL_SIZES, 1)
            self._ends = {layer: _ends(self._file(layer, "counts"), 2) for layer in self.layers}
            self._statistics = {
                layer: statistics_from_arrays(index, state.arrays, torch.device("cpu"))
                for index, layer in enumerate(self.layers)
            }
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise NetdissectError(f"{self.folder}: is damaged: {one_line(error)}") from error

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return f"<KeptActivations {self.folder}: {len(self)} images, {', '.join(self.layers)}>"

    def labels(self, image: int) -> Labels:
        """Return the labels of an image."""
        self._check_images(image, image + 1)
        (begin,), (end,) = _span(self._label_ends, image, image + 1)
        packed = _read(self.folder / LABELS, np.dtype(np.uint8), begin, end)
        return unpack_labels(packed.tobytes(), label_type(self.concepts), self.label_shape)

    def rows(self, layer: str, begin: int, end: int) -> KeptRows:
        """Return the kept rows of the maps of images ``begin`` to ``end`` - 1.

        Values that were not kept are the unit's bound, which they do not exceed.
        """
        counts, index, needed, kept = self._read_rows(layer, begin, end)
        height, bound = self.layers[layer].height, self.statistics(layer).bound.numpy()
        values = np.repeat(bound[index // height], needed.shape[1]).reshape(needed.shape)
        values.ravel()[np.flatnonzero(needed)] = kept  # several times faster than indexing by ``needed``
        return KeptRows(height, *map(torch.from_numpy, (counts, index, needed, values)))

    def map(self, layer: str, unit: int, image: int) -> Float32[np.ndarray, "h w"]:
        """Return a unit's map on an image; values that were not kept are the unit's bound."""
        shape = self.layers[self._known(layer)]
        if not 0 <= unit < shape.units:
            raise NetdissectError(f"{self.folder}: layer {layer} has units 0 to {shape.units - 1}, not {unit}")
        rows = self.rows(layer, image, image + 1)
        begin, end = np.searchsorted(rows.unit.numpy(), [unit, unit + 1])
        found = np.full((shape.height, shape.width), self.statistics(layer).bound[unit], dtype=np.float32)
        found[rows.row.numpy()[begin:end]] = rows.values.numpy()[begin:end]
        return found

    def mask(
        self, layer: str, unit: int, image: int, level: float | np.floating, align: str | None = None
    ) -> Bool[np.ndarray, "sh sw"]:
        """Return the mask of a unit on an image: the pixels of the upsampled map that are greater than ``level``.

        Raises ``NetdissectError`` if ``level`` is below the unit's bound, since values below the bound were not kept.
        """
        map_, bound = torch.from_numpy(self.map(layer, unit, image)), float(self.statistics(layer).bound[unit])
        if not level >= bound:
            raise NetdissectError(f"{self.folder}: values of unit {unit} were kept above {bound:g}, not {level:g}")
        levels = torch.tensor([level], dtype=torch.float32)
        return unit_masks(map_[None], levels, self.label_shape, self.alignment(layer, align))[0].numpy()

    def alignment(self, layer: str, align: str | None = None) -> Alignment:
        """Return the alignment of the layer's maps on label maps: ``align``, or by default that of the run.

        A layer without receptive fields is always stretched.
        """
        settings = self.plan.get("settings") or self.plan.get("options") or {}  # "options" until format 5 of runs
        align = align or settings.get("align", "receptive")
        return alignment_of(align, self.fields[self._known(layer)], self.image_size)

    def top_maps(self, layer: str) -> Float32[np.ndarray, "u t h w"]:
        """Return the maps of each unit's top images, best first; zeros if a unit has fewer."""
        top, shape = self.statistics(layer).top.image.numpy(), self.layers[layer]
        maps = np.zeros((*top.shape, shape.height, shape.width), dtype=np.float32)
        unit, rank = np.nonzero(top >= 0)
        maps[unit, rank] = self.statistics(layer).bound.numpy()[unit, None, None]
        by_index = self.images.argsort()
        image = by_index[np.searchsorted(self.images, top[unit, rank], sorter=by_index)]
        for begin in range(0, len(self), _IMAGES_AT_A_TIME):
            end = min(begin + _IMAGES_AT_A_TIME, len(self))
            here = (begin <= image) & (image < end)
            rank_of = np.full((end - begin, shape.units), -1)
            rank_of[image[here] - begin, unit[here]] = rank[here]
            rows = self.rows(layer, begin, end)
            row_unit, row = rows.unit.numpy(), rows.row.numpy()
            row_rank = rank_of[rows.image.numpy(), row_unit]
            shown = np.flatnonzero(row_rank >= 0)
            maps[row_unit[shown], row_rank[shown], row[shown]] = rows.values.numpy()[shown]
        return maps

    @property
    def sample(self) -> Int64[np.ndarray, " s"]:
        """The indices, in the dataset, of the images whose maximal responses are kept, ascending."""
        return np.sort(self._sample)

    def peaks(self, layer: str) -> Float32[np.ndarray, "s u"]:
        """Return each unit's maximal response to each image of ``sample``."""
        units = self.layers[self._known(layer)].units
        peaks = np.fromfile(self._file(layer, "peaks"), dtype=VALUE).reshape(-1, units)
        return peaks[self._sample.argsort()].astype(np.float32, copy=False)

    def statistics(self, layer: str) -> LayerStatistics:
        """Return the layer's histogram, top images and bound: values up to the bound need not have been kept."""
        return self._statistics[self._known(layer)]

    def thresholds(self, layer: str, quantile: float | None = None) -> Float32[np.ndarray, " u"]:
        """Return exact thresholds for the run's quantile or a smaller one (see ``engine.threshold``).

        Raises ``NetdissectError`` for a larger quantile.
        """
        quantile = self.quantile if quantile is None else quantile
        if not 0 < quantile <= self.quantile:
            raise NetdissectError(
                f"{self.folder}: was kept for quantiles of up to {self.quantile:g}; {quantile:g} needs a new run"
            )
        statistics, shape = self.statistics(layer), self.layers[layer]
        rank = threshold_rank(quantile, len(self) * shape.height * shape.width)
        # The rank may be smaller than while values were kept, and so the bound higher.
        bound = torch.maximum(statistics.bound, statistics.histogram.lower_bound(rank))
        at_most = statistics.histogram.count_from(bound)
        return select_thresholds(lambda: self._unit_values(layer), rank, bound.numpy(), at_most.numpy())

    def _unit_values(self, layer: str) -> Iterator[UnitValues]:
        """Yield all values kept for a layer, some at a time, each with its unit."""
        ends, begin = self._ends[layer][:, 1], 0
        while begin < len(self):
            so_far = ends[begin - 1] if begin else 0
            end = max(begin + 1, int(np.searchsorted(ends, so_far + _VALUES_AT_A_TIME, side="right")))
            _, index, needed, values = self._read_rows(layer, begin, end)
            yield np.repeat(index // self.layers[layer].height, count_rows(needed)), values
            begin = end

    def _read_rows(self, layer: str, begin: int, end: int) -> tuple[np.ndarray, ...]:
        """Return the rows kept of images ``begin`` to ``end`` - 1.

        These are: the number of rows of each image, the index ``unit * height + row`` of each row, the flags of its
        kept values, and the kept values, flat.
        """
        self._check_images(begin, end)
        ends, width = self._ends[self._known(layer)], self.layers[layer].width
        (row, value), (row_end, value_end) = _span(ends, begin, end)
        bytes_each = math.ceil(width / 8)
        bits = _read(self._file(layer, "needed"), np.dtype(np.uint8), row * bytes_each, row_end * bytes_each)
        return (
            np.diff(ends[begin:end, 0], prepend=row),
            _read(self._file(layer, "places"), COUNT, row, row_end).astype(np.int64),
            np.unpackbits(bits.reshape(-1, bytes_each), axis=1, count=width).view(bool),
            _read(self._file(layer, "values"), VALUE, value, value_end).astype(np.float32, copy=False),
        )

    def _check_images(self, begin: int, end: int) -> None:
        """Raise ``NetdissectError`` unless images ``begin`` to ``end`` - 1 are kept."""
        if not 0 <= begin < end <= len(self):
            raise NetdissectError(f"{self.folder}: has images 0 to {len(self) - 1}, not {begin} to {end - 1}")

    def _file(self, layer: str, kind: str) -> Path:
        """Return the path of a layer's file."""
        return self.folder / layer_file(list(self.layers).index(layer), kind)

    def _known(self, layer: str) -> str:
        """Return the name of a layer that is kept. Raises ``NetdissectError`` for another name."""
        if layer not in self.layers:
            raise NetdissectError(f"{self.folder}: holds no layer {layer!r}: it has {', '.join(self.layers)}")
        return layer


def _read(path: Path, dtype: np.dtype, begin: int, end: int) -> np.ndarray:
    """Read numbers ``begin`` to ``end`` - 1 of a file."""
    # Not mapped into memory, where such files would crowd out everything else.
    return np.fromfile(path, dtype=dtype, count=end - begin, offset=begin * dtype.itemsize)


def _ends(path: Path, kinds: int) -> Int64[np.ndarray, "n kinds"]:
    """Return the ends of each image's parts in other files, from a file of their lengths."""
    return np.fromfile(path, dtype=COUNT).reshape(-1, kinds).astype(np.int64).cumsum(axis=0)


def _span(ends: Int64[np.ndarray, "n kinds"], begin: int, end: int) -> tuple[list[int], list[int]]:
    """Return the begins and the ends of the parts of images ``begin`` to ``end`` - 1."""
    return ends[begin - 1].tolist() if begin else [0] * ends.shape[1], ends[end - 1].tolist()
