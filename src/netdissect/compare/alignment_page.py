"""The sections of a page about an alignment: units before and after."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pandas as pd

from netdissect.compare.alignment import LARGEST, Alignment, pair_columns, plain_rows
from netdissect.compare.alignment_plot import flow_figure, score_figure
from netdissect.pages.cards import UnitCard
from netdissect.pages.sections import Cell, Drawing, Gallery, Section, Table
from netdissect.results import Result
from netdissect.types import sorted_categories

#: The largest number of pairs whose images are shown.
_MOST_SHOWN = 200

#: The fates of a unit, in words.
_IN_WORDS = {
    "kept": "detectors of the same concept before and after",
    "changed": "detectors of another concept after",
    "gained": "detectors after alone",
    "lost": "detectors before alone",
    "neither": "detectors on neither side",
}


def alignment_sections(before: Result, after: Result, alignment: Alignment, *, files: str = "units") -> list[Section]:
    """Return sections about the units of a layer: counts, figures, tables, and the top images of both sides.

    ``before`` and ``after`` hold the layers that were aligned. The names of files begin with ``files``, which differs
    between the alignments of a page.
    """
    names = [f"before: {before.name}", f"after: {after.name}"]
    layers = " and ".join(dict.fromkeys([alignment.before, alignment.after]))
    sections = [
        Section(
            f"What became of the units of {layers}",
            [
                _counts(alignment, files),
                Drawing(
                    f"{files}-flow",
                    "Where the detectors of each category went",
                    "Bands from each category before to each category after, as high as their units are many.",
                    flow_figure(alignment, *names),
                ),
                _flows(alignment, files),
                Drawing(
                    f"{files}-iou",
                    f"{alignment.score_title} of each unit's label before and after; dashed lines are at the cut",
                    "A point for each pair of units, colored by what became of it.",
                    score_figure(alignment, *names),
                ),
            ],
            _how_matched(before, after, alignment),
        ),
        Section(
            f"All pairs of {layers}",
            [
                _pairs(
                    alignment,
                    f"{files}-departures",
                    f"The pairs whose {alignment.score_title} differs most",
                    alignment.departures(LARGEST),
                ),
                _pairs(alignment, f"{files}-pairs", "All pairs of units", alignment.pairs),
            ],
            _left_over(alignment),
        ),
    ]
    if before[alignment.before].top is not None or after[alignment.after].top is not None:
        sections.append(Section(f"Units of {layers} side by side", [_gallery(before, after, alignment, names)]))
    return sections


def _how_matched(before: Result, after: Result, alignment: Alignment) -> str:
    how = "Unit i before is beside unit i after."
    if alignment.match == "activations":
        how = (
            f"Units are matched one to one, so that the correlation of their maximal responses to {alignment.images} "
            "images is greatest in sum."
        )
    return (
        f"Layer {alignment.before} of {before.name} (before) beside layer {alignment.after} of {after.name} (after). "
        f"{how} A unit's label is its "
        f"best concept over all categories; it is a detector if the {alignment.score_title} exceeds "
        f"{alignment.iou_threshold:g}. "
        "Units count from 0; published tables count from 1."
        + "".join(f" Take care: {note}." for note in alignment.notes)
    )


def _left_over(alignment: Alignment) -> str:
    """Return a line on the units that are left over, since the other layer is narrower."""
    sides = ((alignment.unmatched_before, "before"), (alignment.unmatched_after, "after"))
    return " ".join(
        f"Matched with nothing, units {side}: {', '.join(map(str, units))}." for units, side in sides if units
    )


def _counts(alignment: Alignment, files: str) -> Table:
    summary = alignment.summary()
    agreement, score, correlation = summary["agreement"], summary[alignment.criterion], summary["correlation"]
    title = alignment.score_title
    rows: list[tuple[str, Cell]] = [("pairs of units", summary["pairs"])]
    rows += [(f"{fate}: {_IN_WORDS[fate]}", count) for fate, count in alignment.became.items()]
    for kind, pairs in agreement.items():
        rows.append((f"pairs that are {kind.replace('_', ' ')}", pairs["pairs"]))
        rows.append(("of these, with the same label", pairs["same"]))
        rows.append(("of these, with the same label, as a share", pairs["share"]))
    rows.append(
        (f"{title} before and after: correlation, over all pairs (0 where there is no label)", score["correlation"])
    )
    rows.append((f"{title} after less before: mean, over all pairs", score["mean_difference"]))
    rows.append(("the same: mean of the absolute difference", score["mean_absolute_difference"]))
    if alignment.match == "activations":
        rows.append(("correlation of responses of a pair: mean", correlation["mean"]))
        rows.append(("correlation of responses of a pair: median", correlation["median"]))
    return Table(f"{files}-counts", "What became of the units, and how far both sides agree", ["", "value"], rows)


def _flows(alignment: Alignment, files: str) -> Table:
    """Return a table of flows, with categories before in rows and after in columns."""
    flows = alignment.flows
    categories = [*sorted_categories({name for flow in flows for name in flow if name is not None}), None]
    rows: list[list[Cell]] = [
        [_category(before), *(flows.get((before, after), 0) for after in categories)] for before in categories
    ]
    columns = ["before", *(f"{_category(after)} after" for after in categories)]
    return Table(f"{files}-flows", "How many detectors went from which category to which", columns, rows)


def _category(name: str | None) -> str:
    return "no detector" if name is None else name


def _pairs(alignment: Alignment, name: str, caption: str, pairs: pd.DataFrame) -> Table:
    """Return a table with a row per pair, without columns that follow from others or that are empty."""
    score, title = alignment.criterion, alignment.score_title
    columns = [name for name in pair_columns(score) if not name.startswith("is_detector") and pairs[name].notna().any()]
    rows = [[row[column] for column in columns] for row in plain_rows(pairs)]
    return Table(name, caption, [column.replace(score, title).replace("_", " ") for column in columns], rows)


def _gallery(before: Result, after: Result, alignment: Alignment, names: Sequence[str]) -> Gallery:
    """Return the detectors: first changed, gained and lost ones by the difference of scores, then those kept."""
    pairs = alignment.departures()
    pairs = pairs[pairs["became"] != "neither"]
    rows = plain_rows(pairs.sort_values("became", key=lambda became: became == "kept", kind="stable"))
    sides = [
        (_counted_at(result, layer, alignment.iou_threshold), layer, side)
        for result, layer, side in ((before, alignment.before, "before"), (after, alignment.after, "after"))
    ]
    shown = [
        (_heading(row, alignment), [UnitCard(result, layer, row[f"unit_{side}"]) for result, layer, side in sides])
        for row in rows[:_MOST_SHOWN]
    ]
    title = alignment.score_title
    caption = f"Detectors on one side or both: changed, gained and lost ones first, by how much the {title} differs."
    if len(rows) > _MOST_SHOWN:
        caption += f" These are the first {_MOST_SHOWN} of {len(rows)}."
    return Gallery(caption, list(names), shown)


def _heading(row: dict[str, Any], alignment: Alignment) -> str:
    units = f"unit {row['unit_before']}"
    if row["unit_before"] != row["unit_after"]:
        units += f" before, unit {row['unit_after']} after"
    difference = f"{alignment.score_title} {row[f'{alignment.criterion}_difference']:+.3f}"
    correlation = "" if row["correlation"] is None else f", correlation {row['correlation']:.2f}"
    return f"{units}: {row['became']}, {difference}{correlation}"


def _counted_at(result: Result, layer: str, iou_threshold: float) -> Result:
    """Return the result with a layer counted at the cut of the alignment, since cards mark detectors."""
    recounted = result[layer].counted_at(iou_threshold)
    if recounted is result[layer]:
        return result
    return dataclasses.replace(result, layers={**result.layers, layer: recounted})
