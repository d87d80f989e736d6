"""Which layers can be dissected: shapes of stock networks known by hand, and networks that make trouble."""

from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torch.utils._python_dispatch import _get_current_dispatch_mode

from netdissect.networks.layers import find_layers, list_layers
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
    assert [name for name in found if name.startswith(("relu", "layer1.0.relu"))] == [
        "relu",
        "layer1.0.relu#0",
        "layer1.0.relu#1",
    ]
    assert len(found) == 5 + 8 * 7 + 3 * 3 + 4 + 1
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
    found = [(info.name, info.type, info.shape, info.units) for info in list_layers(model, (7, 3))]
    assert found == [("0", "Conv2d", (5, 4, 2), 5), ("1", "ReLU", (5, 4, 2), 5)]


def test_layers_called_twice_are_told_apart_and_those_never_called_left_out():
    model = Calls(
        lambda self, x: self.same(self.first(x)),
        lambda self, x: self.last(self.same(x)),
        first=nn.Conv2d(3, 4, 1),
        same=nn.Sequential(nn.Conv2d(4, 4, 1)),
        idle=nn.Conv2d(3, 4, 1),
        last=nn.Conv2d(4, 2, 1),
    )
    assert list(shapes(model, (8, 8))) == ["first", "same.0#0", "same#0", "same.0#1", "same#1", "last"]


def test_one_module_under_two_names_counts_as_called_twice():
    shared = nn.Conv2d(3, 3, 1)
    model = nn.Sequential(shared, nn.ReLU(), shared)
    assert list(shapes(model, (8, 8))) == ["0#0", "1", "0#1"]


def test_outputs_that_are_neither_maps_nor_vectors_are_left_out():
    odd = {
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


IMAGE = torch.zeros(1, 3, 8, 8)


def names(layers):
    return [info.name for info in layers]


@pytest.fixture
def model():
    layer1 = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())
    return nn.Sequential(OrderedDict(layer1=layer1, layer2=nn.ReLU(), fc=nn.ReLU()))


def test_known_layers(model):
    assert names(find_layers(model, ["layer1"], IMAGE)) == ["layer1"]
    wanted = ["fc", "layer1.0", "layer1", "layer1.1"]
    assert names(find_layers(model, wanted, IMAGE)) == wanted


@pytest.mark.parametrize(
    ("name", "near"), [("layer3", "layer1"), ("layer1.5", "layer1.0"), ("Layer2", "layer2"), ("fcc", "fc")]
)
def test_unknown_layer_says_the_nearest(model, name, near):
    with pytest.raises(NetdissectError) as caught:
        find_layers(model, ["fc", name], IMAGE)
    assert f"no layer {name!r}" in str(caught.value)
    assert near in str(caught.value).partition("did you mean")[2]


@pytest.mark.parametrize("name", ["", "zzzzzz", "weight", "layer1.0.weight", "training", "forward"])
def test_what_is_no_layer(model, name):
    with pytest.raises(NetdissectError, match="no layer"):
        find_layers(model, [name], IMAGE)


def test_no_layer_and_a_layer_twice(model):
    with pytest.raises(NetdissectError, match="no layer is named"):
        find_layers(model, [], IMAGE)
    with pytest.raises(NetdissectError, match="layer fc is named twice"):
        find_layers(model, ["fc", "layer1", "fc"], IMAGE)


def blocks():
    """Blocks of three parts, nested, one of which runs twice."""

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.relu, self.skip = nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(), nn.Identity()

        def forward(self, x):
            return self.relu(self.relu(self.conv(x)) + self.skip(x))

    return nn.Sequential(OrderedDict(block1=Block(), block2=Block(), head=nn.Sequential(Block(), nn.Flatten())))


@pytest.mark.parametrize(
    ("patterns", "wanted"),
    [
        (["block*"], ["block1", "block2"]),
        (["block*.conv"], ["block1.conv", "block2.conv"]),
        (["block?.relu#1"], ["block1.relu#1", "block2.relu#1"]),
        (["*.conv"], ["block1.conv", "block2.conv"]),
        (["**.conv"], ["block1.conv", "block2.conv", "head.0.conv"]),
        (["head.*"], ["head.0", "head.1"]),
        (["head", "h*", "block2"], ["head", "block2"]),
        (["block1*"], ["block1"]),
        (["block?.conv@input"], ["block1.conv@input", "block2.conv@input"]),
        (["**.skip@input"], ["block1.skip@input", "block2.skip@input", "head.0.skip@input"]),
        (["*"], ["block1", "block2", "head"]),
    ],
)
def test_patterns(patterns, wanted):
    assert names(find_layers(blocks(), patterns, IMAGE)) == wanted


