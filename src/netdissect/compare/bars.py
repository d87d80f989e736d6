"""The paper's figure: unique detectors of each network, stacked by category."""

from collections.abc import Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from netdissect.compare.network import Network
from netdissect.compare.networks import Comparison, all_categories
from netdissect.results import category_colors
from netdissect.results.plot import plain_label

#: Inches: of the figure's width, from one bar to the next, and of axes and legend.
_WIDTH, _BAR, _FRAME = 9.0, 0.27, 1.1

#: Room for the name of a group, as so many bars.
_HEADING_STEP = 1.25


def plot_networks(comparison: Comparison) -> Figure:
    """A bar per network, as long as its unique detectors counted by category are many, stacked by category.

    Networks of one set stand in one panel, under the names of their groups if they have any; sets that cannot be
    compared have panels of their own. Names of the paper's networks are not bold.
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


def _height(members: Sequence[Network]) -> float:
    """Inches that the bars of a set take, with the headings of their groups."""
    return _BAR * (_places(members)[-1] + 1.5)


def _draw(ax: Axes, members: Sequence[Network], colors: dict[str, str]) -> None:
    places = _places(members)
    left = [0] * len(members)
    for category, color in colors.items():
        counts = [network.by_category.get(category, {}).get("unique", 0) for network in members]
        ax.barh(places, counts, left=left, color=color, height=0.8, label=plain_label(category))
        left = [before + count for before, count in zip(left, counts, strict=True)]
    for place, network in zip(places, members, strict=True):
        ax.annotate(str(network.unique), (network.unique, place), (4, 0), textcoords="offset points", va="center")
    _name_groups(ax, places, members)
    ax.set_yticks(places, [plain_label(network.name, 44) for network in members])
    for tick, network in zip(ax.get_yticklabels(), members, strict=True):
        tick.set_fontweight("normal" if network.result is None else "bold")
    ax.set_ylim(places[-1] + 0.6, -0.6)
    ax.set_xlim(0, 1.08 * max(1, *(network.unique for network in members), ax.get_xlim()[1] / 1.08))
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(axis="y", length=0)


def _places(members: Sequence[Network]) -> list[float]:
    """Where bars stand, from the top: with room for a heading where a group begins."""
    grouped = any(network.group for network in members)
    places = [_HEADING_STEP if grouped else 0.0]
    for before, network in pairwise(members):
        places.append(places[-1] + 1 + (_HEADING_STEP if network.group != before.group else 0))
    return places


def _name_groups(ax: Axes, places: Sequence[float], members: Sequence[Network]) -> None:
    groups = [None, *(network.group for network in members)]
    if not any(groups):
        return
    for place, (before, group) in zip(places, pairwise(groups), strict=True):
        if group != before:
            name, offset = plain_label(group or "others", 60), (3, 0)
            ax.annotate(name, (0, place - 1), offset, textcoords="offset points", va="center", weight="bold")
