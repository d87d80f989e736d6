"""What a network is fed: every order of channels and range, against arithmetic written out, pixel by pixel."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from netdissect import Concept, Labels, dissect
from netdissect.inference.preprocess import Preprocess
from netdissect.inference.reader import Reader
from tests.planted import MemoryDataset

MEANS = {"rgb": (0.4, 0.5, 0.6), "bgr": (0.6, 0.5, 0.4), "gray": (0.45,)}
STDS = {"rgb": (0.1, 0.2, 0.3), "bgr": (0.3, 0.2, 0.1), "gray": (0.25,)}


def picture(height=6, width=9, mode="RGB"):
    pixels = np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


class Pictures(MemoryDataset):
    """The given images, the left half of each of which is a concept."""

    def __init__(self, images):
        maps = np.zeros((1, 6, 9), dtype=np.int32)
        maps[:, :, :4] = 1
        super().__init__([Labels(maps, ())] * len(images), [Concept(1, "left", "object")], (6, 9))
        self._images = images

    def image(self, index):
        return self._images[index]


def preprocess(channels, value_range, size=(6, 9)):
    mean, std = (tuple(value * value_range for value in values[channels]) for values in (MEANS, STDS))
    return Preprocess(size, mean, std, channels, value_range)


def slow(image, channels, value_range):
    """In float64; luminance as ITU-R 601-2 weights it, rounded to whole numbers as Pillow says that it does."""
    pixels = np.array(image.convert("RGB")).astype(np.int64)
    height, width = pixels.shape[:2]
    count = len(MEANS[channels])
    result = np.zeros((count, height, width))
    for y in range(height):
        for x in range(width):
            red, green, blue = pixels[y, x]
            gray = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) // 65536
            values = {"rgb": (red, green, blue), "bgr": (blue, green, red), "gray": (gray,)}[channels]
            for channel, value in enumerate(values):
                level = value if value_range == 255 else value / 255
                mean, std = (of[channels][channel] * value_range for of in (MEANS, STDS))
                result[channel, y, x] = (level - mean) / std
    return result


@pytest.mark.parametrize("value_range", [1, 255])
@pytest.mark.parametrize(("channels", "exact"), [("rgb", 1e-6), ("bgr", 1e-6), ("gray", 0.5 / 255)])
def test_pixels_between_0_and_1_feed_a_network_as_images_do(channels, exact, value_range):
    """But for the rounding of luminance, which images have and pixels have not."""
    image, fed = picture(), preprocess(channels, value_range)
    squashed = fed.normalize(torch.from_numpy(fed.squash(image).copy())[None])
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255
    pixels.requires_grad_()
    found = fed.feed(pixels)
    largest = (exact + 1e-6) * value_range / min(fed.std)
    assert found.shape == squashed.shape and (found - squashed).abs().max() <= largest
    assert torch.autograd.grad(found.sum(), pixels)[0].all()


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA"])
@pytest.mark.parametrize("value_range", [1, 255])
@pytest.mark.parametrize("channels", ["rgb", "bgr", "gray"])
def test_against_slow_arithmetic(channels, value_range, mode):
    image, chosen = picture(mode=mode), preprocess(channels, value_range)
    pixels = chosen.squash(image)
    assert pixels.shape == (6, 9, chosen.channel_count) and pixels.dtype == np.uint8
    fed = chosen.normalize(torch.from_numpy(np.stack([pixels, pixels])))
    assert fed.shape == (2, chosen.channel_count, 6, 9) and fed.dtype == torch.float32
    assert fed.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_allclose(fed[1].numpy(), slow(image, channels, value_range), rtol=1e-5, atol=1e-5)


def test_channels_are_squashed_alike():
    image = picture(31, 17)
    rgb, bgr, gray = (preprocess(channels, 1, (8, 12)).squash(image) for channels in ("rgb", "bgr", "gray"))
    assert np.array_equal(rgb[:, :, ::-1], bgr)
    expected = image.convert("L").resize((12, 8), Image.Resampling.BILINEAR)
    assert np.array_equal(gray[:, :, 0], np.array(expected))


def test_rgb_up_to_one_is_bit_for_bit_what_it_was():
    pixels = torch.randint(0, 256, (3, 5, 7, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    mean, std = (torch.tensor(of["rgb"])[:, None, None] for of in (MEANS, STDS))
    expected = pixels.permute(0, 3, 1, 2).float().div_(255).sub_(mean).div_(std)
    assert torch.equal(preprocess("rgb", 1).normalize(pixels), expected)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("channels", ["bgr", "gray"])
def test_batches(channels, workers):
    images = [picture(mode=mode) for mode in ("RGB", "L", "RGB")]
    data = Pictures(images)
    chosen = preprocess(channels, 255)
    batches = list(Reader(data, chosen, 2, workers=workers).batches())
    assert [batch.pixels.shape for batch in batches] == [(n, 6, 9, chosen.channel_count) for n in (2, 1)]
    for image, pixels in zip(images, torch.cat([batch.pixels for batch in batches]), strict=True):
        assert np.array_equal(pixels.numpy(), chosen.squash(image))


def test_through_dissect():
    """A layer that returns what it is fed: its units are the channels."""
    images = [picture(mode=mode) for mode in ("RGB", "L", "P")]
    thresholds = {}
    for channels in ("rgb", "bgr", "gray"):
        for value_range in (1, 255):
            model = nn.Sequential(nn.Identity())
            options = {"channels": channels, "value_range": value_range, "mean": 0.0, "std": 1.0, "size": (6, 9)}
            result = dissect(model, "0", Pictures(images), quantile=0.3, progress=False, **options)
            settings = result.description.settings
            assert (settings.channels, settings.value_range) == (channels, value_range)
            thresholds[channels, value_range] = result["0"].activations.thresholds
    rgb = thresholds["rgb", 255]
    pixels = np.stack([np.array(image.convert("RGB")) for image in images]).reshape(-1, 3)
    rank = int(0.3 * len(pixels))
    assert rgb.tolist() == np.sort(pixels, axis=0)[::-1][rank].tolist()
    assert thresholds["bgr", 255].tolist() == rgb[::-1].tolist()
    gray = np.stack([np.array(image.convert("L")) for image in images]).ravel()
    assert thresholds["gray", 255].tolist() == [np.sort(gray)[::-1][rank]]
    for channels in ("rgb", "bgr", "gray"):
        np.testing.assert_allclose(thresholds[channels, 1] * 255, thresholds[channels, 255], rtol=1e-6)
