"""Weights: every file they come in, every way in which they do not fit, and pickles that want to run code."""

import os
import pickle
import re
import types
from collections import OrderedDict
from typing import ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import DenseNet

from netdissect.networks.expected import Expected
from netdissect.networks.load import load_model, parse_arguments
from netdissect.networks.weights import load_weights, read_weights, weights_hash
from netdissect.types import NetdissectError
from tests.networks.caffemodel_files import blob, layer
from tests.networks.caffemodel_files import network as caffe_network
from tests.shared import SHARED

BUILDERS = """
from torch import nn

def network(num_classes=3, width=4):
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.Flatten(), nn.Linear(width, num_classes))

def classes(classes=3):
    return network(classes)

def n_classes(n_classes=3):
    return network(n_classes)

def keywords(**options):
    return network(**options)

def fixed():
    return network()

ready = network()
"""


class Harm:
    """A pickle of it makes a folder when it is read."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def network(classes=3, width=4, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.Flatten(), nn.Linear(width, classes))


@pytest.fixture
def state():
    return network(seed=9).state_dict()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "builders.py"
    path.write_text(BUILDERS)
    return path


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def failure(call, *arguments, **options):
    """The text of the error, which must be one line."""
    with pytest.raises(NetdissectError) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def prefixed(state):
    return {f"module.{name}": tensor for name, tensor in state.items()}


# Files.


WRAPPINGS = {
    "plain": lambda state: state,
    "state_dict": lambda state: {"epoch": 90, "state_dict": state, "best": 0.7},
    "model": lambda state: {"model": state, "optimizer": {"lr": 0.1}},
    "prefix": prefixed,
    "state_dict and prefix": lambda state: {"state_dict": prefixed(state)},
    "model and prefix": lambda state: {"model": OrderedDict(prefixed(state)), "args": None},
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".tar", ".bin", ""])
def test_torch_files(tmp_path, state, wrapping, suffix):
    path = tmp_path / f"weights{suffix}"
    torch.save(WRAPPINGS[wrapping](state), path)
    read, metadata, *_ = read_weights(path)
    assert equal(read, state) and metadata == {}
    model = network()
    load_weights(model, read, str(path), network)
    assert equal(model.state_dict(), state)


def test_torch_file_of_the_old_format(tmp_path, state):
    torch.save({"state_dict": state}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert equal(read_weights(tmp_path / "old.pth")[0], state)


class Python2Pickler(pickle._Pickler):
    """Pickles text and tensors as torch under Python 2 did."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_str(self, text):
        raw = text.encode("latin1")
        self.write(pickle.SHORT_BINSTRING + bytes([len(raw)]) + raw)
        self.memoize(text)

    dispatch[str] = save_str

    def reducer_override(self, value):
        if not isinstance(value, torch.Tensor):
            return NotImplemented
        place = (value.storage_offset(), tuple(value.shape), value.stride())
        return torch._utils._rebuild_tensor, (value._typed_storage(), *place)


def save_as_python_2(content, path, cuda=False):
    pickling = types.SimpleNamespace(
        __name__="pickle of Python 2",
        dump=lambda value, file, protocol: Python2Pickler(file, protocol).dump(value),
        Pickler=Python2Pickler,
    )
    torch.save(content, path, pickle_module=pickling, pickle_protocol=2, _use_new_zipfile_serialization=False)
    if cuda:
        raw = path.read_bytes().replace(b"ctorch\nFloatStorage", b"ctorch.cuda\nFloatStorage")
        path.write_bytes(raw.replace(b"U\x03cpu", b"U\x06cuda:0"))


