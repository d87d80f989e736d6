"""Matching of layers and units of two results: units by number, or by the images that they respond to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int64
from scipy.optimize import linear_sum_assignment

from netdissect.results import LayerResult, Result, Sample
from netdissect.types import NetdissectError


@dataclass(frozen=True)
class Matching:
    """Pairs of units: ``before[i]`` and ``after[i]``, in the order of the former.

    ``correlation`` is of a pair's maximal responses to ``images`` images, NaN where units are matched by number.
    """

    before: Int64[np.ndarray, " p"]
    after: Int64[np.ndarray, " p"]
    correlation: Float[np.ndarray, " p"]
    images: int = 0


def match_layers(before: Result, after: Result, layers: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Return pairs of layers that belong together: of the same name, or the only layer of each result.

    ``layers`` chooses among them. Raises ``NetdissectError`` if the results have no layer in common.
    """
    here, there = ([layer for layer in result.layers if not layers or layer in layers] for result in (before, after))
    common = [layer for layer in here if layer in there]
    if common:
        return [(layer, layer) for layer in common]
    if len(here) == len(there) == 1:
        return [(here[0], there[0])]
    raise NetdissectError(
        f"{before.name} and {after.name} have no layer in common: {_listed(here)} before, {_listed(there)} after "
        "(--layer chooses one of each)"
    )


def _listed(layers: Sequence[str]) -> str:
    return ", ".join(layers) or "none of those chosen"


def match_by_number(before: LayerResult, after: LayerResult) -> Matching:
    """Match unit ``i`` with unit ``i``. Raises ``NetdissectError`` if the layers differ in their number of units."""
    if before.unit_count != after.unit_count:
        raise NetdissectError(
            f"layer {before.layer} has {before.unit_count} units before, {after.layer} {after.unit_count} after: units "
            "match by number only where both have as many"
            + ("" if before.sample is None or after.sample is None else " (--match activations matches other layers)")
        )
    units = np.arange(before.unit_count)
    return Matching(units, units, np.full(len(units), np.nan))


def match_by_activations(before: LayerResult, after: LayerResult) -> Matching:
    """Match units one to one, so that the correlation of their maximal responses is greatest in sum.

    Responses are compared on the images that both samples have, by name; names that occur twice in a sample are left
    out. Some units of a wider layer are left over. Raises ``NetdissectError`` if a layer has no responses, or if the
    layers have fewer than two images in common.
    """
    sample_before, sample_after = _sample(before, "before"), _sample(after, "after")
    here, there = _rows(sample_before.image_names), _rows(sample_after.image_names)
    common = sorted(here.keys() & there.keys())
    if len(common) < 2:
        raise NetdissectError(
            f"layers {before.layer} before and {after.layer} after: maximal responses are kept of "
            f"{len(sample_before.image_names)} and {len(sample_after.image_names)} images, {len(common) or 'none'} of "
            "them the same: were both dissected on the same dataset?"
        )
    correlations = peak_correlations(
        sample_before.peaks[[here[name] for name in common]], sample_after.peaks[[there[name] for name in common]]
    )
    units, partners = linear_sum_assignment(correlations, maximize=True)
    return Matching(units, partners, correlations[units, partners], len(common))


def _sample(layer: LayerResult, side: str) -> Sample:
    if layer.sample is None:
        raise NetdissectError(
            f"layer {layer.layer} {side}: no maximal responses are known, as of all published tables: "
            "its units match by their numbers alone (--match units)"
        )
    return layer.sample


def peak_correlations(
    before: Float32[np.ndarray, "s u"], after: Float32[np.ndarray, "s v"]
) -> Float[np.ndarray, "u v"]:
    """Return Pearson's correlation of each unit before with each unit after, over ``s`` images; 0 for constant units.

    >>> peak_correlations(np.float32([[1], [2], [3]]), np.float32([[2, 5], [4, 5], [6, 5]])).round(6).tolist()
    [[1.0, 0.0]]
    """
    return (_standardized(before).T @ _standardized(after)).clip(-1, 1)


def _standardized(peaks: Float32[np.ndarray, "s u"]) -> Float[np.ndarray, "s u"]:
    """Return each unit's responses less their mean, scaled to length 1; zeros for a constant unit."""
    constant = peaks.max(axis=0) == peaks.min(axis=0)
    centred = np.where(constant, 0.0, peaks - peaks.mean(axis=0, dtype=np.float64))
    return centred / np.where(constant, 1.0, np.linalg.norm(centred, axis=0))


def _rows(names: tuple[str, ...]) -> dict[str, int]:
    """Return the row of each name that occurs once."""
    rows, repeated = {}, set()
    for row, name in enumerate(names):
        if name in rows:
            repeated.add(name)
        rows[name] = row
    return {name: row for name, row in rows.items() if name not in repeated}
