"""From counts of tensors to the results of layers."""

from collections.abc import Mapping
from typing import Any

from netdissect.activations import KeptActivations
from netdissect.concepts import ConceptDataset
from netdissect.engine.tally import Concepts
from netdissect.measure import Measurement
from netdissect.results import LayerResult
from netdissect.settings import Settings
from netdissect.types import plain_text

#: Bins of the histograms in a result.
HISTOGRAM_BINS = 64


def layer_results(
    measured: Mapping[str, Measurement],
    kept: KeptActivations,
    data: ConceptDataset,
    concepts: Concepts,
    settings: Settings,
) -> dict[str, LayerResult]:
    """Return the result of each layer that was measured."""
    sample = tuple(plain_text(data.image_name(index)) for index in kept.sample.tolist())
    return {
        name: _layer_result(name, measurement, sample, concepts, settings) for name, measurement in measured.items()
    }


def _layer_result(
    name: str, measurement: Measurement, sample: tuple[str, ...], concepts: Concepts, settings: Settings
) -> LayerResult:
    tally, top = measurement.tally.compute(), measurement.top
    taken = int((top.image[0] >= 0).sum())  # fewer than asked for, where images were left out
    bins = measurement.histogram.compute().merged(HISTOGRAM_BINS)
    arrays: dict[str, Any] = {
        "thresholds": measurement.thresholds,
        "intersection": tally.intersection,
        "unit_area": tally.unit_area,
        "concept_area": tally.concept_area,
        "concept_images": tally.concept_images,
        "top_image": top.image[:, :taken],
        "top_activation": top.activation[:, :taken],
        "top_maps": measurement.top_maps[:, :taken],
        "histogram": bins.counts,
        "bin_start": bins.start,
        "bin_width": bins.width,
        "low": bins.low,
        "high": bins.high,
        "peaks": measurement.peaks,
    }
    return LayerResult(
        layer=name,
        concepts=concepts.concepts,
        quantile=settings.quantile,
        iou_threshold=settings.iou_threshold,
        sample=sample,
        **{array: tensor.cpu().numpy() for array, tensor in arrays.items()},
    )
