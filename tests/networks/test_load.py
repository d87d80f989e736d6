"""Finding and building networks: every kind of name, and every way in which it can be wrong."""

import json
import random
import socket
import sys
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
import torch
from torch import nn

from netdissect.networks.caffenet import CAFFENET_MEAN
from netdissect.networks.expected import Expected
from netdissect.networks.libraries import DEFAULT_WEIGHTS
from netdissect.networks.load import LoadedModel, load_model, parse_arguments
from netdissect.types import NetdissectError, nearest

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


@pytest.mark.parametrize("folder", ["odd:folder", "C:", "timm:odd", "a b:c:d"])
def test_file_whose_path_has_colons(tmp_path, folder):
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "net.py").write_text(BUILDERS)
    assert load_model(f"{tmp_path / folder / 'net.py'}:small").model[2].out_channels == 3


def test_caffenet():
    loaded = load_model("netdissect:caffenet", arguments={"num_classes": 2, "norm_first": True})
    assert loaded.model.norm_first and loaded.model.fc8.out_features == 2 and loaded.is_random
    assert loaded.expected == Expected((227, 227), CAFFENET_MEAN, (1.0,) * 3, "bgr", 255)
    said = failure("netdissect:caffenet", weights=DEFAULT_WEIGHTS)
    assert "netdissect:caffenet" in said and "no DEFAULT weights are published" in said
    assert "it has caffenet" in failure("netdissect:alexnet")


# Whole networks in pickles.


@pytest.fixture
def whole(tmp_path, monkeypatch):
    """Writes a pickle of a network whose class is in a module beside it, which is forgotten again."""

    def write(path, wrapped=lambda network: network, beside=True):
        (tmp_path / "classes_for_tests.py").write_text(BUILDERS)
        with monkeypatch.context() as patch:
            patch.syspath_prepend(tmp_path)
            import classes_for_tests

            torch.save(wrapped(classes_for_tests.Network(5)), path)
        del sys.modules["classes_for_tests"]
        if not beside:
            (tmp_path / "classes_for_tests.py").rename(tmp_path / "elsewhere.py")
        return str(path)

    yield write
    sys.modules.pop("classes_for_tests", None)


@pytest.mark.parametrize("name", ["whole.pth", "whole.pt", "whole.pth.tar", "whole.pkl", "whole", "odd:whole.pth"])
def test_whole_network_in_a_pickle(tmp_path, whole, name):
    spec, before = whole(tmp_path / name), sys.path.copy()
    said = failure(spec)
    assert spec in said and "--trust-pickle" in said and "run any code" in said
    assert "classes_for_tests" not in sys.modules
    loaded = load_model(spec, trust_pickle=True)
    assert type(loaded.model).__name__ == "Network" and loaded.model.conv.out_channels == 5
    assert not loaded.model.training and not loaded.is_random and sys.path == before
    assert (loaded.spec, loaded.weights, loaded.expected) == (spec, None, Expected())


@pytest.mark.parametrize(
    "wrapped",
    [
        nn.DataParallel,
        lambda network: {"epoch": 3, "model": network},
        lambda network: {"state_dict": nn.DataParallel(network)},
    ],
)
def test_whole_network_within_something_else(tmp_path, whole, wrapped):
    model = load_model(whole(tmp_path / "whole.pth", wrapped), trust_pickle=True).model
    assert list(dict(model.named_modules())) == ["", "conv"]


def test_whole_network_whose_class_is_in_the_working_directory(tmp_path, whole, monkeypatch):
    (tmp_path / "models").mkdir()
    spec = whole(tmp_path / "models" / "whole.pth")
    monkeypatch.chdir(tmp_path)
    assert load_model("models/whole.pth", trust_pickle=True).model.conv.out_channels == 5
    del sys.modules["classes_for_tests"]
    monkeypatch.chdir(tmp_path / "models")
    assert f"{spec}: needs what cannot be imported" in failure(spec, trust_pickle=True)


def test_whole_network_with_other_weights_and_arguments(tmp_path, whole, file):
    spec = whole(tmp_path / "whole.pth")
    other = load_model(f"{file}:Network", arguments={"channels": 5}, seed=8).model
    torch.save(other.state_dict(), tmp_path / "other.pth")
    assert states_equal(load_model(spec, weights=tmp_path / "other.pth", trust_pickle=True).model, other)
    assert "'channels'" in failure(spec, trust_pickle=True, arguments={"channels": 3})
    assert "DEFAULT" in failure(spec, trust_pickle=True, weights=DEFAULT_WEIGHTS)


@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors", "weights.caffemodel"])
def test_weights_in_place_of_a_network(tmp_path, name, trust):
    path = tmp_path / name
    torch.save({"state_dict": {"weight": torch.zeros(2)}}, path)
    said = failure(str(path), trust_pickle=trust)
    assert str(path) in said and "--weights" in said and "MODEL" in said


