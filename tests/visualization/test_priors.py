"""Priors against their definitions, pixel by pixel."""

import pytest
import torch

from netdissect.visualization.priors import contrast, similarity, total_variation
from tests.visualization.small import noise


def test_contrast_is_the_mean_squared_distance_from_gray():
    images = noise(2, 3, 4, 5)
    for image, found in zip(images, contrast(images), strict=True):
        numbers = image.flatten().tolist()
        assert float(found) == pytest.approx(sum((number - 0.5) ** 2 for number in numbers) / len(numbers))


def test_total_variation_is_of_neighbours_below_and_beside():
    images = noise(2, 3, 4, 5)
    for image, found in zip(images.tolist(), total_variation(images), strict=True):
        down = [(c[y + 1][x] - c[y][x]) ** 2 for c in image for y in range(3) for x in range(5)]
        across = [(c[y][x + 1] - c[y][x]) ** 2 for c in image for y in range(4) for x in range(4)]
        assert float(found) == pytest.approx(sum(down) / len(down) + sum(across) / len(across))
    assert not total_variation(torch.full((1, 3, 4, 4), 0.7)).any()


@pytest.mark.parametrize(("units", "positions"), [(6, (2, 2)), (3, (4, 5)), (5, (1, 1)), (2, (1, 2))])
@pytest.mark.parametrize("images", [1, 2, 4])
def test_similarity_is_the_mean_cosine_of_gram_matrices(units, positions, images):
    """Whichever is smaller, the units or the positions."""
    maps = noise(3, images, units, *positions) - 0.4
    for group, found in zip(maps, similarity(maps), strict=True):
        grams = []
        for image in group.flatten(2).tolist():
            grams.append([sum(p * q for p, q in zip(a, b, strict=True)) for a in image for b in image])
        pairs = [
            sum(p * q for p, q in zip(one, other, strict=True))
            / (sum(p * p for p in one) * sum(q * q for q in other)) ** 0.5
            for a, one in enumerate(grams)
            for b, other in enumerate(grams)
            if a != b
        ]
        assert float(found) == pytest.approx(sum(pairs) / len(pairs) if pairs else 0, rel=1e-4)


def test_maps_of_nothing_are_not_alike_and_have_a_gradient():
    maps = torch.zeros(1, 2, 3, 2, 2, requires_grad=True)
    similarity(maps).sum().backward()
    assert maps.grad.isfinite().all()
