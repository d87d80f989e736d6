"""Reading kept activations: thresholds, maps, rows and labels, without the network that made them."""

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
    FORMAT_VERSION,
    IMAGES,
    INDEX,
    LABEL_SIZES,
    LABELS,
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

#: Values read at a time while looking for thresholds.
_VALUES_AT_A_TIME = 2**20

#: Images whose rows are read together.
_IMAGES_AT_A_TIME = 16


class KeptActivations:
    """A folder of kept activations.

    Images are numbered in the order in which they were kept; ``images`` tells their indices in the dataset. Kept are,
    of each map, the values that exceed what was then known of the threshold, and the eight around each; the maps of
    each unit's top images are kept whole. So all is there that masks need for any quantile up to the one kept for.

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
        """The labels of an image."""
        self._check_images(image, image + 1)
        (begin,), (end,) = _span(self._label_ends, image, image + 1)
        packed = _read(self.folder / LABELS, np.dtype(np.uint8), begin, end)
        return unpack_labels(packed.tobytes(), label_type(self.concepts), self.label_shape)

    def rows(self, layer: str, begin: int, end: int) -> KeptRows:
        """What is kept of the maps of the images from ``begin`` up to, not with, ``end``.

        Values that were not kept read as the unit's ``bound``, which none of them exceeds.
        """
        counts, index, needed, kept = self._read_rows(layer, begin, end)
        height, bound = self.layers[layer].height, self.statistics(layer).bound.numpy()
        values = np.repeat(bound[index // height], needed.shape[1]).reshape(needed.shape)
        values.ravel()[np.flatnonzero(needed)] = kept  # several times faster than by the flags
        return KeptRows(height, *map(torch.from_numpy, (counts, index, needed, values)))

    def map(self, layer: str, unit: int, image: int) -> Float32[np.ndarray, "h w"]:
        """A map; values that were not kept read as in ``rows``."""
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
        """Where the map, upsampled to the label maps, is greater than ``level``, which is the unit's bound or higher.

        Raises ``NetdissectError`` if it is lower: values that would count were not kept.
        """
        map_, bound = torch.from_numpy(self.map(layer, unit, image)), float(self.statistics(layer).bound[unit])
        if not level >= bound:
            raise NetdissectError(f"{self.folder}: values of unit {unit} were kept above {bound:g}, not {level:g}")
        levels = torch.tensor([level], dtype=torch.float32)
        return unit_masks(map_[None], levels, self.label_shape, self.alignment(layer, align))[0].numpy()

    def alignment(self, layer: str, align: str | None = None) -> Alignment:
        """How the layer's maps lie on label maps, as in the run, or as ``align`` says.

        One without a receptive field is stretched in any case.
        """
        settings = self.plan.get("settings") or self.plan.get("options", {})  # the name in folders of before
        align = align or settings.get("align", "receptive")
        return alignment_of(align, self.fields[self._known(layer)], self.image_size)

    def top_maps(self, layer: str) -> Float32[np.ndarray, "u t h w"]:
        """The maps of each unit's top images, best first; zeros where a unit has fewer."""
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
            of_unit, row = rows.unit.numpy(), rows.row.numpy()
            of_rank = rank_of[rows.image.numpy(), of_unit]
            shown = np.flatnonzero(of_rank >= 0)
            maps[of_unit[shown], of_rank[shown], row[shown]] = rows.values.numpy()[shown]
        return maps

    @property
    def sample(self) -> Int64[np.ndarray, " s"]:
        """The images of which all maximal responses are kept, by their indices in the dataset, ascending."""
        return np.sort(self._sample)

    def peaks(self, layer: str) -> Float32[np.ndarray, "s u"]:
        """Each unit's maximal response to each image of ``sample``."""
        units = self.layers[self._known(layer)].units
        peaks = np.fromfile(self._file(layer, "peaks"), dtype=VALUE).reshape(-1, units)
        return peaks[self._sample.argsort()].astype(np.float32, copy=False)

    def statistics(self, layer: str) -> LayerStatistics:
        """The layer's histogram, top images and bound: the level up to which values need not have been kept."""
        return self._statistics[self._known(layer)]

    def thresholds(self, layer: str, quantile: float | None = None) -> Float32[np.ndarray, " u"]:
        """Exact thresholds, for the quantile kept for or a smaller one (see ``engine.threshold``)."""
        quantile = self.quantile if quantile is None else quantile
        if not 0 < quantile <= self.quantile:
            raise NetdissectError(
                f"{self.folder}: was kept for quantiles of up to {self.quantile:g}; {quantile:g} needs a new run"
            )
        statistics, shape = self.statistics(layer), self.layers[layer]
        rank = threshold_rank(quantile, len(self) * shape.height * shape.width)
        # Fewer values may be sought than while they were kept, and so the bound be higher.
        bound = torch.maximum(statistics.bound, statistics.histogram.lower_bound(rank))
        at_most = statistics.histogram.count_from(bound)
        return select_thresholds(lambda: self._unit_values(layer), rank, bound.numpy(), at_most.numpy())

    def _unit_values(self, layer: str) -> Iterator[UnitValues]:
        """All values kept of a layer, some at a time, each with its unit."""
        ends, begin = self._ends[layer][:, 1], 0
        while begin < len(self):
            so_far = ends[begin - 1] if begin else 0
            end = max(begin + 1, int(np.searchsorted(ends, so_far + _VALUES_AT_A_TIME, side="right")))
            _, places, needed, values = self._read_rows(layer, begin, end)
            yield np.repeat(places // self.layers[layer].height, count_rows(needed)), values
            begin = end

    def _read_rows(self, layer: str, begin: int, end: int) -> tuple[np.ndarray, ...]:
        """What is kept of some images: rows of each, their places, which of their values, and these, flat."""
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
        if not 0 <= begin < end <= len(self):
            raise NetdissectError(f"{self.folder}: has images 0 to {len(self) - 1}, not {begin} to {end - 1}")

    def _file(self, layer: str, kind: str) -> Path:
        return self.folder / layer_file(list(self.layers).index(layer), kind)

    def _known(self, layer: str) -> str:
        if layer not in self.layers:
            raise NetdissectError(f"{self.folder}: holds no layer {layer!r}: it has {', '.join(self.layers)}")
        return layer


def _read(path: Path, dtype: np.dtype, begin: int, end: int) -> np.ndarray:
    """Some of a file's numbers. Not mapped into memory: there these files would crowd out all else."""
    return np.fromfile(path, dtype=dtype, count=end - begin, offset=begin * dtype.itemsize)


def _ends(path: Path, kinds: int) -> Int64[np.ndarray, "n kinds"]:
    """Where each image's parts of files end, from a file of how much of each kind an image has."""
    return np.fromfile(path, dtype=COUNT).reshape(-1, kinds).astype(np.int64).cumsum(axis=0)


def _span(ends: Int64[np.ndarray, "n kinds"], begin: int, end: int) -> tuple[list[int], list[int]]:
    """Where the parts of the images from ``begin`` up to, not with, ``end`` begin and end."""
    return ends[begin - 1].tolist() if begin else [0] * ends.shape[1], ends[end - 1].tolist()