def test_files_that_hold_no_network(tmp_path, file):
    assert "none.pth: no such file" in failure("none.pth")
    assert "none.pt: no such file" in failure("torchvision/none.pt", trust_pickle=True)
    (tmp_path / "broken.pth").write_bytes(b"PK\x03\x04")
    for trust in (False, True):
        assert "broken.pth" in failure(str(tmp_path / "broken.pth"), trust_pickle=trust)
    assert "torchvision:NAME" in failure(str(file)) and "file.py:callable" in failure(str(file))


# Hugging Face.


@pytest.fixture
def hub_out_of_reach(tmp_path, monkeypatch):
    """No connection, and no cache of earlier downloads; the library is not told that it is offline."""
    constants = pytest.importorskip("huggingface_hub.constants")

    def refuse(*arguments, **options):
        raise OSError("Temporary failure in name resolution")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return constants


@pytest.mark.parametrize(
    "spec", ["timm:hf-hub:owner/name", "timm:hf_hub:owner/name.a1_in1k", "transformers:owner/name"]
)
@pytest.mark.parametrize("weights", [None, DEFAULT_WEIGHTS])
def test_hub_out_of_reach(hub_out_of_reach, capfd, spec, weights):
    pytest.importorskip(spec.split(":")[0])
    load_model("torchvision:squeezenet1_1")  # imports take their time
    start = time.monotonic()
    said = failure(spec, weights=weights)
    assert spec in said and "cannot be fetched" in said
    assert hub_out_of_reach.HF_HUB_OFFLINE is False
    assert "Retrying" not in capfd.readouterr().err
    assert time.monotonic() - start < 15


def test_hub_name_goes_to_timm_as_it_is(monkeypatch):
    timm = pytest.importorskip("timm")
    asked = []

    def create(name, **options):
        asked.append((name, options))
        return nn.Conv2d(3, 4, 1)

    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(timm, "create_model", create)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with socket.create_server(("127.0.0.1", 0)) as hub:  # listens, which is all that is asked of it
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{hub.getsockname()[1]}")
        assert load_model("timm:hf-hub:owner/name.tag", arguments={"num_classes": 5}).is_random
        loaded = load_model("timm:hf_hub:owner/name", weights=DEFAULT_WEIGHTS)
    assert loaded.weights == "timm:hf_hub:owner/name DEFAULT"
    assert asked == [
        ("hf-hub:owner/name.tag", {"num_classes": 5}),
        ("hf_hub:owner/name", {"pretrained": True}),
    ]


