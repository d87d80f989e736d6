"""Figures of a series."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from netdissect.experiments.series.data import SeriesData
from netdissect.results import category_colors
from netdissect.results.plot import plain_label

#: The color of units that are not detectors.
_NONE = "#ececec"

#: The number of characters of a layer's name in a title.
_LONGEST_TITLE = 60

#: The largest number of labels of steps side by side.
_MOST_TICKS = 12


def plot_unique(series: SeriesData, layer: str) -> Figure:
    """Draw unique detectors over steps: a line per category, counted by category, and a line for their sum."""
    colors = category_colors(series.categories(layer))
    unique = series.counts(layer)["unique_by_category"].to_numpy().reshape(len(series.steps), len(colors))
    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    ax = figure.subplots()
    marker = "o" if len(series.steps) <= 40 else ""
    ax.plot(series.steps, unique.sum(axis=1), color="black", marker=marker, markersize=4, label="all")
    for (category, color), counts in zip(colors.items(), unique.T, strict=True):
        if counts.any():
            ax.plot(series.steps, counts, color=color, marker=marker, markersize=4, label=plain_label(category))
    ax.set(xlabel="step", ylabel="unique detectors", title=plain_label(layer, _LONGEST_TITLE), ylim=(0, None))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def plot_units(series: SeriesData, layer: str) -> Figure:
    """Draw a row per unit and a column per step, in the color of the label's category if the unit is a detector."""
    categories = series.categories(layer)
    units = series.units(layer)
    numbers = {name: number for number, name in enumerate(categories, 1)}
    units["number"] = units["category"].map(numbers).where(units["is_detector"], 0).astype(int)
    order = _sorted_units(units)
    strip = units["number"].to_numpy().reshape(-1, len(series.steps))[order]
    colors = category_colors(categories)
    figure = Figure(figsize=(7.5, float(np.clip(0.02 * len(order), 2.5, 9))), layout="constrained")
    ax = figure.subplots()
    palette = ListedColormap([to_rgb(color) for color in (_NONE, *colors.values())])
    ax.imshow(strip, cmap=palette, vmin=0, vmax=len(colors), aspect="auto", interpolation="nearest")
    shown = spread(range(len(series.steps)), _MOST_TICKS)
    ax.set_xticks(shown, [f"{series.steps[index]:,}" for index in shown], rotation=45, ha="right")
    ax.set(xlabel="step", ylabel=f"{len(order)} units", title=plain_label(layer, _LONGEST_TITLE), yticks=[])
    occurring = [category for category, number in numbers.items() if (strip == number).any()]
    handles = [Patch(color=colors[category], label=plain_label(category)) for category in occurring]
    ax.legend(
        handles=[*handles, Patch(color=_NONE, label="no detector")],
        frameon=False,
        loc="upper left",
        bbox_to_anchor=(1, 1),
    )
    return figure


def spread(items: Sequence[int], most: int) -> list[int]:
    """Return at most ``most`` of the items, evenly apart, with the first and the last.

    >>> spread(range(10), 4)
    [0, 3, 6, 9]
    """
    indices = np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int)
    return [items[index] for index in dict.fromkeys(indices.tolist())]


def _sorted_units(units: pd.DataFrame) -> list[int]:
    """Return units by their label at the last step, then by their first step as detectors; others come last."""
    last = units[units["step"] == units["step"].max()].set_index("unit")
    detected = units[units["is_detector"]].groupby("unit")["step"].min()
    keys = pd.DataFrame(
        {
            "number": last["number"].where(last["number"] > 0, len(units)),  # units that are not detectors come last
            "concept": last["concept"].where(last["is_detector"], "").fillna(""),
            "since": detected.reindex(last.index).fillna(np.inf),
        }
    )
    return keys.sort_values(["number", "concept", "since"], kind="stable").index.tolist()
