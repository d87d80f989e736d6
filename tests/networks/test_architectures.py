"""Named architectures, with random weights, at their real sizes: one dissection of some layers for each."""

import os
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from netdissect import dissect
from netdissect.concepts import Scenes
from netdissect.networks.layers import list_layers
from netdissect.networks.load import load_model

IMAGES = 2
DOCS = Path(__file__).parents[2] / "docs" / "networks.md"


class Expected(NamedTuple):
    """The expected description of a layer; ``field`` is size, step and first centre in pixels."""

    shape: tuple[int, ...]
    layout: str
    field: tuple[float, float, float] | None = None
    left_out: int = 0


def maps(units, side, *field):
    return Expected((units, side, side), "nuhw", field)


def units_last(units, side, *field):
    return Expected((units, side, side), "nhwu", field or None)


def tokens(units, side, *field, left_out=0):
    return Expected((units, side, side), "ntu", field or None, left_out)


def vector(units):
    return Expected((units,), "nu")


class Architecture(NamedTuple):
    """The layers that are dissected, by ``patterns`` beside their names, and the arguments of the network's builder."""

    layers: dict[str, Expected]
    patterns: tuple[str, ...] = ()
    arguments: dict[str, object] = {}  # noqa: RUF012


# Fields are worked out by hand: the size grows by (kernel - 1) * step, the first centre by half of that less padding.

RESNET50 = {
    "conv1": maps(64, 112, 7, 2, 0),
    "layer1.2": maps(256, 56, 35, 4, 0),
    "layer2.2": maps(512, 28, 75, 8, 0),
    "layer3.2": maps(1024, 14, 171, 16, 0),
    "layer4.2": maps(2048, 7, 427, 32, 0),
    "layer4": maps(2048, 7, 427, 32, 0),
    "fc": vector(1000),
}
RESNET152 = {
    "maxpool": maps(64, 56, 11, 4, 0),
    "layer3": maps(1024, 14, 1291, 16, 0),
    "layer4": maps(2048, 7, 1451, 32, 0),
}
ARCHITECTURES = {
    "torchvision:alexnet": Architecture(
        {
            "features.1": maps(64, 55, 11, 4, 3),
            "features.4": maps(192, 27, 51, 8, 7),
            "features.7": maps(384, 13, 99, 16, 15),
            "features.9": maps(256, 13, 131, 16, 15),
            "features.11": maps(256, 13, 163, 16, 15),
            "features.12": maps(256, 6, 195, 32, 31),
            "classifier.5": vector(4096),
        },
        patterns=("paper",),
    ),
    "torchvision:vgg16": Architecture(
        {
            "features.8": maps(128, 112, 14, 2, 0.5),
            "features.22": maps(512, 28, 92, 8, 3.5),
            "features.29": maps(512, 14, 196, 16, 7.5),
            "features.30": maps(512, 7, 212, 32, 15.5),
            "classifier.4": vector(4096),
        },
        patterns=("paper",),
    ),
    "torchvision:googlenet": Architecture(
        {
            "maxpool1": maps(64, 56, 11, 4, 2),
            "inception4e": maps(832, 14, 235, 16, 14),
            "inception5b": maps(1024, 7, 379, 32, 22),
            "inception5b.branch2": maps(384, 7, 379, 32, 22),
        },
        patterns=("paper",),
        arguments={"init_weights": False, "aux_logits": False},
    ),
    "torchvision:resnet50": Architecture(
        {**RESNET50, "layer4.2.relu#2": maps(2048, 7, 427, 32, 0)}, patterns=("paper", "layer*.2")
    ),
    "torchvision:resnet152": Architecture(RESNET152, patterns=("paper",)),
    "torchvision:densenet161": Architecture(
        {
            "features.pool0": maps(96, 56, 11, 4, 0),
            "features.denseblock2": maps(768, 28, 255, 8, 2),
            "features": maps(2208, 7, 2967, 32, 14),
        },
        patterns=("paper",),
    ),
    "torchvision:mobilenet_v2": Architecture(
        {
            "features.1": maps(16, 112, 7, 2, 0),
            "features.14": maps(160, 7, 299, 32, 0),
            "features.18": maps(1280, 7, 491, 32, 0),
            "classifier": vector(1000),
        }
    ),
    "torchvision:convnext_tiny": Architecture(
        {
            "features.0": maps(96, 56, 4, 4, 1.5),
            "features.5.8.block.4": units_last(1536, 14, 1096, 16, 7.5),
            "features.7": maps(768, 7, 1688, 32, 15.5),
        }
    ),
    "torchvision:vit_b_16": Architecture(
        {
            "conv_proj": maps(768, 14, 16, 16, 7.5),
            "encoder.layers.encoder_layer_0.ln_1": tokens(768, 14, 16, 16, 7.5, left_out=1),
            "encoder.layers.encoder_layer_5.self_attention@heads": tokens(768, 14, left_out=1),
            "encoder.layers.encoder_layer_11.mlp.1": tokens(3072, 14, left_out=1),
            "heads": vector(1000),
        }
    ),
    "torchvision:swin_t": Architecture(
        {
            "features.0": units_last(96, 56, 4, 4, 1.5),
            "features.5.5.mlp.1": units_last(1536, 14),
            "features.7": units_last(768, 7),
            "head": vector(1000),
        }
    ),
    "timm:vgg16": Architecture(
        {
            "features.22": maps(512, 28, 92, 8, 3.5),
            "features.29": maps(512, 14, 196, 16, 7.5),
            "head.fc": vector(1000),
        },
        patterns=("paper",),
    ),
    "timm:resnet50": Architecture(RESNET50, patterns=("paper", "layer*.2")),
    "timm:resnet152": Architecture(RESNET152, patterns=("paper",)),
    "timm:densenet161": Architecture(
        {"features.pool0": maps(96, 56, 11, 4, 0), "features": maps(2208, 7, 2967, 32, 14)}, patterns=("paper",)
    ),
    "timm:mobilenetv2_100": Architecture(
        {"blocks.0": maps(16, 112, 7, 2, 0), "bn2": maps(1280, 7, 491, 32, 0), "classifier": vector(1000)}
    ),
    "timm:convnext_tiny": Architecture(
        {
            "stem": maps(96, 56, 4, 4, 1.5),
            "stages.2.blocks.8.mlp.act": units_last(1536, 14, 1096, 16, 7.5),
            "stages.3": maps(768, 7, 1688, 32, 15.5),
        }
    ),
    "timm:vit_base_patch16_224": Architecture(
        {
            "patch_embed": tokens(768, 14, 16, 16, 7.5),
            "blocks.5.attn.proj@input": tokens(768, 14, left_out=1),
            "blocks.11.mlp.act": tokens(3072, 14, left_out=1),
            "head": vector(1000),
        }
    ),
    "timm:deit_small_distilled_patch16_224": Architecture(
        {
            "blocks.0.norm1": tokens(384, 14, 16, 16, 7.5, left_out=2),
            "blocks.5.attn.proj@input": tokens(384, 14, left_out=2),
            "blocks.11.mlp.act": tokens(1536, 14, left_out=2),
            "head_dist": vector(1000),
        }
    ),
    "timm:vit_small_patch14_reg4_dinov2": Architecture(
        {
            "blocks.0.norm1": tokens(384, 16, 14, 14, 6.5, left_out=5),
            "blocks.5.attn.proj@input": tokens(384, 16, left_out=5),
            "blocks.11.mlp.act": tokens(1536, 16, left_out=5),
        },
        arguments={"img_size": 224},
    ),
    "timm:swin_tiny_patch4_window7_224": Architecture(
        {
            "patch_embed": units_last(96, 56, 4, 4, 1.5),
            "layers.2.blocks.5.mlp.act": tokens(1536, 14),
            "layers.3": units_last(768, 7),
            "head": vector(1000),
        }
    ),
}


