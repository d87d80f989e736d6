"""Loading networks for tests: builders in a file, and errors."""

import pytest
import torch

from netdissect.networks.load import load_model
from netdissect.types import NetdissectError

SMALL = "torchvision:squeezenet1_1"

BUILDERS = """
import random
import torch
from torch import nn

def small(channels=4, *, num_classes=3):
    return nn.Sequential(nn.Conv2d(3, channels, 3), nn.ReLU(), nn.Conv2d(channels, num_classes, 1))

class Network(nn.Module):
    def __init__(self, channels=4):
        super().__init__()
        self.conv = nn.Conv2d(3, channels, 3)

    def forward(self, images):
        return self.conv(images)

ready = small()
ready.train()

def text():
    return "a network"

def nothing():
    pass

def failing():
    raise KeyError("no such\\nbackbone")

def reading():
    open("nowhere.pt")

constant = 3
"""


def states_equal(one, other):
    one, other = one.state_dict(), other.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def failure(spec, **options):
    """The text of the error, which must be one line."""
    with pytest.raises(NetdissectError) as caught:
        load_model(spec, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)
