"""How numbers and pieces of images are shown."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from netdissect.visualization.pictures import beside, color_picture, jpeg_of, magnitude_picture, picture_of, shown


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((640, 480), (299, 224)),
        ((4000, 3000), (299, 224)),
        ((150, 100), (150, 100)),
        ((5, 5), (100, 100)),  # whole pixels, each 20 wide
        ((8, 2), (384, 96)),
        ((640, 10), (672, 10)),  # no higher than its width allows
        ((9000, 10), (672, 1)),
        ((1, 300), (1, 224)),
    ],
)
def test_a_picture_is_neither_huge_nor_tiny(size, expected):
    assert shown(Image.new("RGB", size)).size == expected


def test_few_pixels_are_shown_as_squares():
    pixels = np.random.default_rng(0).integers(0, 255, (3, 4, 3), dtype=np.uint8)
    enlarged = np.asarray(shown(Image.fromarray(pixels)))
    assert enlarged.shape == (96, 128, 3)
    assert np.array_equal(enlarged, pixels.repeat(32, axis=0).repeat(32, axis=1))


def test_two_beside_each_other():
    left, right = Image.new("RGB", (640, 480), "red"), Image.new("RGB", (30, 60), "blue")
    both = np.asarray(beside(left, right))
    assert both.shape == (224, 299 + 4 + 112, 3)
    assert (both[:, :299] == (255, 0, 0)).all() and (both[:, 303:] == (0, 0, 255)).all()
    assert beside(left, Image.new("RGB", (63, 1))).size == (299 + 4 + 672, 224)


def test_signed_numbers_around_gray():
    numbers = torch.zeros(3, 40, 40)
    numbers[0, :20], numbers[1, 20:] = 2.0, -1.0
    picture = np.asarray(color_picture(numbers))
    assert (picture[:20, :, 0] == 255).all() and (picture[20:, :, 1] == 64).all() and (picture[..., 2] == 128).all()
    assert (np.asarray(color_picture(torch.zeros(3, 2, 2))) == 128).all()


def test_magnitudes_but_for_the_few_largest():
    numbers = torch.zeros(3, 40, 40)
    numbers[1, :, :20], numbers[2, 0, 0] = -0.5, 1000.0
    picture = np.asarray(magnitude_picture(numbers))
    assert (picture[:, :20] == 255).all() and (picture[:, 20:] == 0).all()


def test_a_jpeg_is_the_picture():
    pixels = torch.linspace(-0.2, 1.2, 3 * 16 * 16).view(3, 16, 16)
    picture = picture_of(pixels)
    assert np.array_equal(np.asarray(picture), (pixels.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy())
    again = np.asarray(Image.open(io.BytesIO(jpeg_of(picture))), dtype=int)
    assert np.abs(again - np.asarray(picture)).mean() < 4
