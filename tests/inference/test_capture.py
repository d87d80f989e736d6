"""What is captured is what the layer returned, and the network is afterwards as it was before."""

import copy
from collections import OrderedDict
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from netdissect import dissect
from netdissect.inference.capture import activation_maps, capture
from netdissect.labels import Labels
from netdissect.networks.layouts import Layout
from netdissect.networks.running import StopForward, forward
from netdissect.networks.sources import Source
from netdissect.types import Concept, NetdissectError
from tests.planted import PLAIN, MemoryDataset, Recall, Runs
from tests.results.flat import differing

CONCEPTS = (Concept(1, "a", "object"), Concept(2, "b", "part"))
OPTIONS = {"size": PLAIN.size, "mean": PLAIN.mean, "std": PLAIN.std, "quantile": 0.2, "progress": False}


def memory(images=6):
    random = np.random.default_rng(1)
    labels = [Labels(random.integers(0, 3, (1, 7, 7)).astype(np.int32)) for _ in range(images)]
    return MemoryDataset(labels, CONCEPTS, (7, 7))


class Noise(MemoryDataset):
    """Images that differ from pixel to pixel."""

    def __init__(self):
        super().__init__([memory().labels(index) for index in range(6)], CONCEPTS, (7, 7))

    def image(self, index):
        return Image.fromarray(np.random.default_rng(index).integers(0, 256, (8, 8, 3), dtype=np.uint8))


def sources(names):
    return {name: Source(name) for name in names}


@contextmanager
def captured(model, names):
    """A dict that a forward pass fills with copies of what layers return."""
    outputs = {}
    with capture(model, sources(names), lambda layer, output: outputs.update({layer: output.clone()})) as passes:
        passes.begin()
        yield outputs


def hooks(model):
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def same(one, other):
    return not differing(one, other)


