"""The colors of categories, on pages and in figures."""

from collections.abc import Sequence

#: Colors that the color-blind distinguish too (after Okabe and Ito), visible on white and on black.
CATEGORY_COLORS = {
    "object": "#0072b2",
    "part": "#56b4e9",
    "scene": "#009e73",
    "material": "#e69f00",
    "texture": "#d55e00",
    "color": "#cc79a7",
}

#: The colors of other categories, which take turns.
OTHER_COLORS = ("#7f7f7f", "#8c6d31", "#5254a3", "#637939")


def category_colors(categories: Sequence[str]) -> dict[str, str]:
    """Return a color, ``#rrggbb``, for each category; categories without a fixed color take turns.

    >>> category_colors(["object", "mood"])
    {'object': '#0072b2', 'mood': '#7f7f7f'}
    """
    others = [name for name in categories if name not in CATEGORY_COLORS]
    turns = {name: OTHER_COLORS[index % len(OTHER_COLORS)] for index, name in enumerate(others)}
    return {name: {**CATEGORY_COLORS, **turns}[name] for name in categories}
