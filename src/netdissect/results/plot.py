"""Figures of results, with matplotlib."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from netdissect.results.colors import category_colors

#: The width of a bar in inches.
_BAR_WIDTH = 0.24

#: The most bars that can be read side by side.
_MOST_BARS = 150

#: Longer names of concepts are cut off.
_LONGEST_NAME = 28


@runtime_checkable
class CountedLayer(Protocol):
    """A layer with its detectors counted, as far as a figure needs it."""

    @property
    def layer(self) -> str: ...

    @property
    def iou_threshold(self) -> float: ...

    @property
    def score_title(self) -> str: ...

    @property
    def categories(self) -> tuple[str, ...]: ...

    def detectors_per_concept(self) -> Mapping[str, Mapping[str, int]]: ...

    def summary(self) -> Mapping[str, Any]: ...


def plot_layers(layers: Sequence[CountedLayer]) -> list[Axes]:
    """Draw the detectors of each layer, one below the other in a new figure, and return the axes."""
    groups = [layer.detectors_per_concept() for layer in layers]
    most = max(len(group) + sum(map(len, group.values())) for group in groups)
    size = (max(4.5, _BAR_WIDTH * min(most, _MOST_BARS + 8) + 1.5), 3.6 * len(layers))
    _, axes = plt.subplots(len(layers), squeeze=False, figsize=size, layout="constrained")
    return [plot_detectors(layer, ax) for layer, ax in zip(layers, axes[:, 0], strict=True)]


def plot_detectors(layer: CountedLayer, ax: Axes | None = None) -> Axes:
    """Draw the number of detectors by label of each concept as a bar, grouped and colored by category.

    Into ``ax``, or a new figure. At most ``_MOST_BARS`` bars are drawn, those of most detectors; the rest is counted.
    """
    if ax is None:
        return plot_layers([layer])[0]
    colors = category_colors(layer.categories)
    bars = [
        (category, name, count)
        for category, counts in layer.detectors_per_concept().items()
        for name, count in counts.items()
    ]
    kept = set(sorted(bars, key=lambda bar: -bar[2])[:_MOST_BARS])
    shown = [bar for bar in bars if bar in kept]
    categories = list(dict.fromkeys(category for category, _, _ in shown))
    # A gap of one bar between the groups.
    positions = [bar + categories.index(category) for bar, (category, _, _) in enumerate(shown)]
    for category in categories:
        own = [(position, bar[2]) for position, bar in zip(positions, shown, strict=True) if bar[0] == category]
        ax.bar(*zip(*own, strict=True), color=colors[category], label=plain_label(category))
    ax.set_xticks(
        positions, [plain_label(name) for _, name, _ in shown], rotation=45, ha="right", rotation_mode="anchor"
    )
    counts = layer.summary()["by_label"]
    ax.set_title(f"{plain_label(layer.layer)}: {counts['detectors']} detectors of {counts['unique']} concepts")
    ax.set_ylabel(f"detectors ({layer.score_title} > {layer.iou_threshold:g})")
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.spines[["top", "right"]].set_visible(False)
    ax.margins(x=0.01)
    if len(shown) < len(bars):
        ax.set_xlabel(f"and {len(bars) - len(shown)} more concepts, of fewer detectors")
    if categories:
        ax.legend(frameon=False)
    return ax


def plain_label(name: str, longest: int = _LONGEST_NAME) -> str:
    """Return a name as a figure can show it: not too long, without formulas, and visible in a legend.

    >>> plain_label("a_very_long_name_of_a_concept", 12), plain_label("$x$")
    ('a_very_long\u2026', '\\\\$x\\\\$')
    """
    short = name if len(name) <= longest else name[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return ("\N{ZERO WIDTH SPACE}" if short.startswith("_") else "") + short.replace("$", r"\$")
