"""Finding and building networks: every kind of name, and every way in which it can be wrong."""

import random
import sys
import urllib.error
import urllib.request

import numpy as np
import pytest
import torch
from torch import nn

from netdissect.networks.load import DEFAULT_WEIGHTS, Expected, LoadedModel, load_model, nearest, parse_arguments
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


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package ``zoo_for_tests.small`` that can be imported, and is forgotten afterwards."""
    (tmp_path / "zoo_for_tests").mkdir()
    (tmp_path / "zoo_for_tests" / "__init__.py").write_text("")
    (tmp_path / "zoo_for_tests" / "small.py").write_text(BUILDERS)
    (tmp_path / "zoo_for_tests" / "broken.py").write_text("import there_is_no_such_module")
    (tmp_path / "zoo_for_tests" / "raising.py").write_text("raise OSError('two\\nlines')")
    (tmp_path / "zoo_for_tests" / "exiting.py").write_text("import sys\nsys.exit(0)")
    (tmp_path / "zoo_for_tests" / "wrong.py").write_text("def (:")
    monkeypatch.syspath_prepend(tmp_path)
    yield "zoo_for_tests"
    for name in [name for name in sys.modules if name.split(".")[0] == "zoo_for_tests"]:
        del sys.modules[name]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "builders.py"
    path.write_text(BUILDERS)
    return path


@pytest.fixture
def unreachable(tmp_path, monkeypatch):
    """No network, and no cache of earlier downloads."""

    def fail(*args, **kwargs):
        raise urllib.error.URLError("[Errno -3] Temporary failure\nin name resolution")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    monkeypatch.setattr(urllib.request, "urlopen", fail)


def states_equal(one, other):
    one, other = one.state_dict(), other.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def failure(spec, **options):
    """The text of the error, which must be one line."""
    with pytest.raises(NetdissectError) as caught:
        load_model(spec, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Every kind of name.


def test_torchvision():
    loaded = load_model(SMALL, arguments={"num_classes": 7})
    assert isinstance(loaded, LoadedModel) and type(loaded.model).__name__ == "SqueezeNet"
    assert (loaded.spec, loaded.weights, loaded.expected) == (SMALL, "random, of seed 0", Expected())
    assert loaded.model(torch.zeros(1, 3, 64, 64)).shape == (1, 7)


def test_timm():
    pytest.importorskip("timm")
    loaded = load_model("timm:test_resnet", arguments={"num_classes": 5}, seed=3)
    assert loaded.model(torch.zeros(1, 3, 64, 64)).shape == (1, 5)
    assert loaded.weights == "random, of seed 3"
    config = loaded.model.pretrained_cfg
    assert loaded.expected == Expected(tuple(config["input_size"][1:]), tuple(config["mean"]), tuple(config["std"]))
    assert loaded.expected.size == (160, 160)


def test_timm_with_a_tag():
    pytest.importorskip("timm")
    assert load_model("timm:test_resnet.r160_in1k").expected.size == (160, 160)
    assert "test_resnet" in failure("timm:test_resnet.no_such_tag")


def test_module_and_callable(package):
    loaded = load_model(f"{package}.small:small", arguments={"channels": 6})
    assert [tuple(p.shape) for p in loaded.model.parameters()] == [(6, 3, 3, 3), (6,), (3, 6, 1, 1), (3,)]
    assert loaded.spec == f"{package}.small:small" and loaded.expected == Expected()


def test_package_in_the_working_directory(package, tmp_path, monkeypatch):
    """As with ``python -m``; the command itself does not put the working directory on the path."""
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder not in ("", str(tmp_path))])
    monkeypatch.chdir(tmp_path)
    assert load_model(f"{package}.small:small").model is not None
    assert str(tmp_path) not in sys.path


def test_module_and_class(package):
    assert load_model(f"{package}.small:Network", arguments={"channels": 6}).model.conv.out_channels == 6


def test_file_and_callable(file):
    assert load_model(f"{file}:small", arguments={"num_classes": 9}).model[2].out_channels == 9
    assert load_model(f"{file}:Network").model.conv.out_channels == 4


def test_file_by_a_relative_path(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    assert load_model("builders.py:small").model[2].out_channels == 3
    monkeypatch.chdir(file.parent.parent)
    assert load_model(f"{file.parent.name}/builders.py:small").model[2].out_channels == 3


@pytest.mark.parametrize("where", ["at the top", "in the callable"])
def test_file_that_imports_its_neighbour(tmp_path, where):
    name = f"neighbour_{where.replace(' ', '_')}"
    (tmp_path / f"{name}.py").write_text("from torch import nn\ndef head():\n    return nn.Conv2d(3, 8, 1)\n")
    line = f"from {name} import head"
    top, inside = (line, "pass") if where == "at the top" else ("", line)
    (tmp_path / "model.py").write_text(f"{top}\ndef build():\n    {inside}\n    return head()\n")
    before = sys.path.copy()
    assert load_model(f"{tmp_path / 'model.py'}:build").model.out_channels == 8
    assert sys.path == before


def test_file_with_a_dataclass(tmp_path):
    (tmp_path / "model.py").write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\nfrom torch import nn\n"
        "@dataclass\nclass Options:\n    width: int = 5\n"
        "def build():\n    return nn.Conv2d(3, Options().width, 1)\n"
    )
    assert load_model(f"{tmp_path / 'model.py'}:build").model.out_channels == 5


def test_file_that_was_changed_is_read_again(file):
    assert load_model(f"{file}:small").model[2].out_channels == 3
    file.write_text(BUILDERS.replace("num_classes=3", "num_classes=30"))
    assert load_model(f"{file}:small").model[2].out_channels == 30


@pytest.mark.parametrize("kind", ["module", "file"])
def test_network_that_a_module_holds_ready(package, file, kind):
    spec = f"{package}.small:ready" if kind == "module" else f"{file}:ready"
    loaded = load_model(spec)
    assert isinstance(loaded.model, nn.Sequential)
    assert not any(module.training for module in loaded.model.modules())
    assert "'channels'" in failure(spec, arguments={"channels": 2})


@pytest.mark.parametrize("spec", [SMALL, "file.py:ready", "file.py:small"])
def test_networks_come_in_evaluation_mode(file, spec):
    model = load_model(spec.replace("file.py", str(file))).model
    assert not any(module.training for module in model.modules())


# Random weights.


@pytest.mark.parametrize("name", ["torchvision", "small", "Network", "ready"])
def test_random_weights_are_those_of_the_seed(file, name):
    spec = SMALL if name == "torchvision" else f"{file}:{name}"
    torch.manual_seed(1)
    first = load_model(spec, seed=5).model
    torch.manual_seed(2)
    assert states_equal(first, load_model(spec, seed=5).model)
    assert not states_equal(first, load_model(spec, seed=6).model)
    assert states_equal(load_model(spec).model, load_model(spec, seed=0).model)


@pytest.mark.parametrize("name", ["torchvision", "small", "ready", "failing"])
def test_global_random_numbers_are_left_alone(file, name):
    spec = SMALL if name == "torchvision" else f"{file}:{name}"
    torch.manual_seed(11)
    expected = torch.rand(4)
    torch.manual_seed(11)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
    try:
        load_model(spec, seed=3)
    except NetdissectError:
        assert name == "failing"
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002
    assert torch.equal(torch.rand(4), expected)


# Published weights.


def test_default_weights(tmp_path, monkeypatch):
    """The download is replaced by a file that a network of other random weights wrote."""
    from torchvision import models

    source = models.squeezenet1_1()
    asked = []

    def download(url, path, *args, **kwargs):
        asked.append(url)
        torch.save(source.state_dict(), path)

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    loaded = load_model(SMALL, weights=DEFAULT_WEIGHTS)
    assert asked == [models.SqueezeNet1_1_Weights.DEFAULT.url]
    assert states_equal(loaded.model, source)
    assert not any(module.training for module in loaded.model.modules())
    assert loaded.weights == "SqueezeNet1_1_Weights.IMAGENET1K_V1"
    assert loaded.expected == Expected((224, 224), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert "num_classes" in failure(SMALL, weights=DEFAULT_WEIGHTS, arguments={"num_classes": 7})


def test_default_weights_out_of_reach(unreachable):
    said = failure(SMALL, weights=DEFAULT_WEIGHTS)
    assert SMALL in said and "weights" in said and "name resolution" in said


def test_default_weights_of_timm_out_of_reach(unreachable, tmp_path, monkeypatch):
    pytest.importorskip("timm")
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    assert "timm:test_resnet" in failure("timm:test_resnet", weights=DEFAULT_WEIGHTS)


def test_no_default_weights_for_ones_own_network(package, file):
    for spec in (f"{package}.small:small", f"{file}:small", f"{file}:ready"):
        said = failure(spec, weights=DEFAULT_WEIGHTS)
        assert spec in said and "DEFAULT" in said


# Wrong names.


@pytest.mark.parametrize("spec", ["resnet18", "torchvision:", ":resnet18", "", ":", "torchvision"])
def test_names_that_are_none(spec):
    assert repr(spec) in failure(spec) and "torchvision:NAME" in failure(spec)


@pytest.mark.parametrize(
    ("spec", "near"),
    [
        ("torchvision:resnet81", "resnet18"),
        ("torchvision:ResNet18", "resnet18"),
        ("torchvision:mobilenetv2", "mobilenet_v2"),
        ("torchvision:vgg-16", "vgg16"),
        ("timm:resnet181", "resnet18"),
        ("timm:test_resnett.r160_in1k", "test_resnet"),
    ],
)
def test_unknown_name_says_the_nearest(spec, near):
    library, name = spec.split(":")
    if library == "timm":
        pytest.importorskip("timm")
    said = failure(spec)
    assert f"{library} has no model {name!r}" in said and f" {near}" in said.partition("did you mean")[2]


def test_name_that_is_like_nothing():
    assert failure("torchvision:qqqqqqqq").endswith("'qqqqqqqq'")


@pytest.mark.parametrize("module", ["small", "file"])
def test_unknown_callable_says_the_nearest(package, file, module):
    spec = f"{package}.small" if module == "small" else str(file)
    said = failure(f"{spec}:smalll")
    assert "'smalll'" in said and "did you mean small" in said
    for name in ("constant", "__name__"):  # there, but not to be called
        assert repr(name) in failure(f"{spec}:{name}")


def test_unknown_module(package):
    assert "there_is_none" in failure("there_is_none:build")
    assert f"{package}.there_is_none" in failure(f"{package}.there_is_none:build")
    assert failure(".relative:build") and failure("..:build")


@pytest.mark.parametrize(
    ("module", "why"),
    [("broken", "there_is_no_such_module"), ("raising", "two lines"), ("exiting", "0"), ("wrong", "syntax")],
)
@pytest.mark.parametrize("kind", ["module", "file"])
def test_module_that_cannot_be_imported(package, tmp_path, module, why, kind):
    before = sys.path.copy()
    spec = f"{package}.{module}" if kind == "module" else str(tmp_path / package / f"{module}.py")
    said = failure(f"{spec}:build")
    assert spec in said and why in said
    assert sys.path == before


def test_file_that_is_not_there(tmp_path):
    assert str(tmp_path / "no.py") in failure(f"{tmp_path / 'no.py'}:build")
    (tmp_path / "folder.py").mkdir()
    assert str(tmp_path / "folder.py") in failure(f"{tmp_path / 'folder.py'}:build")


# Builders.


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("failing", {}, "KeyError: 'no such"),
        ("reading", {}, "nowhere.pt"),
        ("text", {}, "is a str"),
        ("nothing", {}, "is a NoneType"),
        ("small", {"width": 3}, "'width'"),
        ("small", {"channels": "many"}, "TypeError"),
        ("Network", {"channels": -1}, "Error"),
        ("failing", {"depth": 1}, "'depth'"),
    ],
)
def test_builder_that_fails(file, name, arguments, said):
    text = failure(f"{file}:{name}", arguments=arguments)
    assert said in text and f"{file}:{name}" in text


def test_stock_builder_that_fails():
    for spec in (SMALL, "timm:test_resnet"):
        if spec.startswith("timm"):
            pytest.importorskip("timm")
        said = failure(spec, arguments={"no_such_argument": 3})
        assert "no_such_argument" in said and spec in said


# Arguments.


def test_arguments_are_literals_or_text():
    pairs = ["a=1", "b=0.5", "c=None", "d=True", "e=(1, 2)", "f=same", "g='1'", "h=", "i=x=y", "j=1e-3", "k=[]", "l={}"]
    assert parse_arguments(pairs) == {
        "a": 1,
        "b": 0.5,
        "c": None,
        "d": True,
        "e": (1, 2),
        "f": "same",
        "g": "1",
        "h": "",
        "i": "x=y",
        "j": 0.001,
        "k": [],
        "l": {},
    }
    assert parse_arguments([]) == {}
    assert parse_arguments(["a=true", "b=false"]) == {"a": True, "b": False}
    assert type(parse_arguments(["a=1"])["a"]) is int and type(parse_arguments(["a=1.0"])["a"]) is float


@pytest.mark.parametrize("value", ["{[]: 1}", "os.remove('x')", "1 +", "(" * 500, "\\", "-'a'", "1\0"])
def test_values_that_are_no_literals_are_text(value):
    assert parse_arguments([f"key={value}"]) == {"key": value}


@pytest.mark.parametrize("pair", ["num_classes", "=3", "", "num-classes=3", "3=3", " a=3", "a b=3"])
def test_pairs_that_are_none(pair):
    with pytest.raises(NetdissectError, match="not key=value") as caught:
        parse_arguments([pair])
    assert repr(pair) in str(caught.value)


def test_nearest():
    known = ["layer1", "layer2", "layer3", "layer4", "conv1"]
    said = nearest("layer5", known)
    assert said.startswith("; did you mean layer") and said.endswith("?") and said.count("layer") == 3
    assert nearest("layer5", known, count=1).count("layer") == 1
    assert nearest("zzz", known) == "" and nearest("layer", []) == ""
