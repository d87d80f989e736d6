"""The colors of categories, wherever these are drawn."""

from collections.abc import Sequence

#: Told apart by the color-blind too (after Okabe and Ito), and seen on white and on black.
CATEGORY_COLORS = {
    "object": "#0072b2",
    "part": "#56b4e9",
    "scene": "#009e73",
    "material": "#e69f00",
    "texture": "#d55e00",
    "color": "#cc79a7",
}

#: Those of other categories, which take turns.
OTHER_COLORS = ("#7f7f7f", "#8c6d31", "#5254a3", "#637939")


def category_colors(categories: Sequence[str]) -> dict[str, str]:
    """A color, ``#rrggbb``, for each category; of those that take turns it depends on which others there are."""
    others = [name for name in categories if name not in CATEGORY_COLORS]
    turns = {name: OTHER_COLORS[place % len(OTHER_COLORS)] for place, name in enumerate(others)}
    return {name: {**CATEGORY_COLORS, **turns}[name] for name in categories}