@pytest.mark.parametrize("library", ["timm", "transformers"])
def test_library_that_is_not_installed(monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    said = failure(f"{library}:resnet18")
    assert said == f"{library} is not installed: install netdissect with its extra '{library}'"


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Writes a tiny network of transformers as save_pretrained does, with an image processor if settings are given."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    transformers = pytest.importorskip("transformers")

    def write(processor=None, auto=transformers.AutoModelForImageClassification, **options):
        config = transformers.ResNetConfig(
            embedding_size=4, hidden_sizes=[4, 6], depths=[1, 1], layer_type="basic", num_labels=3, **options
        )
        with torch.random.fork_rng():
            torch.manual_seed(77)
            model = auto.from_config(config)
        model.save_pretrained(tmp_path / "tiny")
        if processor is not None:
            processor = {"image_processor_type": "ConvNextImageProcessor", **processor}
            (tmp_path / "tiny" / "preprocessor_config.json").write_text(json.dumps(processor))
        return f"transformers:{tmp_path / 'tiny'}", model

    return write


def test_transformers_with_random_weights(tiny):
    spec, saved = tiny()
    loaded = load_model(spec, seed=5)
    assert type(loaded.model).__name__ == "ResNetForImageClassification"
    assert loaded.model(torch.zeros(1, 3, 64, 64)).logits.shape == (1, 3)
    assert (loaded.weights, loaded.is_random, loaded.expected) == ("random, of seed 5", True, Expected())
    assert states_equal(loaded.model, load_model(spec, seed=5).model)
    assert not states_equal(loaded.model, load_model(spec, seed=6).model)
    assert not states_equal(loaded.model, saved) and not loaded.model.training


def test_transformers_with_published_weights(tiny):
    spec, saved = tiny()
    loaded = load_model(spec, weights=DEFAULT_WEIGHTS)
    assert states_equal(loaded.model, saved)
    assert (loaded.weights, loaded.is_random) == (f"{spec} DEFAULT", False)
    saved.half().save_pretrained(spec.partition(":")[2])
    assert {tensor.dtype for tensor in load_model(spec, weights=DEFAULT_WEIGHTS).model.parameters()} == {torch.float32}
    assert {tensor.dtype for tensor in load_model(spec).model.parameters()} == {torch.float32}


def test_transformers_with_weights_in_a_file(tiny):
    spec, saved = tiny()
    path = spec.partition(":")[2] + "/model.safetensors"
    assert states_equal(load_model(spec, weights=path).model, saved)
    said = failure(spec, weights=path, arguments={"num_labels": 5})
    assert "--model-arg num_labels=3 " in said


def test_transformers_without_a_classifier(tiny):
    import transformers

    spec, saved = tiny(auto=transformers.AutoModel)
    loaded = load_model(spec, weights=DEFAULT_WEIGHTS)
    assert type(loaded.model).__name__ == "ResNetModel" and states_equal(loaded.model, saved)


def test_transformers_with_a_configuration_alone(tiny, tmp_path):
    spec, saved = tiny()
    saved.config.architectures = None
    saved.config.save_pretrained(tmp_path / "alone")
    spec = f"transformers:{tmp_path / 'alone'}"
    assert type(load_model(spec).model).__name__ == "ResNetForImageClassification"
    assert spec in failure(spec, weights=DEFAULT_WEIGHTS)


def test_transformers_without_an_image_processor_tell_their_size(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    transformers.ViTConfig(image_size=64, **sizes).save_pretrained(tmp_path / "vit")
    assert load_model(f"transformers:{tmp_path / 'vit'}").expected.size == (64, 64)


def test_networks_on_top_of_others_are_random_in_whole(unreachable):
    loaded = load_model("torchvision:lraspp_mobilenet_v3_large")
    assert loaded.is_random


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
def test_torchscript_is_refused(tmp_path, monkeypatch):
    torch.jit.trace(nn.Sequential(nn.Conv2d(3, 2, 1)), torch.zeros(1, 3, 4, 4)).save(tmp_path / "script.pt")
    assert "is TorchScript, which does not show its layers" in failure(str(tmp_path / "script.pt"), trust_pickle=True)


def test_transformers_with_arguments(tiny):
    spec, _ = tiny()
    assert load_model(spec, arguments={"num_labels": 7, "hidden_sizes": [4, 8]}).model.num_labels == 7
    assert "no_such_argument" in failure(spec, arguments={"no_such_argument": 3})
    assert spec in failure(spec, arguments={"num_labels": 7}, weights=DEFAULT_WEIGHTS)


def test_transformers_that_is_not_there(tmp_path, monkeypatch):
    pytest.importorskip("transformers")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert str(tmp_path / "none") in failure(f"transformers:{tmp_path / 'none'}")
    (tmp_path / "config.json").write_text("{")
    assert "config.json" in failure(f"transformers:{tmp_path}")


HALVES, THIRDS = (0.5,) * 3, (0.25,) * 3


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"size": {"height": 96, "width": 64}, "do_normalize": True, "image_mean": HALVES, "image_std": THIRDS},
            Expected((96, 64), HALVES, THIRDS, "rgb", 1),
        ),
        (
            {"size": {"shortest_edge": 72}, "crop_size": {"height": 64, "width": 48}, "do_center_crop": True},
            Expected((64, 48), HALVES, HALVES, "rgb", 1),
        ),
        (
            {"size": {"shortest_edge": 72}, "do_normalize": False},
            Expected((72, 72), (0.0,) * 3, (1.0,) * 3, "rgb", 1),
        ),
        (
            {"size": 72, "do_rescale": False, "image_mean": (1, 2, 3), "image_std": (4, 5, 6)},
            Expected((72, 72), (1.0, 2.0, 3.0), (4.0, 5.0, 6.0), "rgb", 255),
        ),
        (
            {"size": 72, "rescale_factor": 2 / 255, "image_mean": (1, 1, 1), "image_std": (1, 1, 1)},
            Expected((72, 72), HALVES, HALVES, "rgb", 1),
        ),
        (
            {"size": 72, "do_flip_channel_order": True, "image_processor_type": "MobileViTImageProcessor"},
            Expected((256, 256), (0.0,) * 3, (1.0,) * 3, "bgr", 1),
        ),
    ],
)
def test_what_an_image_processor_tells(tiny, settings, expected):
    spec, _ = tiny(settings)
    for weights in (None, DEFAULT_WEIGHTS):
        assert load_model(spec, weights=weights).expected == expected


def test_transformers_of_one_channel(tiny):
    spec, _ = tiny(num_channels=1)
    assert load_model(spec).expected == Expected(channels="gray")
    spec, _ = tiny({"size": 32, "image_mean": [0.1], "image_std": [0.3]}, num_channels=1)
    assert load_model(spec).expected == Expected((32, 32), (0.1,), (0.3,), "gray", 1)


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