class Changes(nn.Module):
    """Works in place on what it is given: ``change`` returns nothing that matters."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def forward(self, x):
        self.change(x)
        return x


IN_PLACE = {
    "relu": nn.ReLU(inplace=True),
    "relu6": nn.ReLU6(inplace=True),
    "dropout": nn.Dropout(0.5, inplace=True),
    "zero": Changes(lambda x: x.zero_()),
    "add": Changes(lambda x: x.add_(5)),
    "of a view": Changes(lambda x: x.flatten(1)[:, ::2].neg_()),
    "of another shape": Changes(lambda x: x.resize_(1)),
    "data": Changes(lambda x: x.data.copy_(torch.rand_like(x))),
}


@pytest.mark.parametrize("follower", IN_PLACE)
def test_captured_is_what_the_layer_returned(follower):
    torch.manual_seed(0)
    conv, images = nn.Conv2d(3, 4, 3), torch.randn(2, 3, 9, 9)
    expected = conv(images).detach()
    assert (expected < 0).any()
    model = nn.Sequential(conv, IN_PLACE[follower])
    with captured(model, ["0", "1"]) as outputs:
        forward(model, images)
    assert torch.equal(outputs["0"], expected)


def test_captured_is_what_a_residual_block_returned():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)

        def forward(self, x):
            branch = self.second(x)
            x = self.first(x)
            x += branch
            return x.relu_()

    torch.manual_seed(0)
    block, images = Block(), torch.randn(2, 3, 5, 5)
    expected = {"first": block.first(images).detach(), "second": block.second(images).detach()}
    with captured(block, ["first", "second"]) as outputs:
        forward(block, images.clone())
    assert all(torch.equal(outputs[name], expected[name]) for name in expected)


def test_two_names_of_one_value_are_captured_each_for_itself():
    model = nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True)), nn.Identity())
    torch.manual_seed(0)
    images = torch.randn(2, 3, 5, 5)
    with captured(model, ["0.0", "0.1", "0", "1"]) as outputs:
        forward(model, images)
    assert (outputs["0.0"] < 0).any() and torch.equal(outputs["0.0"].relu(), outputs["0.1"])
    assert torch.equal(outputs["0"], outputs["0.1"]) and torch.equal(outputs["1"], outputs["0.1"])


def test_captured_carries_no_gradient():
    model = nn.Sequential(nn.Conv2d(3, 4, 1))
    with captured(model, ["0"]) as outputs, pytest.raises(StopForward):
        model(torch.zeros(1, 3, 2, 2, requires_grad=True))
    assert not outputs["0"].requires_grad


@pytest.mark.parametrize(
    ("in_place", "apart"),
    [
        (nn.ReLU(inplace=True), nn.ReLU()),
        (nn.Hardtanh(-0.1, 0.1, inplace=True), nn.Hardtanh(-0.1, 0.1)),
        (Changes(lambda x: x.zero_()), nn.Identity()),
    ],
)
def test_counts_do_not_depend_on_the_next_module(in_place, apart):
    torch.manual_seed(3)
    conv = nn.Conv2d(3, 6, 3)
    results = []
    for follower in (in_place, apart):
        model = nn.Sequential(OrderedDict(conv=conv, follower=follower, last=nn.Conv2d(6, 2, 1)))
        results.append(dissect(model, ["conv"], Noise(), batch_size=4, **OPTIONS)["conv"])
    assert results[0].counts.intersection.any() and (results[0].top.maps < 0).any()
    assert same(*results)


def test_what_take_raises_is_not_the_networks_fault_and_is_not_caught_by_it():
    class Forgives(nn.Module):
        def __init__(self):
            super().__init__()
            self.maps = nn.Conv2d(3, 2, 1)

        def forward(self, images):
            try:
                return self.maps(images)
            except Exception:
                return images

    def take(layer, output):
        raise KeyError(layer)

    network = Forgives()
    with capture(network, sources(["maps"]), take) as passes:
        forward(network, torch.zeros(1, 3, 2, 2))
    with pytest.raises(KeyError):
        passes.check()


# Hooks.


def test_hooks_are_gone_at_the_end():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())
    model[1].register_forward_hook(lambda *_: None)
    with captured(model, ["0", "1"]):
        assert hooks(model) == 3
    assert hooks(model) == 1


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), NetdissectError("no")])
def test_hooks_are_gone_after_an_exception_in_the_block(error):
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())
    with pytest.raises(type(error)), captured(model, ["0", "1"]):
        raise error
    assert hooks(model) == 0


def test_hooks_are_gone_after_an_exception_in_the_network():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(5, 2, 1))
    with pytest.raises(RuntimeError), captured(model, ["0", "1"]):
        model(torch.zeros(1, 3, 2, 2))
    assert hooks(model) == 0


def test_hooks_are_gone_where_a_later_layer_is_unknown():
    model = nn.Sequential(nn.Conv2d(3, 4, 1))
    with pytest.raises(AttributeError), captured(model, ["0", "there is none"]):
        pass
    assert hooks(model) == 0


def test_nothing_is_captured_after_the_block():
    model = nn.Sequential(nn.Conv2d(3, 4, 1))
    with captured(model, ["0"]) as outputs:
        pass
    model(torch.zeros(1, 3, 2, 2))
    assert outputs == {}


# The network is afterwards as it was before.


class Moody(nn.Module):
    """Some of its modules train and some do not; ``end`` is called with the maps of each batch."""

    def __init__(self, end=lambda maps: maps):
        super().__init__()
        self.maps, self.norm, self.drop, self.idle = nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2), nn.Dropout(), nn.ReLU()
        self.end = end
        self.train()
        self.norm.eval()
        self.idle.eval()
        self.maps.bias.requires_grad_(False)

    def forward(self, images):
        assert not any(module.training for module in self.modules())
        assert not torch.is_grad_enabled()
        return self.end(self.drop(self.norm(self.maps(images))))


def raises(error):
    def end(maps):
        raise error

    return end


@pytest.mark.parametrize(
    ("end", "data", "raised"),
    [
        (lambda maps: maps, "good", None),
        (raises(RuntimeError("no")), "good", NetdissectError),
        (raises(IndexError("no")), "good", NetdissectError),
        (raises(AssertionError("no")), "good", NetdissectError),
        (raises(KeyboardInterrupt()), "good", KeyboardInterrupt),
        (lambda maps: maps, "bad labels", NetdissectError),
    ],
)
def test_modes_gradients_statistics_and_hooks_are_left_alone(end, data, raised):
    model = Moody(end)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    dataset = memory()
    if data == "bad labels":
        dataset._labels[4] = Labels(np.zeros((1, 3, 3), dtype=np.int32))
    if raised is None:
        dissect(model, ["maps", "norm"], dataset, batch_size=2, **OPTIONS)
    else:
        with pytest.raises(raised):
            dissect(model, ["maps", "norm"], dataset, batch_size=2, **OPTIONS)
    assert hooks(model) == 0
    modes = {name: module.training for name, module in model.named_modules()}
    assert modes == {"": True, "maps": True, "norm": False, "drop": True, "idle": False}
    gradients = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    assert gradients == {"maps.weight": True, "maps.bias": False, "norm.weight": True, "norm.bias": True}
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("layers", [["there is none"], [], ["maps", "maps"]])
def test_wrong_layers_leave_the_network_alone(layers):
    model = Moody()
    with pytest.raises(NetdissectError, match="layer"):
        dissect(model, layers, memory(), **OPTIONS)
    assert hooks(model) == 0 and model.training and not model.norm.training


# Layers that cannot be dissected.


def failure(model, layers=("maps",), data=None, **options):
    with pytest.raises(NetdissectError) as caught:
        dissect(model, list(layers), data or memory(), **(OPTIONS | options))
    assert "\n" not in str(caught.value) and hooks(model) == 0
    return str(caught.value)


def test_layer_called_twice():
    shared = nn.Conv2d(3, 3, 1)
    model = nn.Sequential(OrderedDict(first=shared, middle=nn.ReLU(), again=shared))
    said = "layer first is called 2 times in a pass: name first#0 or first#1"
    assert said in failure(model, ["first"])
    assert said in failure(model, ["middle", "first"])
    both = dissect(model, ["first#0", "middle", "first#1"], Noise(), **OPTIONS)
    apart = nn.Sequential(OrderedDict(first=shared, middle=nn.ReLU(), again=copy.deepcopy(shared)))
    expected = dissect(apart, ["first", "middle", "again"], Noise(), **OPTIONS)
    for name, other in {"first#0": "first", "middle": "middle", "first#1": "again"}.items():
        assert same(both[name], expected[other])
    assert not same(both["first#0"], both["first#1"])


def test_layer_called_twice_in_a_later_batch_alone():
    class Later(nn.Module):
        def __init__(self):
            super().__init__()
            self.maps, self.last, self.passes = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 2, 1), 0

        def forward(self, images):
            self.passes += 1
            for _ in range(2 if self.passes == 3 else 1):
                self.maps(images)
            self.last(images)

    assert "layer maps is called more than once" in failure(Later(), ["maps", "last"], batch_size=2)


def test_passes_after_the_first_end_with_the_last_layer():
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.maps, self.ends = nn.Conv2d(3, 2, 1), 0

        def forward(self, images):
            try:
                self.maps(images)
            except Exception:  # what ends a pass is not for somebody's forward to catch
                raise AssertionError from None
            self.ends += 1

    model = Counts()
    dissect(model, ["maps"], memory(), **(OPTIONS | {"batch_size": 2}))
    assert model.ends == 2  # the one that is watched, and that of the first batch
    model(torch.zeros(1, 3, 8, 8))
    assert model.ends == 3


def test_a_network_that_takes_no_channels_last_images():
    """It is given the usual layout."""

    class Flattens(nn.Module):
        def __init__(self):
            super().__init__()
            self.maps = nn.Conv2d(3, 2, 1)

        def forward(self, images):
            return self.maps(images).view(len(images), 2 * 8 * 8)

    model = Flattens()
    with pytest.raises(RuntimeError, match="view"):
        model(torch.zeros(2, 3, 8, 8).contiguous(memory_format=torch.channels_last))
    thresholds = dissect(model, ["maps"], memory(), **OPTIONS)["maps"].activations.thresholds
    assert np.isfinite(thresholds).all() and thresholds.shape == (2,)


def test_layer_that_is_not_used():
    model = Runs(lambda images: images)
    model.idle = nn.Conv2d(3, 2, 1)
    said = failure(model, ["maps", "idle"])
    assert "layer idle is not called" in said


def test_layer_that_is_not_used_in_a_later_batch():
    """What an earlier batch left behind must not be taken for it."""

    class Skips(nn.Module):
        def __init__(self):
            super().__init__()
            self.maps, self.passes = nn.Conv2d(3, 2, 1), 0

        def forward(self, images):
            self.passes += 1
            if self.passes < 3:
                self.maps(images)

    assert "layer maps is not used in every forward pass" in failure(Skips(), batch_size=2)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda x: (x, x), "layer maps has several tensors: name maps[0] or maps[1]"),
        (lambda x: {"a": x, "b": [x, x]}, "several tensors: name maps[a] or maps[b][0] or maps[b][1]"),
        (lambda x: None, "layer maps returns no tensor"),
        (lambda x: (), "layer maps returns no tensor"),
        (lambda x: x.flatten(2), "float32 (1,3,64) for one image, whose last dimension is not units"),
        (lambda x: x[..., None], "float32 (1,3,8,8,1) for one image, neither maps (n,u,h,w) or"),
        (lambda x: x.mean(), "float32 () for one image, neither"),
        (lambda x: x[0], "float32 (3,8,8) for one image, neither"),
        (lambda x: x[:1], "float32 (1,3,8,8) for 2 images, not maps, units first (n,u,h,w)"),
        (lambda x: torch.cat([x, x]), "float32 (2,3,8,8) for one image, neither"),
        (lambda x: x.flatten(2)[0].T, "float32 (64,3) for one image, neither"),
        (lambda x: x.long(), "int64 (1,3,8,8) for one image, neither"),
        (lambda x: x > 0, "bool (1,3,8,8) for one image, neither"),
        (lambda x: x.to(torch.complex64), "complex64 (1,3,8,8) for one image, neither"),
        (lambda x: x.permute(0, 1, 3, 2), "float32 (1,3,8,8) for one image, not laid out as maps are"),
        (lambda x: x[:, :0], "(1,0,8,8)"),
        (lambda x: x[:, :, :0], "(1,3,0,8)"),
        (lambda x: x.flatten(1)[:, :0], "(1,0)"),
    ],
)
def test_outputs_that_are_neither_maps_nor_vectors(make, said):
    text = failure(Runs(make), batch_size=2)
    assert text.startswith("layer maps ") and said in text


def test_the_last_smaller_batch_is_checked_too():
    said = failure(Runs(lambda x: x if len(x) != 2 else x.repeat(2, 1, 1, 1)), batch_size=4)
    assert "layer maps returns float32 (4,3,8,8) for 2 images" in said


def test_maps_that_change_their_shape_between_batches():
    passes = []

    def make(images):
        passes.append(len(images))
        return images[:, :, : 8 if len(passes) < 3 else 7]

    said = failure(Runs(make), batch_size=2)
    assert "layer maps" in said and "(3,8,8)" in said.replace(" ", "") and "(3,7,8)" in said.replace(" ", "")


@pytest.mark.parametrize(
    ("value", "batch_size", "image", "last"),
    [
        (np.nan, 1, 0, 0),
        (np.inf, 2, 3, 3),
        (-np.inf, 4, 5, 5),
        (np.nan, 32, 3, 3),
        (np.inf, 4, 0, 5),
        (-np.inf, 32, 3, 5),
    ],
)
def test_activations_that_are_not_finite(value, batch_size, image, last):
    """Of several images one is named."""
    activations = np.random.default_rng(2).standard_normal((6, 3, 4, 4)).astype(np.float32)
    broken = activations.copy()
    broken[image, 1, 2, 3] = broken[image : last + 1, 2, 0, 0] = value
    said = failure(Recall(activations, broken), ["maps", "maps1"], batch_size=batch_size)
    assert "layer maps1 " in said
    assert any(f"image image {other}" in said for other in range(image, last + 1))


def test_vectors_that_are_not_finite():
    activations = np.zeros((6, 3), dtype=np.float32)
    activations[4, 0] = np.nan
    assert "layer maps has NaN or infinite activations on image image 4" in failure(Recall(activations))


# Precisions.


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
@pytest.mark.parametrize("shape", [(6, 3, 4, 4), (6, 3)])
def test_other_precisions_give_the_same_counts(dtype, shape):
    activations = np.random.default_rng(4).standard_normal(shape).astype(np.float16)
    expected = dissect(Recall(activations.astype(np.float32)), ["maps"], memory(), **OPTIONS)["maps"]
    result = dissect(Recall(activations.astype(dtype)), ["maps"], memory(), **OPTIONS)["maps"]
    assert expected.counts.intersection.any() and same(result, expected)
    assert result.activations.thresholds.dtype == np.float32


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_networks_of_other_precisions_are_given_images_of_theirs(dtype):
    torch.manual_seed(5)
    conv = nn.Conv2d(3, 4, 3)
    given = []
    model = nn.Sequential(OrderedDict(look=Changes(lambda x: given.append(x.dtype)), maps=conv)).to(dtype)
    result = dissect(model, ["maps"], memory(), **OPTIONS)["maps"]
    assert set(given) == {dtype} and conv.weight.dtype == dtype
    assert result.top.maps.dtype == np.float32 and result.counts.intersection.any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_maps_are_in_float32_and_vectors_are_maps_of_one_position(dtype):
    output = torch.arange(12, dtype=dtype).reshape(2, 6)
    maps = activation_maps("fc", output, 2, Layout("nu"))
    assert maps.shape == (2, 6, 1, 1) and maps.dtype == torch.float32
    assert maps.flatten().tolist() == list(range(12))
    maps = activation_maps("conv", output.reshape(2, 1, 2, 3).to(memory_format=torch.channels_last), 2, Layout("nuhw"))
    assert maps.shape == (2, 1, 2, 3) and maps.is_contiguous() and maps.flatten().tolist() == list(range(12))
