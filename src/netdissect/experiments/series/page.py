"""The page of a series, from its saved runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from netdissect.compare.alignment import plain_rows
from netdissect.experiments.series.data import SeriesData
from netdissect.experiments.series.plot import plot_unique, plot_units, spread
from netdissect.pages.cards import UnitCard
from netdissect.pages.page import Page, write_page
from netdissect.pages.sections import Drawing, Gallery, Section, Table
from netdissect.results import Result
from netdissect.types import OnProgress

#: The number of units of each kind that are shown with their images.
_UNITS_SHOWN = 6

#: The number of steps at which units are shown with their images.
_STEPS_SHOWN = 3

#: The number of steps in a table of units.
_STEPS_IN_TABLE = 12


def write_series_page(series: SeriesData, out: str | Path, on_progress: OnProgress) -> Path:
    """Write the page of a series to ``out``, and return the page's path (see ``Series.write_page``)."""
    shown = {step: series.results[step] for step in spread(series.steps, _STEPS_SHOWN)}
    last = shown[series.steps[-1]]
    sections = [
        section for index, layer in enumerate(series.layers) for section in _sections(series, layer, index, shown)
    ]
    facts = [
        ("steps", f"{len(series.steps)}, from {series.steps[0]:,} to {series.steps[-1]:,}"),
        ("network", last.description.network.name),
        ("dataset", f"{last.description.data.images:,} images of {last.description.data.name}"),
    ]
    data = series.summary() | {"units": {layer: plain_rows(series.units(layer)) for layer in series.layers}}
    title = f"{series.name}: units through training"
    notes = [f"at step {series.steps[-1]:,}: {note}" for note in last.notes]
    return write_page(Page(title, sections, notes, facts, data), out, on_progress=on_progress)


def _sections(series: SeriesData, layer: str, index: int, shown: dict[int, Result]) -> list[Section]:
    first = series.first_detectors(layer)
    return [
        Section(
            f"{layer}: unique detectors",
            [
                Drawing(
                    f"unique-{index}",
                    "Concepts that have at least one detector, counted by category, and their sum over categories.",
                    f"lines of unique detectors of {layer} over steps, one per category",
                    plot_unique(series, layer),
                ),
                _count_table(series, layer, f"counts-{index}"),
            ],
        ),
        Section(
            f"{layer}: when concepts are first detected",
            [
                Table(
                    f"first-{index}",
                    "Each concept that ever has a detector, the first step at which, the best of its detectors then, "
                    f"and at how many of the {len(series.steps)} steps it has one.",
                    ["step", "category", "concept", "unit", series.score_title(layer), "steps"],
                    first[["step", "category", "concept", "unit", series.score_column(layer), "steps"]]
                    .to_numpy(dtype=object)
                    .tolist(),
                )
            ],
        ),
        Section(
            f"{layer}: units through time",
            [
                Drawing(
                    f"strip-{index}",
                    "A row per unit, in the color of its label's category where it is a detector. Units lie by what "
                    "they are at the last step, and those of one concept by when they came to be detectors.",
                    f"a strip of the units of {layer} over steps, colored by category",
                    plot_units(series, layer),
                ),
                _unit_table(series, layer, f"units-{index}"),
            ],
        ),
        Section(f"{layer}: units and their images", _galleries(series, layer, shown)),
    ]


def _count_table(series: SeriesData, layer: str, name: str) -> Table:
    caption = "Unique detectors of each category, counted by category, and all by label."
    return Table(name, caption, *series.count_table(layer))


def _unit_table(series: SeriesData, layer: str, name: str) -> Table:
    """Return a table with a row per unit and a column per step, at most ``_STEPS_IN_TABLE`` columns."""
    steps = spread(series.steps, _STEPS_IN_TABLE)
    units = series.units(layer)
    units = units[units["step"].isin(steps)]
    labels = np.array(
        [_label(row, series.score_column(layer)) for row in units.to_dict("records")], dtype=object
    ).reshape(-1, len(steps))
    caption = f"Each unit's label and its {series.score_title(layer)}, in brackets where the unit is no detector."
    if len(steps) < len(series.steps):
        caption += " Some of the steps; data.json has all."
    rows = [[unit, *unit_labels] for unit, unit_labels in enumerate(labels.tolist())]
    return Table(name, caption, ["unit", *(f"step {step}" for step in steps)], rows)


def _label(row: Mapping[Any, Any], score: str) -> str:
    """Return the label in a row of ``SeriesData.units`` as text."""
    if pd.isna(row["concept"]):
        return ""
    text = f"{row['concept']} {row[score]:.3f}"
    return text if row["is_detector"] else f"({text})"


def _galleries(series: SeriesData, layer: str, shown: dict[int, Result]) -> list[Gallery]:
    units = series.units(layer)
    wanted = {
        "The best detectors of the last step, each of another concept, and what they were before.": _best_units(
            units, series.score_column(layer)
        ),
        "Detectors of the most different concepts.": _changed_units(units, series.score_column(layer)),
    }
    return [
        Gallery(
            caption,
            [f"step {step:,}" for step in shown],
            [(f"unit {unit}", [UnitCard(result, layer, unit) for result in shown.values()]) for unit in chosen],
        )
        for caption, chosen in wanted.items()
        if chosen
    ]


def _best_units(units: pd.DataFrame, score: str) -> list[int]:
    last = units[(units["step"] == units["step"].max()) & units["is_detector"]]
    best = last.sort_values([score, "unit"], ascending=[False, True]).drop_duplicates(["category", "concept"])
    return best["unit"].head(_UNITS_SHOWN).tolist()


def _changed_units(units: pd.DataFrame, score: str) -> list[int]:
    """Return the detectors with labels of most concepts over time, at least two; ties go to the higher score."""
    detectors = units[units["is_detector"]]
    kinds = (detectors["category"].astype(str) + "\t" + detectors["concept"].astype(str)).groupby(detectors["unit"])
    found = pd.DataFrame({"concepts": kinds.nunique(), score: detectors.groupby("unit")[score].max()})
    found = found[found["concepts"] > 1].sort_values(["concepts", score], ascending=False, kind="stable")
    return found.index[:_UNITS_SHOWN].tolist()
