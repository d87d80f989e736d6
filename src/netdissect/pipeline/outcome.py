"""From counts of tensors to the results of layers."""

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from netdissect.activations import KeptActivations
from netdissect.concepts import ConceptDataset
from netdissect.engine.tally import Concepts
from netdissect.measure import Measurement
from netdissect.results import Activations, Counts, LayerResult, LayerTopImages, Sample
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
    return LayerResult(
        layer=name,
        counts=Counts(
            concepts.concepts,
            _array(tally.intersection),
            _array(tally.unit_area),
            _array(tally.concept_area),
            _array(tally.concept_images),
        ),
        quantile=settings.quantile,
        iou_threshold=settings.iou_threshold,
        criterion=settings.criterion,
        activations=Activations(
            _array(measurement.thresholds),
            _array(bins.counts),
            _array(bins.start),
            _array(bins.width),
            _array(bins.low),
            _array(bins.high),
        ),
        top=LayerTopImages(
            _array(top.image[:, :taken]), _array(top.activation[:, :taken]), _array(measurement.top_maps[:, :taken])
        ),
        sample=Sample(sample, _array(measurement.peaks)),
    )


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.cpu().numpy()
