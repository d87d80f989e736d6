"""From kept activations to exact thresholds and tallies, without the network."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from netdissect.activations.kept import KeptActivations
from netdissect.engine.histogram import Histogram
from netdissect.engine.tally import Concepts, ImageConcepts, Overlap, Tally, count_overlap
from netdissect.engine.threads import all_cores, one_thread_per_operation
from netdissect.engine.top import TopImages
from netdissect.measure.noted_tallies import TALLIES, NotedTallies
from netdissect.parallel import in_order
from netdissect.settings import CHUNK_SECONDS
from netdissect.types import OnProgress, no_progress

#: The images that are counted together, and the most label pixels that these may have.
_IMAGES_AT_A_TIME, _PIXELS_AT_A_TIME = 32, 2**22

#: The layers whose thresholds or top maps are read together: they take memory.
_LAYERS_AT_A_TIME = 2


@dataclass(frozen=True)
class Measurement:
    """The measurement of one layer; ``peaks`` are maximal responses to the images of the sample."""

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
    """Return thresholds, tallies and top images of every layer of ``kept``.

    Args:
        kept: the activations that a run kept.
        concepts: the concepts to count.
        quantile: the run's quantile, which is the default, or a smaller one.
        align: how maps lie on label maps, ``receptive`` or ``stretch``; by default as in the run.
        device: the device that counts, by default the CPU.
        resume: note tallies beside the activations, and go on with noted tallies of the same count.
        chunk_seconds: seconds between notes.
        workers: threads that count, by default as many as torch uses, at most 8.
        on_progress: called at the beginning and after each part of a step.

    Raises ``NetdissectError`` if the quantile is larger than the run's.
    """
    device = torch.device("cpu") if device is None or device.type == "mps" else device
    workers = all_cores() if workers is None else workers
    thresholds = _thresholds(kept, quantile, device, workers, on_progress)
    counting = _Counting(kept, concepts, thresholds, align, device)
    notes = NotedTallies(kept.folder / TALLIES, counting.describe(), chunk_seconds) if resume else None
    tallies = _tallies(counting, notes, workers, on_progress)
    return _measurements(kept, thresholds, tallies, workers, on_progress)


@dataclass(frozen=True, eq=False)
class _Counting:
    """Kept activations, and all that tallies follow from besides."""

    kept: KeptActivations
    concepts: Concepts
    thresholds: Mapping[str, Tensor]
    align: str | None
    device: torch.device

    @property
    def images_at_a_time(self) -> int:
        """The number of images that are counted together."""
        height, width = self.concepts.label_shape
        return max(1, min(_IMAGES_AT_A_TIME, _PIXELS_AT_A_TIME // (height * width)))

    def describe(self) -> dict[str, Any]:
        """Return as plain data all that tallies follow from besides the activations."""
        return {
            "concepts": [concept.number for concept in self.concepts.concepts],
            "thresholds": {
                layer: zlib.crc32(thresholds.cpu().numpy().tobytes()) for layer, thresholds in self.thresholds.items()
            },
            "align": self.align,
        }

    def empty(self) -> dict[str, Tally]:
        """Return the tally of no images for each layer."""
        return {
            layer: Tally.empty(shape.units, self.concepts, self.device) for layer, shape in self.kept.layers.items()
        }

    def count_from(self, begin: int) -> tuple[ImageConcepts, dict[str, Overlap]]:
        """Return the concepts of the images from ``begin`` on that are counted together, and each layer's overlap."""
        end = min(begin + self.images_at_a_time, len(self.kept))
        shown = self.concepts.image_concepts([self.kept.labels(image) for image in range(begin, end)], self.device)
        overlaps = {}
        for layer in self.kept.layers:
            rows = self.kept.rows(layer, begin, end).to(self.device)
            alignment = self.kept.alignment(layer, self.align)
            overlaps[layer] = count_overlap(rows, self.thresholds[layer], shown, self.concepts.label_shape, alignment)
        return shown, overlaps


def _thresholds(
    kept: KeptActivations, quantile: float | None, device: torch.device, workers: int, on_progress: OnProgress
) -> dict[str, Tensor]:
    """Return the thresholds of each layer."""
    found: dict[str, Tensor] = {}
    few = min(workers, _LAYERS_AT_A_TIME)
    on_progress("thresholds", 0, len(kept.layers))
    for layer, thresholds in in_order(lambda layer: kept.thresholds(layer, quantile), kept.layers, few, few):
        found[layer] = torch.from_numpy(thresholds).to(device)
        on_progress("thresholds", len(found), len(kept.layers))
    return found


def _tallies(
    counting: _Counting, notes: NotedTallies | None, workers: int, on_progress: OnProgress
) -> dict[str, Tally]:
    """Return the tally of each layer, going on with the noted ones if there are any."""
    tallies, counted = counting.empty(), 0
    if notes is not None:
        tallies, counted = notes.read(tallies)
    images, together = len(counting.kept), counting.images_at_a_time
    begins = range(counted, images, together)
    on_progress("concepts", counted, images)
    with one_thread_per_operation():
        for begin, (shown, overlaps) in in_order(counting.count_from, begins, workers, workers + 1):
            for layer, tally in tallies.items():
                tally.update(shown, overlaps[layer])
            counted = min(begin + together, images)
            if notes is not None:
                notes.note(tallies, counted)
            on_progress("concepts", counted, images)
    return tallies


def _measurements(
    kept: KeptActivations,
    thresholds: Mapping[str, Tensor],
    tallies: Mapping[str, Tally],
    workers: int,
    on_progress: OnProgress,
) -> dict[str, Measurement]:
    """Return the measurement of each layer, with the maps of its top images."""
    measured: dict[str, Measurement] = {}
    few = min(workers, _LAYERS_AT_A_TIME)
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