@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("note", ["plain", "caf\xe9"])
@pytest.mark.parametrize("cuda", [False, True])
def test_checkpoint_of_python_2(tmp_path, state, note, trust, cuda):
    """Like those of the Places365 networks, trained on a GPU; text in them may be bytes of any encoding."""
    optimizer = {"state": {7: {"momentum_buffer": torch.zeros(2)}}, "param_groups": [{"lr": 0.1, "params": [7]}]}
    content = {"epoch": 90, "arch": note, "state_dict": prefixed(state), "best_prec1": 54.3, "optimizer": optimizer}
    path = tmp_path / "small_places365.pth.tar"
    save_as_python_2(content, path, cuda)
    assert b"_rebuild_tensor\n" in path.read_bytes() and (b"torch.cuda" in path.read_bytes()) == cuda
    assert equal(read_weights(path, trust_pickle=trust).state, state)


@pytest.mark.parametrize("note", ["plain", "caf\xe9"])
def test_checkpoint_of_python_2_that_runs_code_is_refused(tmp_path, state, note):
    path, made = tmp_path / "weights.pth.tar", tmp_path / "made"
    save_as_python_2({"arch": note, "state_dict": state, "extra": Harm(made)}, path)
    assert "--trust-pickle" in failure(read_weights, path)
    assert not made.exists()


def densenet():
    return DenseNet(growth_rate=4, block_config=(2, 1), num_init_features=8, bn_size=2, num_classes=3)


def test_old_names_of_densenet():
    torch.manual_seed(9)
    state = densenet().state_dict()
    old = {re.sub(r"(denselayer\d\.(?:norm|conv))(\d)", r"\1.\2", name): value for name, value in state.items()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    assert "features.denseblock1.denselayer2.conv.2.weight" in old
    model = densenet()
    load_weights(model, old, "old", densenet)
    assert equal(model.state_dict(), state)
    lacking = {name: value for name, value in old.items() if name != "features.denseblock1.denselayer1.norm.1.weight"}
    assert "denselayer1.norm1.weight" in failure(load_weights, model, lacking, "old", densenet)


def test_old_names_stay_where_the_network_has_them():
    def network():
        norm = nn.ModuleDict({"1": nn.BatchNorm2d(2), "2": nn.BatchNorm2d(2)})
        return nn.ModuleDict({"denselayer1": nn.ModuleDict({"norm": norm, "norm1": nn.BatchNorm2d(2)})})

    state = {name: torch.full_like(value, 3) for name, value in network().state_dict().items()}
    model = network()
    load_weights(model, state, "both", network)
    assert equal(model.state_dict(), state)


@pytest.mark.parametrize("prefix", [False, True])
def test_safetensors(tmp_path, state, prefix):
    save_file(prefixed(state) if prefix else state, tmp_path / "weights.safetensors", {"arch": "small"})
    read, metadata, *_ = read_weights(tmp_path / "weights.safetensors")
    assert equal(read, state) and metadata == {"arch": "small"}
    save_file(state, tmp_path / "weights.safetensors")
    assert read_weights(tmp_path / "weights.safetensors")[1] == {}


def test_prefix_stays_where_some_names_lack_it(tmp_path):
    state = {"module.weight": torch.zeros(2), "scale": torch.ones(1)}
    torch.save(state, tmp_path / "weights.pth")
    assert equal(read_weights(tmp_path / "weights.pth")[0], state)


def test_parameters_count_as_tensors(tmp_path):
    torch.save({"weight": nn.Parameter(torch.ones(2))}, tmp_path / "weights.pth")
    assert read_weights(tmp_path / "weights.pth")[0]["weight"].tolist() == [1, 1]


def test_half_precision_weights_become_the_networks_own(tmp_path, state):
    half = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    save_file(half, tmp_path / "half.safetensors")
    model = network()
    load_weights(model, read_weights(tmp_path / "half.safetensors")[0], "half", network)
    assert model[0].weight.dtype == torch.float32
    assert torch.equal(model[0].weight, half["0.weight"].float())


def test_weights_of_load_model(tmp_path, file, state):
    path = tmp_path / "weights.pth"
    torch.save({"state_dict": prefixed(state)}, path)
    loaded = load_model(f"{file}:network", weights=path)
    assert equal(loaded.model.state_dict(), state)
    assert loaded.weights == str(path) and loaded.expected == Expected()
    assert not loaded.model[1].training
    assert equal(load_model(f"{file}:ready", weights=str(path)).model.state_dict(), state)


# Files that are not what they should be.


def test_file_that_is_not_there(tmp_path, file):
    for name in ("none.pth", "none.safetensors"):
        assert str(tmp_path / name) in failure(read_weights, tmp_path / name)
    assert str(tmp_path) in failure(read_weights, tmp_path)
    assert "none.pth" in failure(load_model, f"{file}:network", weights="none.pth")


@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 0.9, 0.99])
def test_truncated_file(tmp_path, state, suffix, share, trust):
    path = tmp_path / f"weights{suffix}"
    torch.save(state, path) if suffix == ".pth" else save_file(state, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert str(path) in failure(read_weights, path, trust_pickle=trust)


@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"\0" * 100, b"<html>404</html>", b"PK\x03\x04", bytes(range(256)), b"\x80\x02."])
def test_file_of_another_kind(tmp_path, suffix, content, trust):
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    assert str(path) in failure(read_weights, path, trust_pickle=trust)


