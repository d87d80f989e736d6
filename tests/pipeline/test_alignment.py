"""Positions of masks on images, for networks that copy a mark and for whole dissections, with either alignment."""

import numpy as np
import pytest
import torch
from torch import nn

from netdissect import KeptActivations, dissect
from netdissect.engine.alignment import alignment_of
from netdissect.engine.mask import unit_masks
from netdissect.engine.tally import Concepts
from netdissect.measure import count
from netdissect.networks.layers import list_layers
from netdissect.types import NetdissectError
from tests.shared import SHARED, needs_shared

#: Image pixels.
SIZE = 227


def copy(kernel, stride=1, padding=0, dilation=1):
    """Return a convolution that copies the value in the middle of its kernel."""
    conv = nn.Conv2d(1, 1, kernel, stride=stride, padding=padding, dilation=dilation, bias=False)
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[0, 0, kernel // 2, kernel // 2] = 1
    return conv


def pool(kernel, stride, **options):
    return nn.MaxPool2d(kernel, stride, **options)


#: Networks, and the largest distance in pixels between the mark and the masks of stretched maps.
NETWORKS = {
    "unpadded, as the reference network": (
        lambda: nn.Sequential(copy(11, 4), pool(3, 2), copy(5), pool(3, 2), copy(3)),
        28.0,
    ),
    "padded, as stock networks": (lambda: nn.Sequential(copy(7, 2, 3), pool(3, 2, padding=1), copy(3, 2, 1)), 3.5),
    "padded below and right": (
        lambda: nn.Sequential(*(part for _ in range(3) for part in (nn.ZeroPad2d((0, 1, 0, 1)), copy(3, 2)))),
        3.5,
    ),
    "even windows": (lambda: nn.Sequential(*(pool(2, 2) for _ in range(3))), 3.0),
    "dilated": (lambda: nn.Sequential(copy(3, 2), copy(3, dilation=4), copy(5, 2, dilation=2)), 14.5),
    "windows beyond the border": (lambda: nn.Sequential(pool(3, 2, ceil_mode=True), pool(3, 4, ceil_mode=True)), 4.5),
}


def misses(network):
    """Return the largest distance in pixels between masks and marks along one axis, for each alignment.

    A mark is a pixel. All marks are tried to find those that a position responds to; the middle one is its mark.
    """
    images = torch.zeros(SIZE, 1, SIZE, SIZE)
    images[range(SIZE), 0, range(SIZE), range(SIZE)] = 1
    with torch.no_grad():
        maps = network(images)[:, 0]
    field = list_layers(network, (SIZE, SIZE), channels=1)[-1].field
    worst = {}
    for align in ("receptive", "stretch"):
        lies = alignment_of(align, field, (SIZE, SIZE))
        found = []
        for position in range(1, maps.shape[1] - 1):
            marks = maps[:, position, position].nonzero()[:, 0]
            middle = float(marks.min() + marks.max()) / 2
            map_ = maps[marks[len(marks) // 2]]
            rows = unit_masks(map_[None], torch.tensor([0.5]), (SIZE, SIZE), lies)[0].any(dim=1).nonzero()[:, 0]
            found.append(abs(float(rows.min() + rows.max()) / 2 - middle))
        assert len(found) >= 3
        worst[align] = max(found)
    return worst


@pytest.mark.parametrize("name", NETWORKS)
def test_masks_lie_on_the_mark_at_every_position_away_from_borders(name):
    build, stretched = NETWORKS[name]
    worst = misses(build())
    assert worst["receptive"] <= 0.5
    assert worst["stretch"] == pytest.approx(stretched, abs=0.01)


@needs_shared
def test_real_network_on_real_images_with_both_alignments(unchecked):
    """MobileNetV2 as it was trained, padded below and right: stretching shifts positions by 15.5 px."""
    options = {
        "data": str(SHARED / "data/camvid/val"),
        "quantile": 0.05,
        "limit": 24,
        "mean": 128 / 255,
        "std": 128 / 255,
        "progress": False,
    }
    spec = f"{SHARED / 'models/networks.py'}:mobilenet_v2_imagenet"
    results = {align: dissect(spec, "features.17", align=align, **options) for align in ("receptive", "stretch")}
    layer = results["receptive"].description.layers["features.17"]
    assert layer.align == "receptive"
    assert layer.field.rows == tuple(31.0 + 32 * index for index in range(7)) == layer.field.columns
    assert results["stretch"].description.layers["features.17"].align == "stretch"
    receptive, stretch = (result["features.17"] for result in results.values())
    assert np.array_equal(receptive.activations.thresholds, stretch.activations.thresholds)
    assert np.array_equal(receptive.top.maps, stretch.top.maps)
    assert not np.array_equal(receptive.counts.intersection, stretch.counts.intersection)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run with each alignment: its layer's result, and its kept activations."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 6, 7, stride=4), nn.ReLU())
    options = {"data": "scenes", "size": 60, "limit": 8, "quantile": 0.1, "progress": False}
    found = {}
    for align in ("receptive", "stretch"):
        out = tmp_path_factory.mktemp("alignment") / align
        layer = dissect(network, "1", align=align, out=out, keep_activations=True, **options)["1"]
        found[align] = layer, KeptActivations(out / "activations")
    return found


def test_runs_with_either_alignment_differ_in_masks_alone(runs):
    (receptive, _), (stretch, _) = runs.values()
    assert np.array_equal(receptive.activations.thresholds, stretch.activations.thresholds)
    assert not np.array_equal(receptive.counts.intersection, stretch.counts.intersection)


@pytest.mark.parametrize("align", ["receptive", "stretch"])
@pytest.mark.parametrize("run", ["receptive", "stretch"])
def test_kept_activations_are_counted_and_drawn_with_either_alignment(runs, run, align):
    """Kept activations have the alignment of their run, or the other one, which equals the other run."""
    (expected, _), (_, kept) = runs[align], runs[run]
    found = count(kept, Concepts(kept.concepts, kept.label_shape), align=None if run == align else align)["1"]
    assert np.array_equal(found.tally.intersection, expected.counts.intersection)
    areas = [kept.mask("1", 3, image, expected.activations.thresholds[3], align).sum() for image in range(8)]
    categories = [categories_of(kept, image) for image in range(8)]
    colored = [area for area, shown in zip(areas, categories, strict=True) if "color" in shown]
    assert sum(colored) == expected.counts.unit_area[3, expected.categories.index("color")] > 0


def categories_of(kept, image):
    """Return the categories that an image shows."""
    labels = kept.labels(image)
    numbers = {int(number) for number in np.unique(labels.maps) if number} | set(labels.whole)
    return {kept.concepts[number - 1].category for number in numbers}


def test_unknown_alignment():
    with pytest.raises(NetdissectError, match="no alignment 'diagonal': it is receptive or stretch"):
        dissect(nn.Conv2d(3, 2, 1), "", align="diagonal")
