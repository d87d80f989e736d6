"""Figures of an alignment, drawn with matplotlib."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator

from netdissect.compare.alignment import BECAME, Alignment
from netdissect.results import category_colors
from netdissect.results.plot import plain_label
from netdissect.types import sorted_categories

#: The color of units that are not detectors.
_NO_DETECTOR = "#b0b0b0"

#: Colors and markers by fate, which color-blind readers can tell apart.
_BECAME_STYLES = {
    "kept": ("#0072b2", "o"),
    "changed": ("#e69f00", "D"),
    "gained": ("#009e73", "^"),
    "lost": ("#d55e00", "v"),
    "neither": (_NO_DETECTOR, "s"),
}

#: Heights of the gaps between categories and of a line of text; all units together are 1 high.
_GAP, _LINE = 0.035, 0.05

#: Positions of the columns of categories, their width, and the room for names beside them.
_LEFT, _RIGHT, _WIDTH, _MARGIN = 0.0, 1.0, 0.035, 0.42

#: The number of characters of a result's name that are shown.
_LONGEST = 40


@dataclass(frozen=True)
class _Column:
    """The categories of one side, at ``x``: their counts, and the upper edge of each that has units."""

    x: float
    outwards: int
    counts: dict[str | None, int]
    tops: dict[str | None, float]
    total: int

    def height(self, name: str | None) -> float:
        """Return the height of a category, where all units together are 1 high."""
        return self.counts[name] / self.total

    @property
    def lowest(self) -> float:
        """The lower edge of the column."""
        return min([0.0, *(top - self.height(name) for name, top in self.tops.items())])


def flow_figure(alignment: Alignment, before: str = "before", after: str = "after") -> Figure:
    """Draw the flow of detectors from the categories before to the categories after.

    Categories before are on the left, categories after on the right, under the headings ``before`` and ``after``. The
    height of a band is its number of units, its color that of the category before.
    """
    figure = Figure(figsize=(8.0, 5.2), layout="constrained")
    axes = figure.subplots()
    flows = alignment.flows
    names = {name for flow in flows for name in flow if name is not None}
    order: list[str | None] = [*sorted_categories(names), None]
    palette = category_colors(sorted_categories(names))
    colors = {name: _NO_DETECTOR if name is None else palette[name] for name in order}
    total = max(len(alignment.pairs), 1)
    columns = [_column(flows, order, side, total) for side in (0, 1)]
    for column in columns:
        _draw_column(axes, column, colors)
    for x, heading, side_of_text in ((_LEFT - _MARGIN, before, "left"), (_RIGHT + _MARGIN, after, "right")):
        axes.text(x, _LINE, plain_label(heading, _LONGEST), ha=side_of_text, va="bottom", weight="bold")
    starts = [dict(column.tops) for column in columns]
    for flow in sorted(flows, key=lambda flow: (order.index(flow[0]), order.index(flow[1]))):
        height = flows[flow] / total
        left, right = (starts[side][name] for side, name in enumerate(flow))
        _draw_band(axes, left, right, height, colors[flow[0]], flows[flow])
        for side, name in enumerate(flow):
            starts[side][name] -= height
    axes.set_xlim(_LEFT - _MARGIN, _RIGHT + _MARGIN)
    axes.set_ylim(min(column.lowest for column in columns) - _LINE, 2.2 * _LINE)
    axes.set_axis_off()
    return figure


def _column(
    flows: Mapping[tuple[str | None, str | None], int], order: Sequence[str | None], side: int, total: int
) -> _Column:
    """Return the column of one side, with its categories in this order from 0 downwards."""
    counts = {name: sum(units for flow, units in flows.items() if flow[side] == name) for name in order}
    tops, top = {}, 0.0
    for name, units in counts.items():
        if units:
            tops[name] = top
            top -= units / total + _GAP
    return _Column((_LEFT, _RIGHT)[side], (-1, 1)[side], counts, tops, total)


def _draw_column(axes: Axes, column: _Column, colors: Mapping[str | None, str]) -> None:
    """Draw the categories of one side, with names and counts outside."""
    middles = [top - column.height(name) / 2 for name, top in column.tops.items()]
    x, outwards = column.x, column.outwards
    for (name, top), middle, line in zip(column.tops.items(), middles, _spread(middles, _LINE), strict=True):
        height = column.height(name)
        edge = x if outwards == 1 else x - _WIDTH
        axes.add_patch(Rectangle((edge, top - height), _WIDTH, height, color=colors[name], linewidth=0))
        end, text = x + outwards * _WIDTH, x + outwards * (_WIDTH + 0.04)
        axes.plot([end, text - 0.005 * outwards], [middle, line], color="#808080", linewidth=0.6)
        words = f"{'no detector' if name is None else plain_label(name)}  {column.counts[name]}"
        axes.text(text, line, words, ha="right" if outwards == -1 else "left", va="center")


def _draw_band(axes: Axes, left: float, right: float, height: float, color: str, units: int) -> None:
    """Draw a band whose upper edge runs from ``left`` on the left side to ``right`` on the right side."""
    middle = (_LEFT + _RIGHT) / 2
    upper = [(_LEFT, left), (middle, left), (middle, right), (_RIGHT, right)]
    lower = [(x, y - height) for x, y in reversed(upper)]
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3]
    axes.add_patch(PathPatch(Path([*upper, *lower], codes), facecolor=color, alpha=0.45, linewidth=0))
    if height >= 0.7 * _LINE:
        axes.text(_LEFT + 0.015, left - height / 2, str(units), fontsize=8, ha="left", va="center")


def _spread(positions: Sequence[float], least: float) -> list[float]:
    """Return descending positions moved apart until neighbours are ``least`` from one another.

    The squares of the moves are smallest in sum. Lines that touch form a heap, at the mean of what its lines ask for.

    >>> [round(position, 3) for position in _spread([1.0, 0.1, 0.0], 0.2)]
    [1.0, 0.15, -0.05]
    """
    heaps: list[list[float]] = []  # per line the position that it asks for the first line of its heap
    for position in positions:
        heaps.append([position])
        while len(heaps) > 1 and np.mean(heaps[-2]) - least * len(heaps[-2]) < np.mean(heaps[-1]):
            upper, lower = heaps[-2:]
            heaps[-2:] = [[*upper, *(asked + least * len(upper) for asked in lower)]]
    return [float(np.mean(heap)) - least * line for heap in heaps for line in range(len(heap))]


def score_figure(alignment: Alignment, before: str = "before", after: str = "after") -> Figure:
    """Draw the score of each unit's label before against after, by fate, with lines at the cut."""
    figure = Figure(figsize=(6.2, 5.4), layout="constrained")
    axes = figure.subplots()
    pairs, cut, score = alignment.pairs, alignment.iou_threshold, alignment.criterion
    for fate in reversed(BECAME):  # the most interesting last, on top
        rows = pairs[pairs["became"] == fate]
        color, marker = _BECAME_STYLES[fate]
        size = 26 if len(pairs) <= 500 else 12
        axes.scatter(
            rows[f"{score}_before"],
            rows[f"{score}_after"],
            s=size,
            color=color,
            marker=marker,
            alpha=0.75,
            linewidths=0,
            label=f"{fate} {len(rows)}",
        )
    most = 1.05 * max(cut, pairs[f"{score}_before"].max(), pairs[f"{score}_after"].max()) if len(pairs) else 1.0
    axes.axline((0, 0), slope=1, color="#c0c0c0", linewidth=0.8, zorder=0)
    for line in (axes.axvline, axes.axhline):
        line(cut, color="#606060", linewidth=0.8, linestyle="--", zorder=0)
    axes.set(xlim=(-0.02 * most, most), ylim=(-0.02 * most, most), aspect="equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.set_xlabel(f"{alignment.score_title} of the label, {plain_label(before, _LONGEST)}")
    axes.set_ylabel(f"{alignment.score_title} of the label, {plain_label(after, _LONGEST)}")
    axes.spines[["top", "right"]].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure
