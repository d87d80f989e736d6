"""Which layers can be dissected: shapes of stock networks known by hand, and networks that make trouble."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from netdissect.networks.layers import LayerInfo, check_layers, list_layers
from netdissect.networks.load import load_model
from netdissect.types import NetdissectError


def hooks(model):
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def shapes(model, size=(224, 224)):
    return {info.name: info.shape for info in list_layers(model, size)}


class Calls(nn.Module):
    """Runs the given functions of (self, images) one after the other; the last one's value is the output."""

    def __init__(self, *steps, **modules):
        super().__init__()
        self.steps = steps
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x):
        for step in self.steps:
            x = step(self, x)
        return x


class Returns(nn.Module):
    def __init__(self, make):
        super().__init__()
        self.make = make

    def forward(self, images):
        return self.make(images)


def test_resnet18():
    found = shapes(load_model("torchvision:resnet18").model)
    expected = {
        "conv1": (64, 112, 112),
        "bn1": (64, 112, 112),
        "relu": (64, 112, 112),
        "maxpool": (64, 56, 56),
        "layer1": (64, 56, 56),
        "layer1.0.conv1": (64, 56, 56),
        "layer2": (128, 28, 28),
        "layer2.0.downsample": (128, 28, 28),
        "layer2.0.downsample.0": (128, 28, 28),
        "layer3.1": (256, 14, 14),
        "layer4": (512, 7, 7),
        "layer4.1.bn2": (512, 7, 7),
        "avgpool": (512, 1, 1),
        "fc": (1000,),
    }
    assert {name: found.get(name) for name in expected} == expected
    # Each block calls its one ReLU twice; the one before the blocks runs once.
    assert [name for name in found if name.endswith("relu")] == ["relu"]
    assert len(found) == 5 + 8 * 5 + 3 * 3 + 4 + 1
    order = list(found)
    assert order.index("layer1.1") < order.index("layer1") < order.index("layer2.0.conv1")
    assert (order[0], order[-1]) == ("conv1", "fc")


def test_alexnet():
    found = list_layers(load_model("torchvision:alexnet").model)
    assert [(info.name, info.shape) for info in found] == [
        ("features.0", (64, 55, 55)),
        ("features.1", (64, 55, 55)),
        ("features.2", (64, 27, 27)),
        ("features.3", (192, 27, 27)),
        ("features.4", (192, 27, 27)),
        ("features.5", (192, 13, 13)),
        ("features.6", (384, 13, 13)),
        ("features.7", (384, 13, 13)),
        ("features.8", (256, 13, 13)),
        ("features.9", (256, 13, 13)),
        ("features.10", (256, 13, 13)),
        ("features.11", (256, 13, 13)),
        ("features.12", (256, 6, 6)),
        ("features", (256, 6, 6)),
        ("avgpool", (256, 6, 6)),
        ("classifier.0", (9216,)),
        ("classifier.1", (4096,)),
        ("classifier.2", (4096,)),
        ("classifier.3", (4096,)),
        ("classifier.4", (4096,)),
        ("classifier.5", (4096,)),
        ("classifier.6", (1000,)),
        ("classifier", (1000,)),
    ]
    types = {info.name: info.type for info in found}
    assert (types["features.0"], types["features.1"], types["features"]) == ("Conv2d", "ReLU", "Sequential")
    assert [info.units for info in found if info.name in ("features.12", "classifier.6")] == [256, 1000]


def test_size_is_height_and_width():
    model = nn.Sequential(nn.Conv2d(3, 5, 3, stride=2, padding=1), nn.ReLU(inplace=True))
    assert shapes(model, (32, 48)) == {"0": (5, 16, 24), "1": (5, 16, 24)}
    assert list_layers(model, (7, 3)) == [LayerInfo("0", "Conv2d", (5, 4, 2)), LayerInfo("1", "ReLU", (5, 4, 2))]


def test_layers_called_twice_or_never_are_left_out():
    model = Calls(
        lambda self, x: self.same(self.first(x)),
        lambda self, x: self.last(self.same(x)),
        first=nn.Conv2d(3, 4, 1),
        same=nn.Sequential(nn.Conv2d(4, 4, 1)),
        idle=nn.Conv2d(3, 4, 1),
        last=nn.Conv2d(4, 2, 1),
    )
    assert list(shapes(model, (8, 8))) == ["first", "last"]


def test_one_module_under_two_names_counts_as_called_twice():
    shared = nn.Conv2d(3, 3, 1)
    model = nn.Sequential(shared, nn.ReLU(), shared)
    assert list(shapes(model, (8, 8))) == ["1"]


