"""CaffeNet: a published file in it gives what Caffe's own layers give, layer by layer; its names, shapes and order."""

import numpy as np
import pytest
import torch
from torch import nn

from netdissect.networks import caffenet as module
from netdissect.networks.caffemodel import read_caffemodel
from netdissect.networks.caffenet import CaffeNet, caffenet, check_order
from netdissect.types import NetdissectError
from tests.networks.caffemodel_files import blob, layer, network
from tests.networks.slow_caffenet import normalization, pooling, slow_caffenet

CLASSES = 10

SHAPES = {
    "conv1": (96, 3, 11, 11),
    "conv2": (256, 48, 5, 5),
    "conv3": (384, 256, 3, 3),
    "conv4": (384, 192, 3, 3),
    "conv5": (256, 192, 3, 3),
    "fc6": (4096, 9216),
    "fc7": (4096, 4096),
    "fc8": (CLASSES, 4096),
}

OUTPUTS = {
    "conv1": (96, 55, 55),
    "pool1": (96, 27, 27),
    "norm1": (96, 27, 27),
    "conv2": (256, 27, 27),
    "pool2": (256, 13, 13),
    "norm2": (256, 13, 13),
    "conv3": (384, 13, 13),
    "conv4": (384, 13, 13),
    "conv5": (256, 13, 13),
    "pool5": (256, 6, 6),
    "fc6": (4096,),
    "fc7": (4096,),
    "fc8": (CLASSES,),
}

#: As a published file lists them, with those that the network here has no module for.
CAFFE_LAYERS = [
    *(
        "data",
        "conv1",
        "relu1",
        "pool1",
        "norm1",
        "conv2",
        "relu2",
        "pool2",
        "norm2",
        "conv3",
        "relu3",
        "conv4",
        "relu4",
    ),
    *("conv5", "relu5", "pool5", "fc6", "relu6", "drop6", "fc7", "relu7", "drop7", "fc8", "prob"),
]


def random_weights(seed=0):
    """Weights that keep activations at the size of the input, and biases that show."""
    random = np.random.default_rng(seed)
    weights = {}
    for name, shape in SHAPES.items():
        scale = np.float32(np.sqrt(2 / np.prod(shape[1:])))
        weights[f"{name}.weight"] = scale * random.standard_normal(shape, dtype=np.float32)
        weights[f"{name}.bias"] = 10 * random.standard_normal(shape[0], dtype=np.float32)
    return weights


@pytest.fixture(scope="module")
def weights():
    return random_weights()


@pytest.fixture(scope="module")
def state(weights, random_networks, tmp_path_factory):
    """The weights by way of a file of 230 MB."""
    path = tmp_path_factory.mktemp("caffenet") / "caffenet.caffemodel"
    layers = [
        layer(name, [blob(weights[f"{name}.{part}"]) for part in ("weight", "bias") if name in SHAPES])
        for name in CAFFE_LAYERS
    ]
    path.write_bytes(network(layers))
    found = read_caffemodel(path)
    path.unlink()
    assert found.layers == tuple(CAFFE_LAYERS)
    check_order(random_networks[False], found.layers, "it")
    return found.state


@pytest.fixture(scope="module")
def random_networks():
    """By whether they normalize first."""
    torch.manual_seed(0)
    return {norm_first: caffenet(CLASSES, norm_first=norm_first).eval() for norm_first in (False, True)}


@pytest.fixture(scope="module")
def random_network(random_networks):
    return random_networks[False]


def images(count=2, size=227, seed=1):
    return (np.random.default_rng(seed).uniform(-120, 150, (count, 3, size, size))).astype(np.float32)


@torch.no_grad()
def outputs_of(model, inputs):
    """The output of every layer, copied as it is returned."""
    outputs = {}
    hooks = [
        part.register_forward_hook(lambda _, __, output, name=name: outputs.update({name: output.clone()}))
        for name, part in model.named_modules()
        if name
    ]
    result = model(torch.from_numpy(inputs))
    for hook in hooks:
        hook.remove()
    assert torch.equal(result, outputs["fc8"])
    return outputs


@pytest.mark.parametrize(
    ("norm_first", "size"),
    [(False, 227), (True, 224)],  # at 224, windows of the first pooling reach beyond the edge
)
def test_every_layer_is_what_caffes_is(weights, state, norm_first, size):
    model = caffenet(CLASSES, norm_first=norm_first).eval()
    model.load_state_dict(state, assign=True)
    inputs = images(size=size)
    found = outputs_of(model, inputs)
    expected = slow_caffenet(inputs[1], weights, norm_first=norm_first)
    assert set(found) == set(expected)
    for name, values in expected.items():
        assert 1 < np.abs(values).mean() < 300, name
        np.testing.assert_allclose(found[name][1].numpy(), values, rtol=1e-4, atol=1e-5 * np.abs(values).max())