def test_pattern_that_nothing_is_like():
    with pytest.raises(NetdissectError, match=r"no layer that can be dissected is like 'bl\*\.c'"):
        find_layers(blocks(), ["bl*.c"], IMAGE)


def test_dots_and_brackets_in_patterns_are_themselves():
    model = nn.ModuleDict({"a": nn.ReLU(), "ab": nn.ReLU()})
    model.forward = lambda x: (model["a"](x), model["ab"](x))
    assert names(find_layers(model, ["a?"], IMAGE)) == ["ab"]
    with pytest.raises(NetdissectError, match="is like"):
        find_layers(model, ["a.*"], IMAGE)
    with pytest.raises(NetdissectError, match="is like"):
        find_layers(model, ["[ab]*"], IMAGE)


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ("torchvision:alexnet", ["features.1", "features.4", "features.7", "features.9", "features.11"]),
        ("torchvision:resnet18", ["layer4"]),
        ("timm:resnet18.a1_in1k", ["layer4"]),
    ],
)
def test_layers_of_the_paper(spec, wanted):
    loaded = load_model(spec)
    found = find_layers(loaded.model, ["paper"], torch.zeros(1, 3, 64, 64), spec=loaded.spec)
    assert names(found) == wanted
    assert all(info.type in ("ReLU", "Sequential") for info in found)


@pytest.mark.parametrize("spec", ["torchvision:vit_b_16", "net.py:alexnet", "torchvision:resnet18d", ""])
def test_paper_dissects_no_other_networks(model, spec):
    with pytest.raises(NetdissectError, match=r"the layers that the paper dissects are known of AlexNet, .* not of"):
        find_layers(model, ["paper"], IMAGE, spec=spec)


def test_a_layer_may_be_called_paper():
    model = nn.Sequential(OrderedDict(paper=nn.ReLU()))
    assert names(find_layers(model, ["paper"], IMAGE)) == ["paper"]


class Several(nn.Module):
    """Returns several tensors, some of which cannot be dissected."""

    def forward(self, x, scale=1, *, other=None):
        return {"maps": x * scale, "count": torch.tensor(3), "list": [x.mean((2, 3)), None], "text": "no"}


@pytest.fixture
def several():
    model = nn.ModuleDict({"several": Several(), "one": Several(), "last": nn.Identity()})

    def forward(x):
        found = model["several"](x, other=x + 1)
        return model["last"]([found["maps"], 3])

    model.forward = forward
    return model


def test_tensors_in_tuples_and_dicts(several):
    assert names(list_layers(several, (8, 6))) == ["several[maps]", "several[list][0]", "last"]
    shapes = {info.name: (info.shape, info.layout.name) for info in list_layers(several, (8, 6))}
    assert shapes["several[list][0]"] == ((3,), "nu") and shapes["last"] == ((3, 8, 6), "nuhw")
    found = find_layers(several, ["last@input", "several@input[0]", "several@input[other]"], IMAGE)
    assert [info.source.path for info in found] == [(0, 0), (0,), ("other",)]
    with pytest.raises(
        NetdissectError, match=r"layer several@input has several tensors: name several@input\[0\] or sev"
    ):
        find_layers(several, ["several@input"], IMAGE)
    with pytest.raises(NetdissectError, match=r"layer several has several tensors: name several\[maps\] or .*\[list\]"):
        find_layers(several, ["several"], IMAGE)
    with pytest.raises(NetdissectError, match=r"layer several\[count\] returns int64 \(\) for one image, neither maps"):
        find_layers(several, ["several[count]"], IMAGE)
    with pytest.raises(NetdissectError, match=r"no layer 'several\[map\]'; did you mean several\[maps\]"):
        find_layers(several, ["several[map]"], IMAGE)


def test_one_tensor_that_cannot_be_dissected_is_not_called_several():
    model = Calls(lambda self, x: self.one(torch.cat([x, x])), one=nn.Identity())
    with pytest.raises(
        NetdissectError, match=r"layer one@input returns float32 \(2,3,8,8\) for one image, neither maps"
    ):
        find_layers(model, ["one@input"], IMAGE)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fc@heads", "layer fc is no torch.nn.MultiheadAttention"),
        ("fc@output", "no layer 'fc@output'"),
        ("fc@", "no layer 'fc@'"),
        ("fc#1", "no layer 'fc#1'; did you mean fc"),
        ("@input", "no layer '@input'"),
    ],
)
def test_sides_that_are_none(model, name, said):
    with pytest.raises(NetdissectError, match=said):
        find_layers(model, [name], IMAGE)