def test_one_kind_under_the_name_of_the_other(tmp_path, state):
    torch.save(state, tmp_path / "a.safetensors")
    save_file(state, tmp_path / "b.pth")
    for name in ("a.safetensors", "b.pth"):
        assert name in failure(read_weights, tmp_path / name)


@pytest.mark.parametrize(
    "content",
    [
        {},
        [],
        torch.zeros(3),
        [torch.zeros(3)],
        {"weight": 3},
        {"weight": torch.zeros(3), "epoch": 3},
        {"weights": {"weight": torch.zeros(3)}},
        {"state_dict": {}},
        {"state_dict": {"weight": "text"}},
        {"model": "resnet18"},
        {0: torch.zeros(3)},
        "text",
        None,
    ],
    ids=repr,
)
def test_no_state_dict(tmp_path, content):
    torch.save(content, tmp_path / "weights.pth")
    said = failure(read_weights, tmp_path / "weights.pth")
    assert "weights.pth" in said and "state dict" in said


def test_safetensors_without_tensors(tmp_path):
    save_file({}, tmp_path / "weights.safetensors")
    assert "weights.safetensors: holds no state dict" in failure(read_weights, tmp_path / "weights.safetensors")


# Pickles that want to run code.


@pytest.mark.parametrize("format", ["zip", "old", "bare pickle"])
def test_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path, file, state, format):
    path, made = tmp_path / "weights.pth", tmp_path / "made by the pickle"
    content = {"state_dict": state, "extra": Harm(made)}
    if format == "bare pickle":
        path.write_bytes(pickle.dumps({"extra": Harm(made)}))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=format == "zip")
    for call in (read_weights, lambda path: load_model(f"{file}:network", weights=path)):
        said = failure(call, path)
        assert str(path) in said and "refused" in said and "--trust-pickle" in said
        assert not made.exists()
    if format != "bare pickle":
        assert equal(load_model(f"{file}:network", weights=path, trust_pickle=True).model.state_dict(), state)
        assert made.is_dir()


def test_pickle_that_runs_code_under_another_name_does_not_run_either(tmp_path):
    made = tmp_path / "made by the pickle"
    for name in ("weights.safetensors", "weights", "weights.npz"):
        torch.save({"extra": Harm(made)}, tmp_path / name)
        failure(read_weights, tmp_path / name)
        assert not made.exists()


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"<html>not found</html>", b"version https://git-lfs"])
def test_a_file_that_is_no_checkpoint_is_not_said_to_want_trust(tmp_path, content):
    (tmp_path / "weights.pth").write_bytes(content)
    said = failure(read_weights, tmp_path / "weights.pth")
    assert "weights.pth: not a torch file" in said and "--trust-pickle" not in said


def test_whole_network_in_a_pickle_needs_trust(tmp_path, state):
    path = tmp_path / "network.pth"
    for content in (network(seed=9), {"model": network(seed=9)}, {"state_dict": state, "best": np.float64(3)}):
        torch.save(content, path)
        assert "--trust-pickle" in failure(read_weights, path)
        assert equal(read_weights(path, trust_pickle=True)[0], state)


