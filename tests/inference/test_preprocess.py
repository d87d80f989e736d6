"""What a network is fed, chosen from what the caller says, what the weights tell, and ImageNet's."""

import pytest

from netdissect.inference.preprocess import Preprocess, choose_preprocess
from netdissect.network_settings import NetworkSettings
from netdissect.networks.expected import Expected
from netdissect.types import NetdissectError

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

#: What weights may tell.
INCEPTION = Expected((299, 299), (0.4, 0.5, 0.6), (0.1, 0.2, 0.3))
CAFFE = Expected((227, 227), (51.0, 102.0, 153.0), (2.0, 3.0, 4.0), "bgr", 255)
DIGITS = Expected((28, 28), (0.125,), (0.25,), "gray")


def choose(expected=Expected(), size=None, mean=None, std=None, channels=None, value_range=None):  # noqa: B008
    settings = NetworkSettings(size=size, mean=mean, std=std, channels=channels, value_range=value_range)
    return choose_preprocess(expected, settings)


def same(chosen, size, mean, std, channels, value_range):
    assert (chosen.size, chosen.channels, chosen.value_range) == (size, channels, value_range)
    assert chosen.mean == pytest.approx(mean) and chosen.std == pytest.approx(std)
    assert len(chosen.mean) == len(chosen.std) == chosen.channel_count


@pytest.mark.parametrize(
    ("channels", "value_range", "mean", "std"),
    [
        ("rgb", 1, MEAN, STD),
        ("bgr", 1, MEAN[::-1], STD[::-1]),
        ("gray", 1, (0.449,), (0.226,)),
        ("rgb", 255, (123.675, 116.28, 103.53), (1, 1, 1)),
        ("bgr", 255, (103.53, 116.28, 123.675), (1, 1, 1)),
        ("gray", 255, (114.495,), (1,)),
    ],
)
def test_defaults(channels, value_range, mean, std):
    same(choose(channels=channels, value_range=value_range), (224, 224), mean, std, channels, value_range)


def test_nothing_said_is_imagenet_to_the_bit():
    assert choose() == Preprocess() == choose(channels="rgb", value_range=1)


def test_what_weights_tell():
    assert choose(INCEPTION) == Preprocess((299, 299), INCEPTION.mean, INCEPTION.std, "rgb", 1)
    assert choose(CAFFE) == Preprocess((227, 227), CAFFE.mean, CAFFE.std, "bgr", 255)
    assert choose(DIGITS) == Preprocess((28, 28), DIGITS.mean, DIGITS.std, "gray", 1)
    same(
        choose(Expected(channels="bgr", value_range=255)), (224, 224), (103.53, 116.28, 123.675), (1, 1, 1), "bgr", 255
    )


def test_what_the_caller_says_comes_first():
    chosen = choose(CAFFE, size=64, mean=[1.0, 2.0, 3.0], std=5.0)
    assert chosen == Preprocess((64, 64), (1.0, 2.0, 3.0), (5.0, 5.0, 5.0), "bgr", 255)
    assert choose(DIGITS, mean=0.5, std=[2.0]) == Preprocess((28, 28), (0.5,), (2.0,), "gray", 1)


@pytest.mark.parametrize(
    ("expected", "channels", "value_range", "mean", "std"),
    [
        (INCEPTION, "bgr", None, (0.6, 0.5, 0.4), (0.3, 0.2, 0.1)),
        (INCEPTION, "gray", None, (0.5,), (0.2,)),
        (INCEPTION, None, 255, (102, 127.5, 153), (1, 1, 1)),
        (CAFFE, "rgb", None, (153, 102, 51), (4, 3, 2)),
        (CAFFE, "rgb", 1, (0.6, 0.4, 0.2), STD),
        (CAFFE, None, 1, (0.2, 0.4, 0.6), STD[::-1]),
        (CAFFE, "gray", 1, (0.4,), (0.226,)),
        (DIGITS, "rgb", None, (0.125,) * 3, (0.25,) * 3),
        (DIGITS, "bgr", 255, (31.875,) * 3, (1, 1, 1)),
    ],
)
def test_what_weights_tell_for_others(expected, channels, value_range, mean, std):
    channels_told, range_told = channels or expected.channels or "rgb", value_range or expected.value_range or 1
    chosen = choose(expected, channels=channels, value_range=value_range)
    same(chosen, expected.size, mean, std, channels_told, range_told)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"channels": "hsv"}, "no input 'hsv': it is rgb, bgr, gray"),
        ({"channels": "RGB"}, "no input 'RGB'"),
        ({"value_range": 256}, "no range 256: white is 1 or 255"),
        ({"value_range": 0}, "no range 0"),
        ({"channels": "gray", "mean": [0.1, 0.2, 0.3]}, "mean is one number, not 3"),
        ({"channels": "bgr", "std": [0.1, 0.2]}, "std is one number or three, not 2"),
        ({"std": 0.0}, "cannot be divided by"),
    ],
)
def test_errors(options, said):
    with pytest.raises(NetdissectError, match=said) as caught:
        choose(**options)
    assert "\n" not in str(caught.value)
