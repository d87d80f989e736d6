"""The layout of kept activations on disk; ``docs/activations.md`` describes it at length."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from netdissect.engine.flags import count_rows
from netdissect.engine.kept_rows import KeptRows
from netdissect.engine.layer_statistics import LayerStatistics
from netdissect.labels import Labels
from netdissect.types import Concept

#: The version of the layout that is written.
FORMAT_VERSION = 4

#: The versions that are read. Since version 4 concepts keep their synonyms, and the plan is of typed descriptions.
READ_VERSIONS = (3, 4)

#: The files of a folder that belong to no layer.
IMAGES, LABELS, LABEL_SIZES, SAMPLE = "images", "labels", "label_sizes", "sample"

#: The number types of the files, little-endian on every machine.
INDEX, COUNT, VALUE = np.dtype("<i8"), np.dtype("<u4"), np.dtype("<f4")


@dataclass(frozen=True)
class LayerShape:
    """The number of a layer's units, and the height and width of their maps."""

    units: int
    height: int
    width: int


def layer_file(index: int, kind: str) -> str:
    """Return the name of a layer's file: its ``counts``, ``places``, ``needed``, ``values`` or ``peaks``.

    >>> layer_file(0, "counts")
    'layer0.counts'
    """
    return f"layer{index}.{kind}"


def concepts_to_plain(concepts: tuple[Concept, ...]) -> list[dict[str, Any]]:
    """Return the concepts as plain data."""
    return [concept.to_plain() for concept in concepts]


def concepts_from_plain(plain: list[Any]) -> tuple[Concept, ...]:
    """Read concepts from plain data.

    >>> concepts_from_plain([[1, "car", "object"]])
    (Concept(number=1, name='car', category='object', synonyms=()),)
    """
    return tuple(map(Concept.from_plain, plain))


def label_type(concepts: tuple[Concept, ...]) -> np.dtype:
    """Return the smaller of two number types that holds every concept's number.

    >>> label_type((Concept(1, "car", "object"), Concept(70000, "rim", "part"))).str
    '<u4'
    """
    return np.dtype("<u2" if concepts[-1].number < 2**16 else "<u4")


def pack_labels(labels: Labels, dtype: np.dtype) -> bytes:
    """Return an image's labels, compressed to a few percent of their size.

    The numbers are: the number of label layers, the number of whole-image concepts, these concepts, all pixels.

    >>> labels = Labels(np.array([[[3, 0], [3, 5]]], dtype=np.int32), whole=(7,))
    >>> unpack_labels(pack_labels(labels, np.dtype("<u2")), np.dtype("<u2"), (2, 2)).whole
    (7,)
    """
    numbers = np.array([len(labels.maps), len(labels.whole), *labels.whole], dtype=dtype)
    return zlib.compress(numbers.tobytes() + labels.maps.astype(dtype).tobytes(), level=1)


def unpack_labels(packed: bytes, dtype: np.dtype, label_shape: tuple[int, int]) -> Labels:
    """Return the labels that ``pack_labels`` compressed."""
    numbers = np.frombuffer(zlib.decompress(packed), dtype=dtype)
    layers, whole = int(numbers[0]), int(numbers[1])
    maps = numbers[2 + whole :].astype(np.int32).reshape(layers, *label_shape)
    return Labels(maps, tuple(numbers[2 : 2 + whole].tolist()))


def rows_to_arrays(rows: KeptRows) -> dict[str, np.ndarray]:
    """Return the arrays to append to a layer's files.

    ``counts`` holds the number of rows and of values for each image; the other arrays hold the rows and the values.
    """
    tensors = (rows.counts, rows.index, rows.needed, rows.values)
    counts, index, needed, values = (tensor.cpu().numpy() for tensor in tensors)
    needed_so_far = np.append(0, count_rows(needed)).cumsum()
    value_counts = np.diff(needed_so_far[np.append(0, counts.cumsum())])
    return {
        "counts": np.stack([counts, value_counts], axis=1).astype(COUNT),
        "places": index.astype(COUNT),
        "needed": np.packbits(needed, axis=1),
        "values": values.ravel().compress(needed.ravel()).astype(VALUE, copy=False),
    }


def statistics_to_arrays(index: int, statistics: LayerStatistics) -> dict[str, np.ndarray]:
    """Return a layer's statistics as arrays, whose names begin with the layer's index."""
    return {f"{index}.{name}": tensor.cpu().numpy() for name, tensor in statistics.state().items()}


def statistics_from_arrays(index: int, arrays: Mapping[str, np.ndarray], device: torch.device) -> LayerStatistics:
    """Return a layer's statistics from the arrays of all layers."""
    prefix = f"{index}."
    state = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
    return LayerStatistics.from_state({name: torch.from_numpy(array).to(device) for name, array in state.items()})
