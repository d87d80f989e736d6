"""Alignment of units before and after: for each pair both labels, and what became of the detector.

The first of two results is called *before*, the second *after*, whether they are of a network and its fine-tuned
version, of two networks, or a run and a published table. A unit's label is its best concept over all categories. The
unit is a detector if its score with the label exceeds the cut, as in counts by label. Two labels are the same if both
category and name are.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from netdissect.compare.matching import Matching, match_layers
from netdissect.registry import Registry
from netdissect.results import LayerResult, Result
from netdissect.results.criteria import criterion_called
from netdissect.types import NetdissectError

#: Ways to match units of two layers.
MATCHINGS = Registry(
    "matching",
    [
        ("units", "netdissect.compare.matching:match_by_number", "by number"),
        ("activations", "netdissect.compare.matching:match_by_activations", "by correlation of maximal responses"),
    ],
)

#: Fates of a unit: a detector of the same concept on both sides, of another concept after, a detector after alone,
#: before alone, or on neither side.
BECAME = ("kept", "changed", "gained", "lost", "neither")


def pair_columns(score: str) -> tuple[str, ...]:
    """Return the columns of a table of pairs; ``score`` is the column of scores in tables of units.

    >>> pair_columns("iou")[5:8]
    ('iou_before', 'is_detector_before', 'category_after')
    """
    before, after = (
        tuple(f"{column}_{side}" for column in ("category", "concept", score, "is_detector"))
        for side in ("before", "after")
    )
    return ("unit_before", "unit_after", "became", *before, *after, f"{score}_difference", "correlation")


#: The number of pairs in a summary, those whose score differs most.
LARGEST = 20


@dataclass(frozen=True, repr=False, eq=False)
class Alignment:
    """Units of the layer called ``before`` beside units of the layer ``after``, counted at one cut.

    ``match`` is one of ``MATCHINGS``. ``pairs`` has a row per pair of units (``pair_columns``), by unit before. A unit
    whose mask overlaps no concept has no label, and a score of 0. The difference of scores is after less before.
    ``correlation`` is of the maximal responses to ``images`` images, NaN where units are matched by number. Units of a
    wider layer that are left over are ``unmatched_before`` or ``unmatched_after``. ``notes`` are reasons against
    comparing the two layers at all.
    """

    before: str
    after: str
    match: str
    iou_threshold: float
    pairs: pd.DataFrame
    images: int = 0
    unmatched_before: tuple[int, ...] = ()
    unmatched_after: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    criterion: str = "iou"

    @property
    def score_title(self) -> str:
        """The score of both layers, in words."""
        return criterion_called(self.criterion).title

    def __repr__(self) -> str:
        return f"<Alignment {self.before} and {self.after}, by {self.match}: {len(self.pairs)} pairs>"

    @cached_property
    def became(self) -> dict[str, int]:
        """The number of pairs per fate (``BECAME``)."""
        counts = self.pairs["became"].value_counts()
        return {fate: int(counts.get(fate, 0)) for fate in BECAME}

    @cached_property
    def flows(self) -> dict[tuple[str | None, str | None], int]:
        """The number of pairs per category before and after, None where the unit is no detector."""
        return dict(Counter(zip(self._categories("before"), self._categories("after"), strict=True)))

    def departures(self, count: int | None = None) -> pd.DataFrame:
        """Return the pairs by the difference of their score, the largest first; ``count`` of them, or all."""
        order = (-self.pairs[f"{self.criterion}_difference"].abs()).argsort(kind="stable")
        return self.pairs.iloc[order[:count]].reset_index(drop=True)

    def summary(self) -> dict[str, Any]:
        """Return what became of the units, and how far both sides agree, as plain data; None where not defined.

        Agreement is the share of pairs with the same label, among pairs with a label on both sides, and among pairs
        that are detectors on both sides. Scores are compared over all pairs.
        """
        pairs = self.pairs
        labelled = pairs["concept_before"].notna() & pairs["concept_after"].notna()
        detectors = pairs["is_detector_before"] & pairs["is_detector_after"]
        score = self.criterion
        difference, correlation = pairs[f"{score}_difference"], pairs["correlation"]
        return {
            "before": self.before,
            "after": self.after,
            "align": self.match,
            "notes": list(self.notes),
            "iou_threshold": self.iou_threshold,
            "pairs": len(pairs),
            "unmatched_before": list(self.unmatched_before),
            "unmatched_after": list(self.unmatched_after),
            "became": self.became,
            "agreement": {
                "labelled_on_both_sides": _agreement(pairs[labelled]),
                "detectors_on_both_sides": _agreement(pairs[detectors]),
            },
            score: {
                "correlation": _pearson(pairs[f"{score}_before"].to_numpy(), pairs[f"{score}_after"].to_numpy()),
                "mean_difference": _defined(difference.mean()),
                "mean_absolute_difference": _defined(difference.abs().mean()),
            },
            "images": self.images,
            "correlation": {"mean": _defined(correlation.mean()), "median": _defined(correlation.median())},
            "flows": [
                {"category_before": before, "category_after": after, "units": units}
                for (before, after), units in sorted(self.flows.items(), key=lambda flow: -flow[1])
            ],
            "largest_departures": plain_rows(self.departures(LARGEST)),
        }

    def _categories(self, side: str) -> list[str | None]:
        """Return the category of each pair's detector on one side, None where the unit is no detector."""
        labels = self.pairs[[f"category_{side}", f"is_detector_{side}"]]
        return [str(category) if detector else None for category, detector in labels.itertuples(index=False)]


