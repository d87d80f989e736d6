"""Receptive fields: known fields of networks, and fields that the gradient shows."""

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from torch import nn

from netdissect.networks.layers import list_layers
from netdissect.networks.load import load_model
from netdissect.networks.running import StopForward
from tests.networks.small_networks import CHANNELS, Small, along, largest, networks, together


def fields(model, size=(224, 224), **options):
    return {info.name: info.field for info in list_layers(model.eval(), size, **options)}


def summaries(model, size=(224, 224)):
    return {name: None if field is None else field.summary() for name, field in fields(model, size).items()}


# Fields of further networks are in ``test_architectures``.
# Worked out by hand: the size grows by (kernel - 1) * dilation * step, the first centre by half of that less padding.

KNOWN = {
    "torchvision:alexnet": {
        "features.1": {"size": 11, "step": 4, "first": 3},
        "features.2": {"size": 19, "step": 8, "first": 7},
        "features.11": {"size": 163, "step": 16, "first": 15},
        "features.12": {"size": 195, "step": 32, "first": 31},
    },
    "torchvision:resnet18": {
        "conv1": {"size": 7, "step": 2, "first": 0},
        "maxpool": {"size": 11, "step": 4, "first": 0},
        "layer1": {"size": 43, "step": 4, "first": 0},
        "layer2": {"size": 99, "step": 8, "first": 0},
        "layer4": {"size": 435, "step": 32, "first": 0},
        "avgpool": None,
        "fc": None,
    },
    # Poolings of 3 by 2 without padding, that round up: +2 steps of size, +1 step of place. torchvision's "5x5" is 3x3.
    "torchvision:googlenet": {
        "conv1": {"size": 7, "step": 2, "first": 0},
        "maxpool1": {"size": 7 + 4, "step": 4, "first": 2},
        "maxpool2": {"size": 11 + 8 + 8, "step": 8, "first": 2 + 4},
        "inception3b": {"size": 27 + 2 * 16, "step": 8, "first": 6},
        "maxpool3": {"size": 59 + 16, "step": 16, "first": 6 + 8},
        "inception4e": {"size": 75 + 5 * 32, "step": 16, "first": 14},
        "maxpool4": {"size": 235 + 16, "step": 32, "first": 14 + 8},
        "inception5b": {"size": 251 + 2 * 64, "step": 32, "first": 22},
        "avgpool": None,
    },
}


#: Networks that are watched at 224 pixels; others are watched at 64, where the fields are the same.
OF_FULL_SIZE = ("torchvision:alexnet", "torchvision:resnet18")


@pytest.mark.parametrize("spec", KNOWN)
def test_known_fields(spec, large_networks):
    found = summaries(load_model(spec).model, (224, 224) if spec in OF_FULL_SIZE else (64, 64))
    assert {name: found[name] for name in KNOWN[spec]} == KNOWN[spec]


def test_caffenet_as_the_authors_have_it():
    field = fields(load_model("netdissect:caffenet").model, (227, 227))["conv5"]
    assert field.summary() == {"size": 163, "step": 16, "first": 17}
    assert field.rows == field.columns == tuple(range(17, 210, 16))


def test_half_precision_weights_and_one_channel():
    model = nn.Sequential(nn.Conv2d(1, 2, 3, stride=2), nn.BatchNorm2d(2), nn.Hardswish(inplace=True)).half()
    found = fields(model, (9, 9), channels=1)
    assert all(field.summary() == {"size": 3, "step": 2, "first": 1} for field in found.values())


def test_module_that_runs_several_times():
    model = nn.Sequential(*[nn.Conv2d(3, 3, 3, stride=2, padding=1)] * 3)
    found = summaries(model, (32, 32))
    assert [found[f"0#{call}"] for call in range(3)] == [
        {"size": 3, "step": 2, "first": 0},
        {"size": 7, "step": 4, "first": 0},
        {"size": 15, "step": 8, "first": 0},
    ]


# Fields that the gradient shows.


def shown(maps, image, row, column):
    """Return the first and last row, and the first and last column, that a position depends on."""
    gradient = torch.autograd.grad(maps[0, :, row, column].sum(), image, retain_graph=True)[0][0].abs().sum(0)
    rows, columns = gradient.sum(1).nonzero(), gradient.sum(0).nonzero()
    return (int(rows[0]), int(rows[-1])), (int(columns[0]), int(columns[-1]))


def ends(numbers):
    return min(numbers), max(numbers)


