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

#: Of a unit that is no detector.
_NONE = "#ececec"

#: Characters of a layer's name that a title has room for.
_LONGEST_TITLE = 60

#: Labels of steps that can be read side by side.
_MOST_TICKS = 12


def plot_unique(series: SeriesData, layer: str) -> Figure:
    """Unique detectors over steps, a line per category, counted by category, and one of their sum."""
    colors = category_colors(series.categories(layer))
    unique = series.counts(layer)["unique_by_category"].to_numpy().reshape(len(series.steps), len(colors))
    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    ax = figure.subplots()
    marker = "o" if len(series.steps) <= 40 else ""
    ax.plot(series.steps, unique.sum(axis=1), color="black", marker=marker, markersize=4, label="all")
    for (category, color), of_category in zip(colors.items(), unique.T, strict=True):
        if of_category.any():
            ax.plot(series.steps, of_category, color=color, marker=marker, markersize=4, label=plain_label(category))
    ax.set(xlabel="step", ylabel="unique detectors", title=plain_label(layer, _LONGEST_TITLE), ylim=(0, None))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def plot_units(series: SeriesData, layer: str) -> Figure:
    """A row per unit and a column per step, in the color of the label's category where the unit is a detector."""
    categories = series.categories(layer)
    units = series.units(layer)
    places = {name: place for place, name in enumerate(categories, 1)}
    units["place"] = units["category"].map(places).where(units["is_detector"], 0).astype(int)
    order = _sorted_units(units)
    strip = units["place"].to_numpy().reshape(-1, len(series.steps))[order]
    colors = category_colors(categories)
    figure = Figure(figsize=(7.5, float(np.clip(0.02 * len(order), 2.5, 9))), layout="constrained")
    ax = figure.subplots()
    palette = ListedColormap([to_rgb(color) for color in (_NONE, *colors.values())])
    ax.imshow(strip, cmap=palette, vmin=0, vmax=len(colors), aspect="auto", interpolation="nearest")
    shown = spread(range(len(series.steps)), _MOST_TICKS)
    ax.set_xticks(shown, [f"{series.steps[place]:,}" for place in shown], rotation=45, ha="right")
    ax.set(xlabel="step", ylabel=f"{len(order)} units", title=plain_label(layer, _LONGEST_TITLE), yticks=[])
    occurring = [category for place, category in enumerate(categories, 1) if (strip == place).any()]
    handles = [Patch(color=colors[category], label=plain_label(category)) for category in occurring]
    ax.legend(
        handles=[*handles, Patch(color=_NONE, label="no detector")],
        frameon=False,
        loc="upper left",
        bbox_to_anchor=(1, 1),
    )
    return figure


def spread(items: Sequence[int], most: int) -> list[int]:
    """At most so many of the items, evenly apart, the first and the last among them."""
    places = np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int)
    return [items[place] for place in dict.fromkeys(places.tolist())]


def _sorted_units(units: pd.DataFrame) -> list[int]:
    """By what they are in the end, those of one concept by when they came to be detectors; last those that never do."""
    last = units[units["step"] == units["step"].max()].set_index("unit")
    detected = units[units["is_detector"]].groupby("unit")["step"].min()
    keys = pd.DataFrame(
        {
            "place": last["place"].where(last["place"] > 0, len(units)),  # those that are none come after
            "concept": last["concept"].where(last["is_detector"], "").fillna(""),
            "since": detected.reindex(last.index).fillna(np.inf),
        }
    )
    return keys.sort_values(["place", "concept", "since"], kind="stable").index.tolist()
