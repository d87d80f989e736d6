"""Axes of maps whose values are anchored at centres, for hypothesis to draw."""

import numpy as np
from hypothesis import strategies as st


@st.composite
def axes(draw, most=8):
    """Draw centres as a network might have them, also beyond the image, and the image's pixels."""
    length, pixels = draw(st.integers(1, most)), draw(st.integers(1, 60))
    if draw(st.booleans()):
        first, step = draw(st.integers(-20, 40)) / 2, draw(st.integers(1, 20)) / 2
        return tuple(first + index * step for index in range(length)), pixels
    apart = draw(st.lists(st.integers(1, 40), min_size=length, max_size=length))
    return tuple(float(np.cumsum(apart)[index] / 4) for index in range(length)), pixels