def test_normalization_and_its_place_are_felt(weights):
    """So that the test above would notice them."""
    inputs = np.abs(images(1)[0, :, :27, :27]).astype(np.float64).repeat(5, axis=0)
    assert np.abs(normalization(inputs) / inputs - 1).mean() > 0.1
    assert np.abs(normalization(pooling(inputs)) / pooling(normalization(inputs)) - 1).mean() > 0.01


def test_layers_have_caffes_names_and_shapes(random_network):
    found = outputs_of(random_network, images(1))
    assert {name: tuple(values.shape[1:]) for name, values in found.items()} == OUTPUTS
    assert {name: tuple(value.shape) for name, value in random_network.state_dict().items()} == {
        **{f"{name}.weight": shape for name, shape in SHAPES.items()},
        **{f"{name}.bias": shape[:1] for name, shape in SHAPES.items()},
    }


@pytest.mark.parametrize("norm_first", [False, True])
def test_order_in_which_layers_run(random_networks, norm_first):
    swapped = ["conv1", "norm1", "pool1", "conv2", "norm2", "pool2", *list(OUTPUTS)[6:]]
    assert list(outputs_of(random_networks[norm_first], images())) == (swapped if norm_first else list(OUTPUTS))


@pytest.mark.parametrize("norm_first", [False, True])
def test_random_activations_neither_vanish_nor_explode(random_networks, norm_first):
    for name, values in outputs_of(random_networks[norm_first], images()).items():
        assert 5 < values.square().mean().sqrt() < 500, name
        if name != "fc8":
            assert values.min() >= 0
            assert (values > 0).float().mean() > 0.2
        assert not torch.allclose(values[0], values[1], rtol=0.01), f"{name} does not see its image"


def test_same_images_give_the_same_scores(random_network):
    first, second = (outputs_of(random_network, images())["fc8"] for _ in range(2))
    assert torch.equal(first, second)


def test_dropout_while_training_only(random_network):
    inputs = torch.from_numpy(images(1))
    try:
        random_network.train()
        assert not torch.equal(random_network(inputs), random_network(inputs))
    finally:
        random_network.eval()


def test_a_builder_has_a_thousand_classes_by_default():
    network_of_imagenet = caffenet()
    assert isinstance(network_of_imagenet, CaffeNet) and not network_of_imagenet.norm_first
    assert network_of_imagenet.fc8.out_features == 1000


def test_convolutions_are_convolutions_to_who_looks_for_them(random_network):
    """What composes receptive fields goes by kernel, stride and padding: conv5 sees 163 pixels, 16 apart, from 17."""
    field, step, centre = 1, 1, 0.0
    for name in ("conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5"):
        part = getattr(random_network, name)
        assert isinstance(part, nn.Conv2d | nn.MaxPool2d)
        size, stride, padding = (
            value if isinstance(value, int) else value[0] for value in (part.kernel_size, part.stride, part.padding)
        )
        centre += ((size - 1) / 2 - padding) * step
        field += (size - 1) * step
        step *= stride
    assert (field, step, centre) == (163, 16, 17)


@pytest.mark.parametrize("norm_first", [False, True])
def test_layers_in_the_networks_order_pass(random_networks, norm_first):
    layers = "norm1 pool1 conv2 norm2 pool2" if norm_first else "pool1 norm1 conv2 pool2 norm2"
    check_order(random_networks[norm_first], ["data", "conv1", *layers.split(), "conv3"], "a.caffemodel")


@pytest.mark.parametrize(
    ("norm_first", "layers", "remedy"),
    [
        (False, "conv1 norm1 pool1 conv2 norm2 pool2", "runs norm1 before pool1: take --model-arg norm_first=true"),
        (True, "conv1 pool1 norm1 conv2 pool2 norm2", "runs pool1 before norm1: take --model-arg norm_first=false"),
    ],
)
def test_layers_in_the_other_order_are_told_what_to_do(random_networks, norm_first, layers, remedy):
    with pytest.raises(NetdissectError, match=f"^a.caffemodel: its network {remedy}$"):
        check_order(random_networks[norm_first], layers.split(), "a.caffemodel")


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("layers", ["pool1 pool2", "pool1 norm1 norm2 pool2", "pool1 norm1"])
def test_layers_of_another_network(random_networks, norm_first, layers):
    found = layers.replace(" ", ", ")
    with pytest.raises(NetdissectError, match=f"^it: its network has the layers {found}, CaffeNet (pool|norm)1, "):
        check_order(random_networks[norm_first], layers.split(), "it")


@pytest.mark.parametrize("norm_first", [False, True])
def test_files_of_weights_alone_say_nothing_of_the_order(random_networks, norm_first):
    check_order(random_networks[norm_first], list(SHAPES), "it")


def test_facts_about_images():
    assert module.CAFFENET_SIZE == (227, 227)
    assert module.CAFFENET_CHANNELS == "bgr" and module.CAFFENET_RANGE == 255
    assert module.CAFFENET_MEAN == (109.5388, 118.6897, 124.6901) and module.CAFFENET_STD == (1, 1, 1)