def align(
    before: LayerResult, after: LayerResult, *, match: str = "units", iou_threshold: float | None = None
) -> Alignment:
    """Follow each unit of a layer from before to after.

    Args:
        before: the first layer.
        after: the second layer.
        match: ``units`` matches unit ``i`` with unit ``i``; ``activations`` finds the one-to-one matching of greatest
            total correlation of maximal responses, for layers whose unit numbers are unrelated.
        iou_threshold: the cut at which both layers are counted. None: their own.

    Raises:
        NetdissectError: units that cannot be matched this way; criteria that differ; cuts that differ, if none is
            given.
    """
    if match not in MATCHINGS:
        raise NetdissectError(f"units are matched by {' or by '.join(MATCHINGS)}, not by {match!r}")
    if before.criterion != after.criterion:
        raise NetdissectError(
            f"units are scored by {before.score_title} before and by {after.score_title} after: scores of two criteria "
            "cannot be compared"
        )
    score = before.score_column
    if iou_threshold is None:
        iou_threshold = before.iou_threshold
        if after.iou_threshold != iou_threshold:
            raise NetdissectError(
                f"detectors are those above {criterion_called(score).a_title} of {iou_threshold:g} before and "
                f"{after.iou_threshold:g} after: choose one cut for both"
            )
    matching: Matching = MATCHINGS[match](before, after)
    sides = [
        layer.counted_at(iou_threshold).labels_by_unit.iloc[units].add_suffix(f"_{side}").reset_index(drop=True)
        for layer, units, side in ((before, matching.before, "before"), (after, matching.after, "after"))
    ]
    pairs = pd.concat(sides, axis=1)
    pairs["became"] = _became(pairs)
    pairs[f"{score}_difference"] = pairs[f"{score}_after"] - pairs[f"{score}_before"]
    pairs["correlation"] = matching.correlation
    return Alignment(
        before.layer,
        after.layer,
        match,
        iou_threshold,
        pairs[list(pair_columns(score))],
        matching.images,
        _left_over(before, matching.before),
        _left_over(after, matching.after),
        criterion=score,
    )


def align_results(
    results: Sequence[Result], *, layers: Sequence[str] = (), match: str = "units", iou_threshold: float | None = None
) -> list[Alignment]:
    """Follow units from the first to the second of two results, in each pair of ``layers`` that belong together.

    Raises ``NetdissectError`` as ``align`` and ``match_layers`` do, and for any other number of results than two.
    """
    if len(results) != 2:
        raise NetdissectError(f"units are followed from one result to another: name two, not {len(results)}")
    before, after = results
    return [
        dataclasses.replace(
            align(before[here], after[there], match=match, iou_threshold=iou_threshold),
            notes=tuple(_differences((before, here), (after, there), match)),
        )
        for here, there in match_layers(before, after, layers)
    ]


def _differences(first: tuple[Result, str], second: tuple[Result, str], match: str) -> Iterator[str]:
    """Yield a line for each reason why units of two layers are hard to compare."""
    (before, here), (after, there) = first, second
    quantiles = before[here].quantile, after[there].quantile
    if quantiles[0] != quantiles[1]:
        yield f"masks are of other sizes: a quantile of {quantiles[0]:g} before, of {quantiles[1]:g} after"
    if before.dataset_id != after.dataset_id:
        datasets = [result.description.data.name for result in (before, after)]
        names = f"{datasets[0]} before, {datasets[1]} after" if len({*datasets}) > 1 else f"both called {datasets[0]}"
        yield f"measured on other images or labels: {names}"
        if match == "activations":
            yield "images count as the same where their names are"
    known = [result.basis_of(layer) for result, layer in ((before, here), (after, there))]
    bases = ["channels" if basis is None else basis.words for basis in known]
    if bases[0] != bases[1]:
        yield f"units are other directions: {bases[0]} before, {bases[1]} after"


def plain_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as plain data by column, None for missing values.

    >>> plain_rows(pd.DataFrame({"unit": [0], "concept": [None]}))
    [{'unit': 0, 'concept': None}]
    """
    return [
        {str(name): None if pd.isna(value) else value for name, value in row.items()}
        for row in table.to_dict("records")
    ]


def _became(pairs: pd.DataFrame) -> np.ndarray:
    before, after = pairs["is_detector_before"].to_numpy(), pairs["is_detector_after"].to_numpy()
    cases = [before & after & _same_label(pairs), before & after, after, before]
    return np.select(cases, BECAME[:4], BECAME[4])


def _same_label(pairs: pd.DataFrame) -> np.ndarray:
    """Return for each pair whether both units have a label, and the same one: category and name."""
    same = [pairs[f"{part}_before"].eq(pairs[f"{part}_after"]) for part in ("category", "concept")]
    return (same[0] & same[1]).fillna(False).to_numpy(bool)


def _agreement(pairs: pd.DataFrame) -> dict[str, Any]:
    same = int(_same_label(pairs).sum())
    return {"pairs": len(pairs), "same": same, "share": same / len(pairs) if len(pairs) else None}


def _pearson(before: np.ndarray, after: np.ndarray) -> float | None:
    """Return the correlation; None if there are fewer than two pairs, or if one side is constant."""
    if len(before) < 2 or np.ptp(before) == 0 or np.ptp(after) == 0:
        return None
    return float(np.corrcoef(before, after)[0, 1])


def _defined(number: float) -> float | None:
    return None if np.isnan(number) else float(number)


def _left_over(layer: LayerResult, matched: np.ndarray) -> tuple[int, ...]:
    return tuple(np.setdiff1d(np.arange(layer.unit_count), matched).tolist())
