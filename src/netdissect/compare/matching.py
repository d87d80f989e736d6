"""Which layer of one result is which of another, and which unit: by its number, or by what it responds to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int64
from scipy.optimize import linear_sum_assignment

from netdissect.results import LayerResult, Result, Sample
from netdissect.types import NetdissectError


@dataclass(frozen=True)
class Matching:
    """Pairs of units, one each of ``before`` and ``after``, by unit before.

    ``correlation`` is that of the pair's maximal responses to ``images`` images; NaN where units go by their numbers.
    """

    before: Int64[np.ndarray, " p"]
    after: Int64[np.ndarray, " p"]
    correlation: Float[np.ndarray, " p"]
    images: int = 0


def match_layers(before: Result, after: Result, layers: Sequence[str] = ()) -> list[tuple[str, str]]:
    """The layers that both results have, or the only one of each; ``layers`` chooses among them.

    Raises ``NetdissectError`` if it is not clear which belong together.
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
    """Unit ``i`` and unit ``i``. Raises ``NetdissectError`` if the layers have not equally many."""
    if before.unit_count != after.unit_count:
        raise NetdissectError(
            f"layer {before.layer} has {before.unit_count} units before, {after.layer} {after.unit_count} after: units "
            "match by number only where both have as many"
            + ("" if before.sample is None or after.sample is None else " (--align activations matches other layers)")
        )
    units = np.arange(before.unit_count)
    return Matching(units, units, np.full(len(units), np.nan))


def match_by_activations(before: LayerResult, after: LayerResult) -> Matching:
    """The one-to-one matching of greatest total correlation of the units' maximal responses.

    Responses are compared on the images, by name, that both samples have; a name that several images of a sample share
    tells none of them. Of a wider layer some units are left over. Raises ``NetdissectError`` if a layer comes without
    responses, or the two have no two images in common.
    """
    sample_before, sample_after = _sample(before, "before"), _sample(after, "after")
    here, there = _places(sample_before.image_names), _places(sample_after.image_names)
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
            "its units match by their numbers alone (--align units)"
        )
    return layer.sample


def peak_correlations(
    before: Float32[np.ndarray, "s u"], after: Float32[np.ndarray, "s v"]
) -> Float[np.ndarray, "u v"]:
    """Pearson's correlation of every unit before with every unit after, over ``s`` images; 0 with a constant unit."""
    return (_standardized(before).T @ _standardized(after)).clip(-1, 1)


def _standardized(peaks: Float32[np.ndarray, "s u"]) -> Float[np.ndarray, "s u"]:
    """Each unit's responses less their mean, of length 1; zeros for a constant unit."""
    constant = peaks.max(axis=0) == peaks.min(axis=0)
    centred = np.where(constant, 0.0, peaks - peaks.mean(axis=0, dtype=np.float64))
    return centred / np.where(constant, 1.0, np.linalg.norm(centred, axis=0))


def _places(names: tuple[str, ...]) -> dict[str, int]:
    """Where each name stands, of those that stand there once."""
    places, repeated = {}, set()
    for place, name in enumerate(names):
        if name in places:
            repeated.add(name)
        places[name] = place
    return {name: place for name, place in places.items() if name not in repeated}