def test_layouts_are_inferred_from_where_positions_lie():
    def channels_last(self, x):
        x = self.conv(x).permute(0, 2, 3, 1)
        x = self.norm(x)
        return self.back(x.permute(0, 3, 1, 2))

    model = Calls(channels_last, conv=nn.Conv2d(3, 7, 2, 2), norm=nn.LayerNorm(7), back=nn.Identity())
    found = {info.name: info for info in list_layers(model, (8, 6))}
    assert {name: info.layout.name for name, info in found.items()} == {"conv": "nuhw", "norm": "nhwu", "back": "nuhw"}
    assert {info.shape for info in found.values()} == {(7, 4, 3)}
    assert {str(info.field.summary()) for info in found.values()} == {"{'size': 2, 'step': 2, 'first': 0.5}"}


@pytest.mark.parametrize(
    ("make", "layout", "shape"),
    [
        (lambda x: x.permute(0, 2, 3, 1).mean((1, 2), keepdim=True), "nhwu", (3, 1, 1)),
        (lambda x: x.mean((2, 3), keepdim=True), "nuhw", (3, 1, 1)),
        (lambda x: x.permute(0, 2, 3, 1).flip(3).cumsum(1), "nhwu", (3, 8, 6)),  # positions are lost in the latter
        (lambda x: x.cumsum(1), "nuhw", (3, 8, 6)),
        (lambda x: torch.ones(len(x), 8, 6, 2), "nuhw", (8, 6, 2)),  # of nothing that is seen nothing is known
    ],
)
def test_layouts_where_positions_do_not_tell(make, layout, shape):
    (found,) = list_layers(Calls(lambda self, x: self.maps(make(x)), maps=nn.Identity()), (8, 6))
    assert (found.layout.name, found.shape, found.field) == (layout, shape, None)


def test_tokens_that_lie_nowhere_are_not_taken_for_a_grid():
    def mixed(self, x):
        tokens = x.flatten(2).mT  # 36 of 3 units
        self.units(tokens.mT @ torch.ones(36, 4))  # 3 units, each over all positions, as tokens of 4 units
        self.queries(torch.ones(1, 16, 3) @ tokens.mT @ tokens)

    model = Calls(mixed, units=nn.Identity(), queries=nn.Identity())
    assert list_layers(model, (6, 6)) == []
    with pytest.raises(NetdissectError, match="whose 16 tokens do not lie in rows and columns of the image"):
        find_layers(model, ["queries"], torch.zeros(1, 3, 6, 6))
    (said,) = find_layers(model, ["queries"], torch.zeros(1, 3, 6, 6), layout="ntu")
    assert said.layout.grid == (4, 4)


def test_other_names_of_a_module():
    model = nn.Module()
    model.one = model.other = nn.ReLU()
    model.forward = lambda x: model.one(x)
    with pytest.raises(NetdissectError, match="layer other is another name of one: name it so"):
        find_layers(model, ["other"], IMAGE)


def test_layouts_that_are_said():
    model = nn.Sequential(OrderedDict(conv=nn.Conv2d(3, 7, 2, 2), flat=nn.Flatten()))
    found = {info.name: info.shape for info in list_layers(model, (8, 6), layout="nhwu")}
    assert found == {"conv": (3, 7, 4), "flat": (84,)}
    with pytest.raises(
        NetdissectError, match=r"layer flat returns float32 \(1,84\) for one image, not maps, units last"
    ):
        find_layers(model, ["flat"], IMAGE[..., :6], layout="nhwu")
    (found,) = find_layers(model, ["conv"], IMAGE[..., :6], layout="nhwu")
    assert found.field is None and found.no_field


def test_a_network_that_does_not_let_itself_be_watched_is_stretched():
    class Shy(nn.Conv2d):
        def forward(self, images):
            if _get_current_dispatch_mode() is not None:
                raise RuntimeError("not under a mode")
            return super().forward(images)

    (found,) = list_layers(nn.Sequential(Shy(3, 2, 3)), (8, 8))
    assert (found.shape, found.layout.name, found.field) == ((2, 6, 6), "nuhw", None)
    assert "cannot be watched while it runs: " in found.no_field and "not under a mode" in found.no_field