checked = {"networks": 0, "positions": 0, "as_the_gradient_shows": 0}


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(networks())
def fields_are_those_of_the_rule_and_of_the_gradient(drawn):
    stages, size = drawn
    rules = [along(stages, axis, size[axis], largest) for axis in (0, 1)]
    unions = [along(stages, axis, size[axis], together) for axis in (0, 1)]
    inside = [[position for position, interval in enumerate(rule) if interval is not None] for rule in rules]
    assume(all(inside))
    field = fields(Small(stages, smooth=False), size, channels=CHANNELS)["maps"]
    assert [len(field.rows), len(field.columns)] == [len(rule) for rule in rules]
    for axis, centres in enumerate((field.rows, field.columns)):
        # The same step everywhere, in the padding, too.
        assert centres == pytest.approx([centres[0] + i * field.step[axis] for i in range(len(centres))])
        for position in inside[axis]:
            first, last = rules[axis][position]
            assert (centres[position], field.size[axis]) == pytest.approx(((first + last) / 2, last - first + 1))
    image = torch.ones(1, CHANNELS, *size, dtype=torch.float64, requires_grad=True)
    with torch.enable_grad():
        maps = Small(stages, smooth=True)(image)
    for row, column in zip(ends(inside[0]), ends(inside[1]), strict=True):
        checked["positions"] += 1
        by_gradient = shown(maps, image, row, column)
        assert by_gradient == (unions[0][row], unions[1][column])  # the account of what is seen is right
        if by_gradient == (rules[0][row], rules[1][column]):
            checked["as_the_gradient_shows"] += 1
    checked["networks"] += 1


def test_fields_are_those_of_the_rule_and_of_the_gradient(unchecked):
    fields_are_those_of_the_rule_and_of_the_gradient()
    assert checked["networks"] >= 80
    assert checked["as_the_gradient_shows"] >= 130


def softened(model):
    """Return the network with positive weights, means for maxima and no gates, so that no gradient cancels."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, (nn.ReLU, nn.ReLU6, nn.SiLU, nn.GELU, nn.Hardswish, nn.Dropout)):
                setattr(parent, name, nn.Identity())
            elif isinstance(child, nn.MaxPool2d):
                where = (child.kernel_size, child.stride, child.padding, child.ceil_mode)
                setattr(parent, name, nn.AvgPool2d(*where))
            elif isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, nn.Identity())  # at its defaults it does nothing
            elif type(child).__name__ in ("SqueezeExcitation", "SEModule", "LayerNorm2d", "LayerNorm"):
                setattr(parent, name, nn.Identity())
    with torch.no_grad():
        for weights in model.parameters():
            # Of the same mean whatever the kernel, so that no number gets too small or too large.
            weights.fill_(1 / weights[0].numel() if weights.ndim > 1 else 1)
    return model.eval().double()


SHOWN = {
    "torchvision:resnet18": ("layer2", 128),
    "torchvision:mobilenet_v2": ("features.7", 96),
    "torchvision:googlenet": ("inception3b", 96),
    "torchvision:densenet121": ("features.transition1", 96),
    "torchvision:convnext_tiny": ("features.2", 96),
    "torchvision:vgg11": ("features.10", 64),
    "torchvision:efficientnet_b0": ("features.3", 96),
    "torchvision:shufflenet_v2_x0_5": ("stage2", 96),
    "torchvision:squeezenet1_1": ("features.7", 96),
    "timm:resnet50d": ("layer1", 96),
    "timm:regnety_002": ("s2", 96),
    "timm:repvgg_a0": ("stages.0", 64),
}


@pytest.mark.parametrize("spec", SHOWN)
def test_fields_of_real_networks_are_those_that_the_gradient_shows(spec, large_networks):
    if spec.startswith("timm:"):
        pytest.importorskip("timm")
    layer, side = SHOWN[spec]
    model = load_model(spec).model
    field = {info.name: info for info in list_layers(model, (side, side))}[layer].field
    assert field is not None
    model = softened(model)
    found = []

    def stop(module, given, output):
        found.append(output)
        raise StopForward

    model.get_submodule(layer).register_forward_hook(stop)
    image = torch.ones(1, 3, side, side, dtype=torch.float64, requires_grad=True)
    with torch.enable_grad(), pytest.raises(StopForward):
        model(image)
    half = (field.size[0] - 1) / 2
    inside = [i for i, centre in enumerate(field.rows) if centre - half >= 0 and centre + half <= side - 1]
    assert inside
    expected = [(field.rows[position] - half, field.rows[position] + half) for position in ends(inside)]
    assert [*shown(found[0], image, *ends(inside))] == expected
