"""Top images equal the first of all images sorted, in any order and parts."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netdissect.engine.top import TopImages
from tests.engine.accumulator_laws import check_laws
from tests.engine.activations import batches, image_indices


def peaks_of(maps, seed):
    return [(images, batch.amax(dim=(2, 3))) for images, batch in zip(image_indices(maps, seed), maps, strict=True)]


@settings(max_examples=60, deadline=None)
@given(batches(units=3), st.integers(1, 5), st.integers(0, 2**32))
def test_laws(maps, room, seed):
    check_laws(lambda: TopImages.empty(3, room), peaks_of(maps, seed))


@settings(max_examples=100, deadline=None)
@given(batches(units=2, parts=(1, 4)), st.integers(1, 6), st.integers(0, 2**32))
def test_equals_sorting_all(maps, room, seed):
    parts = peaks_of(maps, seed)
    top = TopImages.empty(2, room)
    for part in parts:
        top.update(*part)
    images, peaks = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    found_images, found_activations = top.compute()
    for unit in range(2):
        best = sorted(zip(peaks[:, unit].tolist(), images.tolist(), strict=True), key=lambda pair: (-pair[0], pair[1]))
        best = (best + [(-np.inf, -1)] * room)[:room]
        assert found_images[unit].tolist() == [image for _, image in best]
        assert found_activations[unit].tolist() == [peak for peak, _ in best]
        assert top.holds(images)[:, unit].tolist() == [image in found_images[unit].tolist() for image in images]