def test_outputs_that_are_neither_maps_nor_vectors_are_left_out():
    odd = {
        "tuple": lambda x: (x, x),
        "dict": lambda x: {"out": x},
        "none": lambda x: None,
        "number": lambda x: x.mean(),
        "one_dimension": lambda x: x[0, :, 0, 0],
        "three_dimensions": lambda x: x.flatten(2),
        "five_dimensions": lambda x: x[..., None],
        "whole_numbers": lambda x: x.long(),
        "booleans": lambda x: x > 0,
        "no_units": lambda x: x[:, :0],
        "no_positions": lambda x: x[:, :, :0],
        "no_images": lambda x: x[:0],
        "several_images": lambda x: torch.cat([x, x]),
        "positions_for_images": lambda x: x.flatten(2)[0].T,
    }

    def forward(self, images):
        for name in odd:
            getattr(self, name)(images)
        return self.good(images)

    model = Calls(forward, **{name: Returns(make) for name, make in odd.items()}, good=Returns(lambda x: x * 2))
    assert shapes(model, (6, 5)) == {"good": (3, 6, 5)}


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.bfloat16])
def test_networks_of_other_precisions(dtype):
    model = nn.Sequential(nn.Conv2d(3, 2, 3, padding=1), nn.BatchNorm2d(2)).to(dtype)
    assert shapes(model, (8, 8)) == {"0": (2, 8, 8), "1": (2, 8, 8)}


def test_network_without_parameters():
    assert shapes(nn.Sequential(nn.MaxPool2d(2)), (8, 8)) == {"0": (3, 4, 4)}


def test_modes_statistics_gradients_and_hooks_are_left_alone():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(0.5))
    model.train()
    model[1].eval()
    model[0].weight.requires_grad_(False)
    model[0].register_forward_hook(lambda *_: None)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert len(shapes(model, (8, 8))) == 4
    assert [module.training for module in model.modules()] == [True, True, False, True, True]
    assert [parameter.requires_grad for parameter in model.parameters()] == [False, True, True, True]
    assert all(parameter.grad is None for parameter in model.parameters())
    assert hooks(model) == 1
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_networks_are_listed_in_evaluation_mode():
    """Batch norm of one position refuses to train, and some networks have a head for training alone."""
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(3)).train()
    assert list(shapes(model, (8, 8))) == ["0", "1"]


def fails(error):
    def step(self, images):
        raise error

    return step


@pytest.mark.parametrize(
    "step",
    [
        fails(RuntimeError("shapes\ncannot be multiplied")),
        fails(AssertionError("Wrong image height! Expected 224 but got 8!")),
        fails(ValueError("no")),
        fails(IndexError("index 23 is out of bounds")),
        fails(TypeError("forward() missing 1 required positional argument: 'boxes'")),
        lambda self, x: F.linear(x, torch.zeros(2, 99)),
    ],
)
def test_network_that_cannot_take_the_image(step):
    model = Calls(lambda self, x: self.conv(x), step, conv=nn.Conv2d(3, 2, 1), drop=nn.Dropout()).train()
    model.drop.eval()
    with pytest.raises(NetdissectError, match="cannot take images of 8x6: ") as caught:
        list_layers(model, (8, 6))
    assert "\n" not in str(caught.value)
    assert hooks(model) == 0
    assert [module.training for module in model.modules()] == [True, True, False]


def test_stock_transformer_at_a_size_that_it_does_not_take():
    from torchvision.models import VisionTransformer

    model = VisionTransformer(32, 16, num_layers=1, num_heads=1, hidden_dim=8, mlp_dim=8, num_classes=5)
    assert shapes(model, (32, 32))["conv_proj"] == (8, 2, 2)
    with pytest.raises(NetdissectError, match="cannot take images of 48x48: AssertionError: Wrong image height"):
        list_layers(model, (48, 48))


def test_interrupt_removes_hooks_too():
    model = Calls(lambda self, x: self.conv(x), fails(KeyboardInterrupt()), conv=nn.Conv2d(3, 2, 1)).train()
    with pytest.raises(KeyboardInterrupt):
        list_layers(model, (8, 8))
    assert hooks(model) == 0 and model.conv.training


# Names of layers.


@pytest.fixture
def model():
    return nn.ModuleDict({"layer1": nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()), "layer2": nn.ReLU(), "fc": nn.ReLU()})


def test_known_layers(model):
    check_layers(model, ["layer1"])
    check_layers(model, ["fc", "layer1.0", "layer1", "layer1.1"])


@pytest.mark.parametrize(
    ("name", "near"), [("layer3", "layer1"), ("layer1.5", "layer1.0"), ("Layer2", "layer2"), ("fcc", "fc")]
)
def test_unknown_layer_says_the_nearest(model, name, near):
    with pytest.raises(NetdissectError) as caught:
        check_layers(model, ["fc", name])
    assert f"no layer {name!r}" in str(caught.value)
    assert near in str(caught.value).partition("did you mean")[2]


@pytest.mark.parametrize("name", ["", "zzzzzz", "weight", "layer1.0.weight", "training", "forward"])
def test_what_is_no_layer(model, name):
    with pytest.raises(NetdissectError, match="no layer"):
        check_layers(model, [name])


def test_no_layer_and_a_layer_twice(model):
    with pytest.raises(NetdissectError, match="no layer is named"):
        check_layers(model, [])
    with pytest.raises(NetdissectError, match="layer fc is named twice"):
        check_layers(model, ["fc", "layer1", "fc"])
