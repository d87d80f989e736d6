"""Movements of images, against images that were moved in another way."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from netdissect.visualization.robustness import draw_movements, moved
from tests.visualization.small import close, noise


def movement(factor=1.0, degrees=0.0, across=0.0, down=0.0, images=1):
    return torch.tensor([[math.log(factor), math.radians(degrees), across, down]]).expand(images, 4)


def smooth(height, width):
    """Blobs far from the edges, on gray."""
    rows, columns = np.mgrid[:height, :width].astype(float)
    image = np.full((3, height, width), 0.5)
    for color, (y, x) in enumerate(((0.4, 0.5), (0.5, 0.6), (0.55, 0.45))):
        image[color] += 0.4 * np.exp(-((rows - y * height) ** 2 + (columns - x * width) ** 2) / 60)
    return image


def test_no_movement_is_none():
    images = noise(2, 3, 7, 9)
    assert close(moved(images, movement(images=2)), images)


@pytest.mark.parametrize("size", [(10, 10), (8, 14)])
def test_whole_pixels(size):
    """Shifts are told in halves of the image; what comes in is gray."""
    height, width = size
    images = noise(1, 3, *size)
    found = moved(images, movement(across=2 * 3 / width, down=-2 * 2 / height))
    expected = torch.full_like(images, 0.5)
    expected[:, :, 2:, : width - 3] = images[:, :, : height - 2, 3:]
    assert close(found, expected, 1e-4)


@pytest.mark.parametrize("size", [(48, 48), (40, 64)])
@pytest.mark.parametrize(("factor", "degrees"), [(1.1, 0), (1 / 1.1, 0), (1, 10), (1.08, -7)])
def test_scaling_and_rotation_about_the_middle(size, factor, degrees):
    """As scipy does them: proportions stay, also of an image that is not square."""
    image, angle = smooth(*size), math.radians(degrees)
    # From where a pixel (row, column) is taken: turned back, and nearer to the middle where the image grows.
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]) / factor
    middle = (np.array(size) - 1) / 2
    expected = np.stack(
        [ndimage.affine_transform(one, turn, middle - turn @ middle, order=1, cval=0.5) for one in image]
    )
    found = moved(torch.from_numpy(image)[None].float(), movement(factor, degrees))[0].numpy()
    assert np.abs(found - expected).max() < 0.005
    assert np.abs(found - image).max() > 0.02


def test_each_image_has_its_own_movement_and_a_gradient():
    images = noise(2, 3, 8, 8).requires_grad_()
    movements = torch.cat([movement(), movement(across=0.25)])
    found = moved(images, movements)
    assert close(found[:1], images[:1]) and not close(found[1:], images[1:], 0.1)
    found[1].sum().backward()
    assert images.grad[1].any() and not images.grad[0].any()


def test_movements_are_small_and_of_both_kinds():
    drawn = draw_movements(np.random.default_rng(0), 5000)
    assert drawn.shape == (5000, 4) and drawn.dtype == np.float32
    limits = [math.log(1.1), math.radians(10), 1 / 7, 1 / 7]
    assert np.abs(drawn).max(axis=0) == pytest.approx(limits, rel=0.01)
    assert np.abs(drawn.mean(axis=0) / limits).max() < 0.05
    assert np.array_equal(drawn, draw_movements(np.random.default_rng(0), 5000))
