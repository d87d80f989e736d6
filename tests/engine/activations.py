"""Activations for hypothesis to draw: ties, both zeros, subnormals, and numbers of very different size."""

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.extra import numpy as hypothesis_numpy

#: The largest activation that can be interpolated.
LARGEST = float(np.finfo(np.float32).max) / 2

PLANTED = [0.0, -0.0, 1.0, -1.0, 6.0, 0.1, 1e-45, -1e-45, 1e-40, -3e-39, 2.0**-126, 1e-20, 1e10, -1e10]


def activations(largest=LARGEST):
    """Draw finite float32 numbers up to ``largest`` in size."""
    planted = [value for value in [*PLANTED, largest, -largest] if abs(value) <= largest]
    bound = float(np.float32(largest))
    return st.sampled_from(planted) | st.floats(-bound, bound, width=32, allow_nan=False)


@st.composite
def batches(draw, units=2, parts=(2, 4), largest=LARGEST):
    """Draw some batches of maps of one size."""
    height, width = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    sizes = draw(st.lists(st.integers(1, 3), min_size=parts[0], max_size=parts[1]))
    shapes = [(images, units, height, width) for images in sizes]
    elements = activations(largest)
    arrays = [draw(hypothesis_numpy.arrays(np.float32, shape, elements=elements)) for shape in shapes]
    return [torch.from_numpy(array) for array in arrays]


def image_indices(maps, seed=0):
    """Return distinct indices for the images of some batches, in no order."""
    ends = np.cumsum([len(batch) for batch in maps])
    drawn = torch.from_numpy(np.random.default_rng(seed).permutation(int(ends[-1])))
    return list(drawn.split([len(batch) for batch in maps]))
