"""The paper's figure: unique detectors of each network, stacked by category."""

from collections.abc import Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from netdissect.compare.compared_network import ComparedNetwork
from netdissect.compare.comparison import Comparison, all_categories
from netdissect.results import category_colors
from netdissect.results.plot import plain_label

#: Inches: the width of the figure, the step from bar to bar, the height of axes and legend.
_WIDTH, _BAR, _FRAME = 9.0, 0.27, 1.1

#: The height of a group's heading, in bars.
_HEADING_STEP = 1.25


def plot_networks(comparison: Comparison) -> Figure:
    """Draw a bar per network: its unique detectors, counted by category and stacked by category.

    Networks of one set share a panel, under the names of their groups if there are any. Sets that cannot be compared
    have panels of their own. Names of the paper's networks are not bold.
    """
    sets = comparison.sets
    heights = [_height(members) for members in sets.values()]
    size = (_WIDTH, sum(heights) + _FRAME * len(sets))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(len(sets), squeeze=False, sharex=True, height_ratios=heights)[:, 0]
    categories = all_categories(comparison.networks)
    colors = category_colors(categories)
    for ax, (conditions, members) in zip(panels, sets.items(), strict=True):
        _draw(ax, members, colors)
        if len(sets) > 1:
            ax.set_title(plain_label(str(conditions), 90), loc="left", fontsize="medium")
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[-1].set_xlabel(
        f"unique detectors, counted by category ({comparison.score_title} > {comparison.iou_threshold:g})"
    )
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=min(6, len(labels)), frameon=False)
    return figure


def _height(members: Sequence[ComparedNetwork]) -> float:
    """Return the height of a set's bars in inches, with the headings of their groups."""
    return _BAR * (_positions(members)[-1] + 1.5)


def _draw(ax: Axes, members: Sequence[ComparedNetwork], colors: dict[str, str]) -> None:
    positions = _positions(members)
    left = [0] * len(members)
    for category, color in colors.items():
        counts = [network.by_category.get(category, {}).get("unique", 0) for network in members]
        ax.barh(positions, counts, left=left, color=color, height=0.8, label=plain_label(category))
        left = [before + count for before, count in zip(left, counts, strict=True)]
    for position, network in zip(positions, members, strict=True):
        ax.annotate(str(network.unique), (network.unique, position), (4, 0), textcoords="offset points", va="center")
    _name_groups(ax, positions, members)
    ax.set_yticks(positions, [plain_label(network.name, 44) for network in members])
    for tick, network in zip(ax.get_yticklabels(), members, strict=True):
        tick.set_fontweight("normal" if network.result is None else "bold")
    ax.set_ylim(positions[-1] + 0.6, -0.6)
    ax.set_xlim(0, 1.08 * max(1, *(network.unique for network in members), ax.get_xlim()[1] / 1.08))
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(axis="y", length=0)


def _positions(members: Sequence[ComparedNetwork]) -> list[float]:
    """Return the positions of the bars, from the top, with room for a heading above each group."""
    grouped = any(network.group for network in members)
    positions = [_HEADING_STEP if grouped else 0.0]
    for before, network in pairwise(members):
        positions.append(positions[-1] + 1 + (_HEADING_STEP if network.group != before.group else 0))
    return positions


def _name_groups(ax: Axes, positions: Sequence[float], members: Sequence[ComparedNetwork]) -> None:
    groups = [None, *(network.group for network in members)]
    if not any(groups):
        return
    for position, (before, group) in zip(positions, pairwise(groups), strict=True):
        if group != before:
            name, offset = plain_label(group or "others", 60), (3, 0)
            ax.annotate(name, (0, position - 1), offset, textcoords="offset points", va="center", weight="bold")
