"""From kept activations to exact thresholds and tallies, without the network."""

import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from netdissect.activations.kept import KeptActivations
from netdissect.engine.histogram import Histogram
from netdissect.engine.tally import Concepts, ImageConcepts, Overlap, Tally, count_overlap
from netdissect.engine.threads import all_cores, one_thread_per_operation
from netdissect.engine.top import TopImages
from netdissect.parallel import in_order
from netdissect.settings import CHUNK_SECONDS
from netdissect.storage import read_npz, write_npz
from netdissect.types import NetdissectError, OnProgress, no_progress, one_line

#: Images that are counted together, and the most label pixels these may have.
_IMAGES_AT_A_TIME, _PIXELS_AT_A_TIME = 32, 2**22

#: Layers whose thresholds or top maps are read together: they take memory.
_LAYERS_AT_A_TIME = 2

#: Noting tallies takes at most about one part in so many of the time.
_PAUSE = 10

#: The tallies of the images counted so far, in the folder of the activations.
TALLIES = "tallies.npz"


@dataclass(frozen=True)
class Measurement:
    """What was found of one layer; ``peaks`` are of the images of the sample (see ``measure.sample``)."""

    thresholds: Float[Tensor, " u"]
    tally: Tally
    top: TopImages
    top_maps: Float[Tensor, "u t h w"]
    histogram: Histogram
    peaks: Float[Tensor, "s u"]


def count(
    kept: KeptActivations,
    concepts: Concepts,
    *,
    quantile: float | None = None,
    align: str | None = None,
    device: torch.device | None = None,
    resume: bool = False,
    chunk_seconds: float = CHUNK_SECONDS,
    workers: int | None = None,
    on_progress: OnProgress = no_progress,
) -> dict[str, Measurement]:
    """Thresholds and tallies of every layer of ``kept``, for the quantile kept for or a smaller one.

    Maps lie on label maps as in the run, or as ``align`` says, ``receptive`` or ``stretch``.
    With ``resume``, what is counted is noted beside the activations, and what was noted of the same count is not
    counted again. ``workers`` threads count, by default as many as torch uses, at most 8. Raises ``NetdissectError`` if
    the quantile is larger.
    """
    device = torch.device("cpu") if device is None or device.type == "mps" else device
    workers = all_cores() if workers is None else workers
    few = min(workers, _LAYERS_AT_A_TIME)
    thresholds: dict[str, Tensor] = {}
    on_progress("thresholds", 0, len(kept.layers))
    for layer, of_layer in in_order(lambda layer: kept.thresholds(layer, quantile), kept.layers, few, few):
        thresholds[layer] = torch.from_numpy(of_layer).to(device)
        on_progress("thresholds", len(thresholds), len(kept.layers))
    tallies = _tallies(kept, concepts, thresholds, device, resume, chunk_seconds, align, workers, on_progress)
    measured: dict[str, Measurement] = {}
    on_progress("top images", 0, len(kept.layers))
    for layer, maps in in_order(kept.top_maps, kept.layers, few, few):
        statistics = kept.statistics(layer)
        measured[layer] = Measurement(
            thresholds[layer],
            tallies[layer],
            statistics.top,
            torch.from_numpy(maps),
            statistics.histogram,
            torch.from_numpy(kept.peaks(layer)),
        )
        on_progress("top images", len(measured), len(kept.layers))
    return measured


def _tallies(
    kept: KeptActivations,
    concepts: Concepts,
    thresholds: Mapping[str, Tensor],
    device: torch.device,
    resume: bool,
    chunk_seconds: float,
    align: str | None,
    workers: int,
    on_progress: OnProgress,
) -> dict[str, Tally]:
    tallies = {layer: Tally.empty(shape.units, concepts, device) for layer, shape in kept.layers.items()}
    noted, what = kept.folder / TALLIES, _what_is_counted(concepts, thresholds, align)
    counted = _read_tallies(noted, what, tallies) if resume else 0
    pixels = concepts.label_shape[0] * concepts.label_shape[1]
    together = max(1, min(_IMAGES_AT_A_TIME, _PIXELS_AT_A_TIME // pixels))

    def count_some(begin: int) -> tuple[ImageConcepts, dict[str, Overlap]]:
        end = min(begin + together, len(kept))
        shown = concepts.image_concepts([kept.labels(image) for image in range(begin, end)], device)
        overlaps = {}
        for layer in kept.layers:
            rows = kept.rows(layer, begin, end).to(device)
            overlaps[layer] = count_overlap(
                rows, thresholds[layer], shown, concepts.label_shape, kept.alignment(layer, align)
            )
        return shown, overlaps

    due = time.monotonic() + chunk_seconds
    begins = range(counted, len(kept), together)
    on_progress("concepts", counted, len(kept))
    with one_thread_per_operation():
        for begin, (shown, overlaps) in in_order(count_some, begins, workers, workers + 1):
            for layer, tally in tallies.items():
                tally.update(shown, overlaps[layer])
            counted = min(begin + together, len(kept))
            if resume and time.monotonic() >= due:
                begun = time.monotonic()
                _write_tallies(noted, what, tallies, counted)
                took = time.monotonic() - begun
                due = begun + took + max(chunk_seconds, _PAUSE * took)
            on_progress("concepts", counted, len(kept))
    return tallies


def _what_is_counted(concepts: Concepts, thresholds: Mapping[str, Tensor], align: str | None) -> dict[str, Any]:
    """As plain data, all that tallies follow from beside the activations."""
    return {
        "concepts": [concept.number for concept in concepts.concepts],
        "thresholds": {layer: zlib.crc32(of_layer.cpu().numpy().tobytes()) for layer, of_layer in thresholds.items()},
        "align": align,
    }


def _write_tallies(path: Path, what: dict[str, Any], tallies: Mapping[str, Tally], counted: int) -> None:
    arrays = {
        f"{place}.{name}": tensor.cpu().numpy()
        for place, tally in enumerate(tallies.values())
        for name, tensor in tally.state().items()
    }
    try:
        write_npz(path, {**what, "counted": counted}, arrays)
    except OSError as error:
        raise NetdissectError(f"{path}: cannot be written: {one_line(error)}") from error


def _read_tallies(path: Path, what: dict[str, Any], tallies: dict[str, Tally]) -> int:
    """Fills in the tallies noted of this count, if any, and returns of how many images they are."""
    if not path.is_file():
        return 0
    description, arrays = read_npz(path)
    counted = int(description.pop("counted"))
    if description != what:
        return 0
    for place, (layer, tally) in enumerate(tallies.items()):
        state = {
            name: torch.from_numpy(arrays[f"{place}.{name}"]).to(tensor.device)
            for name, tensor in tally.state().items()
        }
        tallies[layer] = Tally.from_state(state)
    return counted
