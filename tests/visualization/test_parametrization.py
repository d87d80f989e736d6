"""Numbers to pixels, against waves and colors written out."""

import math

import numpy as np
import pytest
import torch

from netdissect.visualization.parametrization import Fourier, Pixels
from netdissect.visualization.registries import PARAMETRIZATIONS
from tests.visualization.small import close

CPU = torch.device("cpu")


def standard_normal(parametrization, images, seed=0):
    return torch.randn(images, *parametrization.shape, generator=torch.Generator().manual_seed(seed))


def before_the_sigmoid(pixels):
    return torch.logit(pixels.double(), eps=1e-9)


@pytest.mark.parametrize("size", [(8, 8), (7, 9), (6, 11), (1, 4), (1, 1)])
@pytest.mark.parametrize("name", PARAMETRIZATIONS)
def test_images_have_their_size_and_range(name, size):
    parametrization = PARAMETRIZATIONS[name](size, CPU)
    pixels = parametrization.pixels(standard_normal(parametrization, 4))
    assert pixels.shape == (4, 3, *size) and pixels.is_contiguous()
    assert pixels.min() >= 0 and pixels.max() <= 1
    assert torch.equal(parametrization.pixels(torch.zeros(1, *parametrization.shape)), torch.full((1, 3, *size), 0.5))


@pytest.mark.parametrize("size", [(8, 8), (5, 8), (8, 5)])
def test_one_number_is_one_wave_in_one_color(size):
    """A cosine, or a sine, along its frequencies, the weaker the shorter it is."""
    height, width = size
    fourier = Fourier(size, CPU)
    rows, columns = np.mgrid[:height, :width]
    for down, across in ((0, 0), (1, 0), (0, 1), (2, 1), (height - 1, 2)):
        for part, wave in ((0, np.cos), (1, np.sin)):
            for color in range(3):
                numbers = torch.zeros(1, *fourier.shape)
                numbers[0, color, down, across, part] = 0.1
                found = before_the_sigmoid(fourier.pixels(numbers))[0].numpy()
                angle = 2 * math.pi * (down * rows / height + across * columns / width)
                expected = wave(angle) if part == 0 else -wave(angle)
                mixed = fourier.colors[:, color].double().numpy()[:, None, None] * expected
                if not np.abs(mixed).max() > 1e-9 or (down, across, part) == (0, 0, 1):
                    assert np.abs(found).max() < 1e-6  # the constant has no imaginary part
                    continue
                amplitude = (found * mixed).sum() / (mixed**2).sum()
                assert amplitude > 0 and np.allclose(found, amplitude * mixed, atol=1e-5)


@pytest.mark.parametrize("size", [(12, 18), (9, 7)])
def test_amplitudes_fall_with_frequency(size):
    """In inverse proportion, as in photographs, in whatever direction."""
    fourier = Fourier(size, CPU)
    plain = before_the_sigmoid(fourier.pixels(standard_normal(fourier, 5000)))
    amplitude = torch.fft.fft2(plain).abs().square().mean(dim=(0, 1)).sqrt()
    rows, columns = (torch.fft.fftfreq(length) for length in size)
    frequency = torch.hypot(rows[:, None], columns[None]).clamp(min=1 / max(size))
    found = amplitude * frequency
    assert close(found, found.mean().expand_as(found), 0.05)


@pytest.mark.parametrize("size", [(16, 16), (64, 64), (15, 40), (40, 15)])
def test_standard_normal_numbers_give_pixels_of_deviation_one(size):
    """Before the sigmoid, whatever the size: steps and noise mean the same for each."""
    fourier = Fourier(size, CPU)
    plain = before_the_sigmoid(fourier.pixels(standard_normal(fourier, 2000)))
    assert float(plain.square().mean()) == pytest.approx(1, abs=0.05)


def test_colors_vary_together_as_the_table_says():
    fourier = Fourier((8, 8), CPU)
    plain = before_the_sigmoid(fourier.pixels(standard_normal(fourier, 4000))).transpose(0, 1).flatten(1)
    expected = fourier.colors.double() @ fourier.colors.double().T
    found = plain @ plain.T / plain.shape[1]
    assert close(found / found.diagonal().mean(), expected / expected.diagonal().mean(), 0.1)
    assert float(expected.diagonal().mean()) == pytest.approx(1, abs=0.01)


def test_pixels_are_their_own_numbers():
    pixels = Pixels((2, 3), CPU)
    numbers = standard_normal(pixels, 2)
    assert close(pixels.pixels(numbers), 1 / (1 + (-numbers).exp()))


@pytest.mark.parametrize("name", PARAMETRIZATIONS)
def test_every_image_follows_from_its_own_numbers(name):
    parametrization = PARAMETRIZATIONS[name]((6, 5), CPU)
    numbers = standard_normal(parametrization, 3).requires_grad_()
    parametrization.pixels(numbers)[1].sum().backward()
    changed = numbers.grad.flatten(1).any(dim=1)
    assert changed.tolist() == [False, True, False]