# Weights that do not fit.


def test_mismatch_names_the_first_keys_and_shapes(state):
    state["0.weight"] = torch.zeros(4, 3, 5, 5)
    state["extra.a"] = state["extra.b"] = torch.zeros(1)
    del state["1.running_mean"], state["3.bias"]
    model = network()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    said = failure(load_weights, model, state, "some.pth", network)
    assert said.startswith("some.pth does not fit")
    for part in ("1.running_mean, 3.bias", "extra.a, extra.b", "0.weight is 4x3x5x5 in the weights, 4x3x3x3 in"):
        assert part in said
    assert "--model-arg" not in said
    assert equal(model.state_dict(), before)  # nothing was half loaded


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state.update(extra=torch.zeros(1)), "the weights also have extra"),
        (lambda state: state.pop("3.bias"), "the network also has 3.bias"),
        (lambda state: state.update({"3.bias": torch.zeros(3, 1)}), "3.bias is 3x1 in the weights, 3 in the network"),
    ],
)
def test_one_difference_is_enough(state, change, said):
    change(state)
    assert failure(load_weights, network(), state, "some.pth", network) == f"some.pth does not fit: {said}"


def test_mismatch_is_short_for_a_network_of_another_kind(tmp_path):
    torch.save({f"layer{n}.weight": torch.zeros(n + 1) for n in range(500)}, tmp_path / "other.pth")
    said = failure(load_model, "torchvision:squeezenet1_1", weights=tmp_path / "other.pth")
    assert "features.0.weight" in said and "layer0.weight, layer1.weight, layer2.weight and 497 more" in said
    assert len(said) < 500


def test_mismatch_counts_the_shapes_that_it_does_not_list():
    said = failure(load_weights, network(width=4), network(width=8).state_dict(), "w", network)
    assert said.count("in the network") == 3 and "4 more shapes differ" in said and "--model-arg" not in said


def test_counters_of_batches_may_be_absent(state):
    del state["1.num_batches_tracked"]
    model = network()
    load_weights(model, state, "old", network)
    assert torch.equal(model[0].weight, state["0.weight"])


@pytest.mark.parametrize(
    ("name", "argument"),
    [("network", "num_classes"), ("keywords", "num_classes"), ("classes",) * 2, ("n_classes",) * 2],
)
def test_another_number_of_classes_says_what_helps(tmp_path, file, name, argument):
    path, spec = tmp_path / "seven.pth", f"{file}:{name}"
    torch.save(network(classes=7).state_dict(), path)
    said = failure(load_model, spec, weights=path)
    assert f"--model-arg {argument}=7 " in said
    assert "3.weight is 7x4 in the weights, 3x4 in the network" in said and "3.bias" in said
    advice = re.search(r"--model-arg (\S+)", said).group(1)
    assert load_model(spec, arguments=parse_arguments([advice]), weights=path).model[3].out_features == 7


@pytest.mark.parametrize("name", ["fixed", "ready"])
def test_no_advice_where_the_builder_would_not_take_it(tmp_path, file, name):
    torch.save(network(classes=7).state_dict(), tmp_path / "seven.pth")
    said = failure(load_model, f"{file}:{name}", weights=tmp_path / "seven.pth")
    assert "3.weight is 7x4" in said and "--model-arg" not in said


def test_number_where_a_vector_should_be():
    class Scaled(nn.Module):
        def __init__(self, *shape):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(shape))

    for own, theirs in (((1,), ()), ((), (1,))):
        said = failure(load_weights, Scaled(*own), Scaled(*theirs).state_dict(), "w", network)
        assert "scale is" in said and "a number" in said and "--model-arg" not in said


# What weights tell.


