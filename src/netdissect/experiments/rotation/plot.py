"""Figures of detectors against rotation."""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from netdissect.experiments.rotation.curves import Counted, Curve
from netdissect.results import category_colors
from netdissect.results.plot import plain_label

#: The number of characters of the name of a layer or a basis.
_LONGEST = 60

_POINT, _LINE = "#56b4e9", "#0072b2"

#: Colors and styles of the lines of other bases, in turn.
_OTHERS = (("#d55e00", "--"), ("#009e73", "-."), ("#cc79a7", ":"), ("#7f7f7f", "--"))


def draw_curve(curve: Curve) -> Figure:
    """Draw unique detectors against the amount of rotation: a point per seed, their mean and standard deviation."""
    figure = Figure(figsize=(6, 3.8), layout="constrained")
    ax = figure.add_subplot()
    totals = [curve.total(amount) for amount in curve.amounts]
    points = [(amount, value) for amount, total in zip(curve.amounts, totals, strict=True) for value in total.values]
    across, up = zip(*points, strict=True)
    ax.errorbar(
        curve.amounts,
        [total.mean for total in totals],
        yerr=[total.deviation or 0.0 for total in totals],
        color=_LINE,
        capsize=3,
        label="mean and standard deviation",
    )
    ax.scatter(across, up, color=_POINT, s=18, zorder=3, label="a rotation each")
    for index, other in enumerate(curve.others):
        color, style = _OTHERS[index % len(_OTHERS)]
        ax.axhline(other.total, color=color, linestyle=style, label=_basis(curve, other))
    ax.set_xlabel("rotation $a$, of $Q^a$")
    ax.set_ylabel("unique detectors")
    ax.set_title(plain_label(curve.layer, _LONGEST))
    ax.set_xticks(curve.amounts)
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylim(bottom=0)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    return figure


def draw_categories(curve: Curve) -> Figure:
    """Draw unique detectors against the amount, stacked by category: means over the seeds."""
    figure = Figure(figsize=(6, 3.8), layout="constrained")
    ax = figure.add_subplot()
    colors = category_colors(curve.categories)
    heads = [f"{amount:g}" for amount in curve.amounts] + [_basis(curve, other) for other in curve.others]
    bottom = [0.0] * len(heads)
    for name in curve.categories:
        means = [curve.unique(amount, name).mean for amount in curve.amounts]
        heights = means + [other.unique[name] for other in curve.others]
        ax.bar(range(len(heads)), heights, bottom=bottom, color=colors[name], label=plain_label(name))
        bottom = [below + height for below, height in zip(bottom, heights, strict=True)]
    slanted: dict[str, Any] = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}
    ax.set_xticks(range(len(heads)), heads, **(slanted if curve.others else {}))
    ax.set_xlabel("rotation $a$, of $Q^a$" + (", and other bases" if curve.others else ""))
    ax.set_ylabel("unique detectors, mean")
    ax.set_title(plain_label(curve.layer, _LONGEST))
    ax.spines[["top", "right"]].set_visible(False)
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], frameon=False, loc="outside right upper")
    return figure


def _basis(curve: Curve, other: Counted) -> str:
    """Return the name of a basis without the name of its layer."""
    return plain_label(other.name.removeprefix(f"{curve.layer} "), _LONGEST)