#: Twins in timm of networks of torchvision, which take long: tested only if NETDISSECT_ALL_ARCHITECTURES is set.
MORE = (
    "timm:vgg16",
    "timm:resnet50",
    "timm:resnet152",
    "timm:densenet161",
    "timm:vit_base_patch16_224",
    "timm:swin_tiny_patch4_window7_224",
)
CHOSEN = [spec for spec in ARCHITECTURES if spec not in MORE or os.environ.get("NETDISSECT_ALL_ARCHITECTURES")]

pytestmark = pytest.mark.usefixtures("large_networks")


@pytest.fixture(scope="module", params=CHOSEN)
def spec(request):
    return request.param


@pytest.fixture(scope="module")
def result(spec, large_networks):
    found, patterns, arguments = ARCHITECTURES[spec]
    asked = [*patterns, *(name for name in found if not fnmatch(name, "layer?.2"))]
    network = load_model(spec, arguments=arguments)
    return dissect(network, asked, Scenes(IMAGES, size=(56, 56)), size=224, device="cpu", progress=False)


@pytest.mark.parametrize("spec", ["torchvision:swin_t", "torchvision:vit_b_16", "timm:mobilenetv2_100"])
def test_layers_are_listed_once(spec):
    names = [info.name for info in list_layers(load_model(spec).model)]
    assert len(set(names)) == len(names)
    assert set(ARCHITECTURES[spec].layers) - set(names) == {
        name for name in ARCHITECTURES[spec].layers if "@heads" in name and name not in names
    }


def test_layers_are_those_asked_for(spec, result):
    assert set(result.layers) == set(ARCHITECTURES[spec].layers)


def test_descriptions_of_layers(spec, result):
    for name, layer in result.description.layers.items():
        field = layer.field and tuple(layer.field.summary().values())
        assert (name, Expected(layer.shape, layer.layout, field, len(layer.tokens_left_out))) == (
            name,
            ARCHITECTURES[spec].layers[name],
        )
        assert layer.align == ("stretch" if field is None else "receptive")
        assert (layer.no_field == "") == (field is not None)


def test_shapes_of_the_result(spec, result):
    concepts = len(Scenes(1).concepts)
    for name, layer in result.layers.items():
        units, height, width = (*ARCHITECTURES[spec].layers[name].shape, 1, 1)[:3]
        assert layer.activations.thresholds.shape == (units,) and np.isfinite(layer.activations.thresholds).all()
        assert layer.top.maps.shape == (units, IMAGES, height, width)
        assert layer.counts.intersection.shape == (units, concepts)
        assert layer.activations.positions == IMAGES * height * width


def test_the_table_in_the_docs(spec, result):
    rows = [
        [cell.strip(" `") for cell in line.strip("|").split("|")]
        for line in DOCS.read_text().splitlines()
        if line.startswith(f"| `{spec}` |")
    ]
    assert rows
    for _, name, *cells in rows:
        layer = result.description.layers[name]
        units, *positions = layer.shape
        field = layer.field.summary().values() if layer.field else [""] * 3
        assert (name, cells) == (name, [str(units), "x".join(map(str, positions)), layer.layout, *map(str, field)])