def written(tmp_path, state, metadata):
    path = tmp_path / "weights.safetensors"
    save_file(state, path, metadata)
    return path


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, Expected()),
        ({"arch": "small", "num_classes": "3"}, Expected()),
        ({"input_size": "96x128"}, Expected((96, 128))),
        ({"input_size": "96"}, Expected((96, 96))),
        ({"mean": "0.5"}, Expected(mean=(0.5, 0.5, 0.5))),
        ({"mean": "0.4,0.5, 0.6", "std": "1,2,3"}, Expected(None, (0.4, 0.5, 0.6), (1.0, 2.0, 3.0))),
        ({"std": "0.25"}, Expected(std=(0.25, 0.25, 0.25))),
        ({"mean": "0.4,0.5"}, Expected()),
        ({"mean": "[0.4, 0.5, 0.6]", "std": "(1)"}, Expected(None, (0.4, 0.5, 0.6), (1.0, 1.0, 1.0))),
        ({"channels": "BGR", "value_range": "255"}, Expected(channels="bgr", value_range=255)),
        ({"channels": "gray", "mean": "0.4"}, Expected(mean=(0.4,), channels="gray")),
        ({"channels": "gray", "mean": "0.4,0.5,0.6"}, Expected(channels="gray")),
        ({"value_range": "1", "std": "0.5"}, Expected(std=(0.5,) * 3, value_range=1)),
    ],
)
def test_metadata_of_safetensors(tmp_path, file, state, metadata, expected):
    loaded = load_model(f"{file}:network", weights=written(tmp_path, state, metadata))
    assert loaded.expected == expected


def test_metadata_comes_before_what_timm_says(tmp_path):
    pytest.importorskip("timm")
    state = load_model("timm:test_resnet").model.state_dict()
    usual = load_model("timm:test_resnet").expected
    path = written(tmp_path, state, {"input_size": "64x32", "std": "0.125"})
    expected = load_model("timm:test_resnet", weights=path).expected
    assert expected == Expected((64, 32), usual.mean, (0.125, 0.125, 0.125)) and usual.mean is not None
    path = written(tmp_path, state, {"channels": "bgr", "value_range": "255"})
    expected = load_model("timm:test_resnet", weights=path).expected
    assert expected.mean == tuple(value * 255 for value in usual.mean[::-1])
    assert (expected.std, expected.channels, expected.value_range) == (None, "bgr", 255)


@pytest.mark.parametrize(
    "metadata",
    [
        {"input_size": "large"},
        {"mean": "grey"},
        {"std": "1,2,"},
        {"channels": "hsv"},
        {"value_range": "2"},
        {"value_range": "1..255"},
    ],
)
def test_metadata_that_cannot_be_read(tmp_path, file, state, metadata):
    path = written(tmp_path, state, metadata)
    said = failure(load_model, f"{file}:network", weights=path)
    assert str(path) in said and "metadata" in said


@pytest.fixture
def mobilenet_file():
    path = SHARED / "models" / "mobilenet_v2_imagenet.safetensors"
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    return path


def test_real_weights(mobilenet_file):
    loaded = load_model("torchvision:mobilenet_v2", arguments={"num_classes": 1001}, weights=mobilenet_file)
    assert loaded.expected == Expected((224, 224), (128 / 255,) * 3, (128 / 255,) * 3, "rgb")
    assert loaded.weights == str(mobilenet_file)
    first, norm = loaded.model.features[0][0].weight, loaded.model.features[0][1]
    assert first.dtype == torch.float32 and torch.equal(first, first.half().float())
    assert not norm.running_mean.any() and norm.weight.eq(1).all()  # folded, as the folder's README says
    assert loaded.model(torch.zeros(1, 3, 64, 64)).shape == (1, 1001)


def test_real_weights_with_another_number_of_classes(mobilenet_file):
    said = failure(load_model, "torchvision:mobilenet_v2", weights=mobilenet_file)
    assert "--model-arg num_classes=1001 " in said
    assert "classifier.1.weight is 1001x1280 in the weights, 1000x1280 in the network" in said


# Caffe's own files.


