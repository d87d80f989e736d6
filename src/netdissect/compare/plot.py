"""What became of units, drawn with matplotlib."""

from collections.abc import Sequence

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

#: The color of units that are no detectors.
_NO_DETECTOR = "#b0b0b0"

#: Colors and markers of what became of a unit, told apart by the color-blind too.
_BECAME_STYLES = {
    "kept": ("#0072b2", "o"),
    "changed": ("#e69f00", "D"),
    "gained": ("#009e73", "^"),
    "lost": ("#d55e00", "v"),
    "neither": (_NO_DETECTOR, "s"),
}

#: The height of the flow figure, where all units together are 1 high: of the gaps between categories, and of a line.
_GAP, _LINE = 0.035, 0.05

#: Where the columns of categories are, how wide, and how much room for their names is beside them.
_LEFT, _RIGHT, _WIDTH, _MARGIN = 0.0, 1.0, 0.035, 0.42

#: Longer names of results are cut off.
_LONGEST = 40


def flow_figure(alignment: Alignment, before: str = "before", after: str = "after") -> Figure:
    """Which category the detectors of each category went to: bands as high as their units are many.

    Categories before are on the left, after on the right, under these headings; bands have the color of the category
    before, and their numbers where these fit in.
    """
    figure = Figure(figsize=(8.0, 5.2), layout="constrained")
    axes = figure.subplots()
    flows = alignment.flows
    names = {name for flow in flows for name in flow if name is not None}
    order: list[str | None] = [*sorted_categories(names), None]
    palette = category_colors(sorted_categories(names))
    colors = {name: _NO_DETECTOR if name is None else palette[name] for name in order}
    total = max(len(alignment.pairs), 1)
    sums = [
        {name: sum(units for flow, units in flows.items() if flow[side] == name) for name in order} for side in (0, 1)
    ]
    tops = [_stacked(of_side, total) for of_side in sums]
    for side, x in enumerate((_LEFT, _RIGHT)):
        _draw_column(axes, x, side, sums[side], tops[side], colors, total)
    for x, heading, place in ((_LEFT - _MARGIN, before, "left"), (_RIGHT + _MARGIN, after, "right")):
        axes.text(x, _LINE, plain_label(heading, _LONGEST), ha=place, va="bottom", weight="bold")
    begins = [dict(of_side) for of_side in tops]
    for flow in sorted(flows, key=lambda flow: (order.index(flow[0]), order.index(flow[1]))):
        height = flows[flow] / total
        starts = [begins[side][name] for side, name in enumerate(flow)]
        _draw_band(axes, starts[0], starts[1], height, colors[flow[0]], flows[flow])
        for side, name in enumerate(flow):
            begins[side][name] -= height
    lowest = min([0.0, *(tops[side][name] - sums[side][name] / total for side in (0, 1) for name in tops[side])])
    axes.set_xlim(_LEFT - _MARGIN, _RIGHT + _MARGIN)
    axes.set_ylim(lowest - _LINE, 2.2 * _LINE)
    axes.set_axis_off()
    return figure


def _stacked(sums: dict[str | None, int], total: int) -> dict[str | None, float]:
    """Where each category that has units begins, from 0 downwards."""
    tops, top = {}, 0.0
    for name, units in sums.items():
        if units:
            tops[name] = top
            top -= units / total + _GAP
    return tops


def _draw_column(
    axes: Axes,
    x: float,
    side: int,
    sums: dict[str | None, int],
    tops: dict[str | None, float],
    colors: dict[str | None, str],
    total: int,
) -> None:
    """The categories of one side, with names and counts outside."""
    middles = [top - sums[name] / total / 2 for name, top in tops.items()]
    outwards = -1 if side == 0 else 1
    for (name, top), middle, line in zip(tops.items(), middles, _spread(middles, _LINE), strict=True):
        height = sums[name] / total
        edge = x if side == 1 else x - _WIDTH
        axes.add_patch(Rectangle((edge, top - height), _WIDTH, height, color=colors[name], linewidth=0))
        end, text = x + outwards * _WIDTH, x + outwards * (_WIDTH + 0.04)
        axes.plot([end, text - 0.005 * outwards], [middle, line], color="#808080", linewidth=0.6)
        words = f"{'no detector' if name is None else plain_label(name)}  {sums[name]}"
        axes.text(text, line, words, ha="right" if side == 0 else "left", va="center")


def _draw_band(axes: Axes, left: float, right: float, height: float, color: str, units: int) -> None:
    """A band from the left, where its upper edge is at ``left``, to the right."""
    middle = (_LEFT + _RIGHT) / 2
    upper = [(_LEFT, left), (middle, left), (middle, right), (_RIGHT, right)]
    lower = [(x, y - height) for x, y in reversed(upper)]
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3]
    axes.add_patch(PathPatch(Path([*upper, *lower], codes), facecolor=color, alpha=0.45, linewidth=0))
    if height >= 0.7 * _LINE:
        axes.text(_LEFT + 0.015, left - height / 2, str(units), fontsize=8, ha="left", va="center")


def _spread(places: Sequence[float], least: float) -> list[float]:
    """Descending places moved apart until neighbours are ``least`` from one another, as little as that takes.

    The least squares of the moves: places in a heap share the mean of what each asks of it.
    """
    heaps: list[list[float]] = []  # what is asked of the first line of a heap, a number per line
    for place in places:
        heaps.append([place])
        while len(heaps) > 1 and np.mean(heaps[-2]) - least * len(heaps[-2]) < np.mean(heaps[-1]):
            upper, lower = heaps[-2:]
            heaps[-2:] = [[*upper, *(asked + least * len(upper) for asked in lower)]]
    return [float(np.mean(heap)) - least * line for heap in heaps for line in range(len(heap))]


def score_figure(alignment: Alignment, before: str = "before", after: str = "after") -> Figure:
    """Score of each unit's label before against after, by what became of it; lines at the cut."""
    figure = Figure(figsize=(6.2, 5.4), layout="constrained")
    axes = figure.subplots()
    pairs, cut, score = alignment.pairs, alignment.iou_threshold, alignment.criterion
    for what in reversed(BECAME):  # those of most interest last, on top
        rows = pairs[pairs["became"] == what]
        color, marker = _BECAME_STYLES[what]
        size = 26 if len(pairs) <= 500 else 12
        axes.scatter(
            rows[f"{score}_before"],
            rows[f"{score}_after"],
            s=size,
            color=color,
            marker=marker,
            alpha=0.75,
            linewidths=0,
            label=f"{what} {len(rows)}",
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
