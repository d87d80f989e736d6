"""Units wired by hand to fire on known concepts of the scenes get the names of these concepts."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from netdissect import Scenes, dissect
from tests.unchecked import unchecked_types

SIZE = (56, 56)
pytestmark = pytest.mark.usefixtures("unchecked")
PLAIN = {"size": SIZE, "mean": 0.0, "std": 1.0, "progress": False}


class Remembered(Scenes):
    """Scenes that are painted once, however often they are asked for."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._rendering = cache(super()._rendering)


class TruthNetwork(nn.Module):
    """Recognizes the scenes it was shown, and has a unit for each concept that is 1 where the concept is."""

    def __init__(self, scenes: Scenes) -> None:
        super().__init__()
        self.units = nn.Identity()
        self._known = {}
        for index in range(len(scenes)):
            labels = scenes.labels(index)
            truth = np.stack([(labels.maps == concept.number).any(axis=0) for concept in scenes.concepts])
            truth[[concept.number in labels.whole for concept in scenes.concepts]] = True
            self._known[np.asarray(scenes.image(index)).tobytes()] = torch.from_numpy(truth).float()

    def forward(self, images):
        pixels = (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
        return self.units(torch.stack([self._known[image.tobytes()] for image in pixels]))


def test_every_planted_unit_gets_its_concept():
    scenes = Remembered(150, size=SIZE, seed=11)
    # Units that fire on less than the quantile have the threshold 0, so that their masks are all of their concept.
    layer = dissect(TruthNetwork(scenes), ["units"], scenes, quantile=0.5, **PLAIN)["units"]
    labels = layer.units[layer.units["is_label"]].set_index("unit")
    assert (layer.counts.concept_area > 0).all()
    named = list(zip(labels["concept"], labels["category"], labels["iou"], strict=True))
    assert named == [(concept.name, concept.category, 1.0) for concept in scenes.concepts]
    summary = layer.summary()
    assert summary["by_label"]["detectors"] == summary["by_label"]["unique"] == len(scenes.concepts)


def test_units_wired_to_colors_of_real_pixels_are_named_so():
    """A 1x1 convolution that looks for a color in the very pixels, at the default quantile."""
    wiring = {  # weights of red, green, blue, and what must be exceeded
        "red": ((1.0, -1.0, -1.0), 0.0),
        "green": ((-0.6, 1.0, -0.6), 0.0),
        "blue": ((-1.0, -0.5, 1.0), 0.0),
        "black": ((-1.0, -1.0, -1.0), -0.6),
        "purple": ((0.5, -1.0, 0.5), 0.0),
    }
    network = nn.Sequential(nn.Conv2d(3, len(wiring), 1), nn.ReLU())
    with torch.no_grad():
        for unit, (weights, level) in enumerate(wiring.values()):
            network[0].weight[unit] = torch.tensor(weights)[:, None, None]
            network[0].bias[unit] = -level
    with unchecked_types():
        layer = dissect(network, ["1"], Remembered(150, size=SIZE, seed=3), **PLAIN)["1"]
    colors = layer.units[layer.units["category"] == "color"].set_index("unit")["concept"]
    assert colors.tolist() == list(wiring)


def test_a_unit_that_never_fires_and_one_that_saturates_get_no_name_and_say_so():
    network = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU6())
    with torch.no_grad():
        network[0].weight.zero_()
        network[0].weight[1] = 100.0
        network[0].bias.copy_(torch.tensor([-1.0, -100.0]))  # the second is 6 but where it is dark
    result = dissect(network, ["1"], Scenes(20, size=SIZE), **PLAIN)
    layer = result["1"]
    assert layer.activations.thresholds.tolist() == [0.0, 6.0]
    assert layer.counts.unit_area.sum() == layer.counts.intersection.sum() == 0
    assert layer.units["concept"].isna().all()
    assert not layer.units["is_label"].any()
    assert not layer.units["is_detector"].any()
    assert "never responds" in layer.silent[0]
    assert "saturated" in layer.silent[1]
    assert any("2 of 2 units have an empty mask" in note for note in result.notes)
    assert isinstance(layer.units, pd.DataFrame)