@pytest.fixture
def caffe_file(tmp_path):
    """A caffemodel of CaffeNet's small layers, with layers without weights between, in either order."""
    rng = np.random.default_rng(0)

    def write(order, classes=5):
        shapes = {"conv1": (96, 3, 11, 11), "conv2": (256, 48, 5, 5), "fc8": (classes, 4096)}
        blobs = {name: [blob(rng.normal(size=shape)), blob(np.zeros(shape[0]))] for name, shape in shapes.items()}
        layers = [layer("data"), layer("conv1", blobs["conv1"]), *map(layer, order)]
        path = tmp_path / "caffe.caffemodel"
        path.write_bytes(caffe_network([*layers, layer("conv2", blobs["conv2"]), layer("fc8", blobs["fc8"])]))
        return path

    return write


BUILD_PART = """
from torch import nn
from netdissect.networks.caffenet import CaffeNet

class Part(CaffeNet):
    def __init__(self, num_classes=1000, norm_first=False):
        nn.Module.__init__(self)
        self.norm_first = norm_first
        self.conv1, self.conv2 = nn.Conv2d(3, 96, 11, stride=4), nn.Conv2d(96, 256, 5, groups=2)
        self.fc8 = nn.Linear(4096, num_classes)
"""


def test_caffemodel(caffe_file, tmp_path):
    """Of a part of CaffeNet, whose large layers would only take time."""
    (tmp_path / "part.py").write_text(BUILD_PART)
    spec, path = f"{tmp_path / 'part.py'}:Part", caffe_file(["pool1", "norm1", "pool2", "norm2"])
    loaded = load_model(spec, weights=path, arguments={"num_classes": 5})
    found = read_weights(path)
    assert found.layers == ("data", "conv1", "pool1", "norm1", "pool2", "norm2", "conv2", "fc8")
    assert equal(loaded.model.state_dict(), found.state) and loaded.weights == str(path)
    assert "--model-arg num_classes=5 " in failure(load_model, spec, weights=path)
    said = failure(load_model, spec, weights=path, arguments={"num_classes": 5, "norm_first": True})
    assert "caffe.caffemodel" in said and "norm_first=false" in said
    path.write_bytes(path.read_bytes()[:-7])
    assert str(path) in failure(read_weights, path)


# Hashes.


def test_hash_is_that_of_the_state():
    expected = weights_hash(network())
    assert re.fullmatch("[0-9a-f]{64}", expected)
    assert weights_hash(network()) == expected
    assert weights_hash(network().eval().requires_grad_(False)) == expected
    assert weights_hash(network(seed=1)) != expected


@pytest.mark.parametrize("name", list(network().state_dict()))
def test_hash_notices_every_tensor(name):
    model = network()
    before = weights_hash(model)
    with torch.no_grad():
        flat = model.state_dict()[name].view(-1)
        value = flat[-1].clone()
        flat[-1] = torch.nextafter(value, torch.tensor(9.0)) if value.is_floating_point() else value + 1
    assert weights_hash(model) != before
    flat[-1] = value
    assert weights_hash(model) == before


def test_hash_notices_names_types_and_shapes():
    class Holder(nn.Module):
        def __init__(self, **tensors):
            super().__init__()
            for name, tensor in tensors.items():
                self.register_buffer(name, tensor)

    zeros = torch.zeros(2, 3)
    holders = [
        Holder(a=zeros),
        Holder(b=zeros),
        Holder(a=zeros.T.contiguous()),
        Holder(a=zeros.int()),
        Holder(a=zeros, b=zeros),
        Holder(a=torch.zeros(0)),
        Holder(a=torch.tensor(0.0)),
        Holder(a=zeros.bfloat16()),
        Holder(a=zeros.bool()),
        Holder(),
    ]
    assert len({weights_hash(holder) for holder in holders}) == len(holders)
    transposed = torch.arange(6.0).reshape(3, 2).T
    assert weights_hash(Holder(a=transposed)) == weights_hash(Holder(a=transposed.contiguous()))
    assert weights_hash(Holder(a=zeros, b=zeros + 1)) == weights_hash(Holder(b=zeros + 1, a=zeros))
