"""Networks of libraries: torchvision, timm and transformers, with random and with published weights."""

import json
import socket
import sys
import time
import urllib.error
import urllib.request

import pytest
import torch
from torch import nn

from netdissect.networks.expected import Expected
from netdissect.networks.libraries import DEFAULT_WEIGHTS
from netdissect.networks.load import LoadedModel, load_model
from tests.networks.loading import SMALL, failure, states_equal


@pytest.fixture
def unreachable(tmp_path, monkeypatch):
    """No network, and no cache of earlier downloads."""

    def fail(*args, **kwargs):
        raise urllib.error.URLError("[Errno -3] Temporary failure\nin name resolution")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    monkeypatch.setattr(urllib.request, "urlopen", fail)


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


def test_stock_builder_that_fails():
    for spec in (SMALL, "timm:test_resnet"):
        if spec.startswith("timm"):
            pytest.importorskip("timm")
        said = failure(spec, arguments={"no_such_argument": 3})
        assert "no_such_argument" in said and spec in said
