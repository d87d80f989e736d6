"""The cost of listing the layers of named architectures, with some of the layers. Prints one JSON object.

    uv run benchmarks/architectures.py [--repeats 3] [--case SPEC ...] [--markdown]

Weights are random, images of 224x224. ``--markdown`` prints the table of ``docs/networks.md`` instead.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from netdissect.networks.layers import LayerInfo, find_layers, list_layers
from netdissect.networks.load import load_model

ARGUMENTS: dict[str, dict[str, Any]] = {
    "torchvision:googlenet": {"init_weights": False, "aux_logits": False},
    "timm:vit_small_patch14_reg4_dinov2": {"img_size": 224},
}
LAYERS = {
    "torchvision:alexnet": ("features.1", "features.11", "classifier.5"),
    "torchvision:vgg16": ("features.22", "features.29"),
    "torchvision:googlenet": ("inception4e", "inception5b"),
    "torchvision:resnet50": ("conv1", "layer4", "fc"),
    "torchvision:resnet152": ("layer3", "layer4"),
    "torchvision:densenet161": ("features.denseblock2", "features"),
    "torchvision:mobilenet_v2": ("features.14", "features.18"),
    "torchvision:convnext_tiny": ("features.0", "features.5.8.block.4", "features.7"),
    "torchvision:vit_b_16": (
        "conv_proj",
        "encoder.layers.encoder_layer_5.self_attention@heads",
        "encoder.layers.encoder_layer_11.mlp.1",
    ),
    "torchvision:swin_t": ("features.0", "features.5.5.mlp.1", "features.7"),
    "timm:vgg16": ("features.29",),
    "timm:resnet50": ("layer4",),
    "timm:resnet152": ("layer4",),
    "timm:densenet161": ("features",),
    "timm:mobilenetv2_100": ("bn2",),
    "timm:convnext_tiny": ("stages.2.blocks.8.mlp.act", "stages.3"),
    "timm:vit_base_patch16_224": ("patch_embed", "blocks.5.attn.proj@input", "blocks.11.mlp.act"),
    "timm:deit_small_distilled_patch16_224": ("blocks.0.norm1", "blocks.11.mlp.act"),
    "timm:vit_small_patch14_reg4_dinov2": ("blocks.0.norm1", "blocks.11.mlp.act"),
    "timm:swin_tiny_patch4_window7_224": ("patch_embed", "layers.2.blocks.5.mlp.act", "layers.3"),
}


def seconds_of(run: Callable[[], object], repeats: int) -> float:
    """The median, after one run that warms up."""
    seconds = []
    for _ in range(repeats + 1):
        begun = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begun)
    return round(statistics.median(seconds[1:]), 3)


def plain(info: LayerInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "units": info.units,
        "positions": list(info.shape[1:]),
        "layout": info.layout.name,
        "tokens_left_out": info.layout.tokens_left_out(info.output),
        "field": None if info.field is None else info.field.summary(),
    }


def measure_case(spec: str, repeats: int) -> dict[str, Any]:
    model, image = load_model(spec, arguments=ARGUMENTS.get(spec)).model, torch.zeros(1, 3, 224, 224)
    with torch.no_grad():
        forward = seconds_of(lambda: model(image), repeats)
    return {
        "name": spec,
        "layers_listed": len(list_layers(model)),
        "seconds": {"listing": seconds_of(lambda: list_layers(model), repeats), "forward": forward},
        "layers": [plain(info) for info in find_layers(model, LAYERS[spec], image)],
    }


def markdown(cases: list[dict[str, Any]]) -> str:
    lines = ["| architecture | layer | units | positions | layout | field: size | step | first |", "|" + "---|" * 8]
    for case in cases:
        for layer in case["layers"]:
            field = (layer["field"] or {}).get
            cells = [f"`{case['name']}`", f"`{layer['name']}`", layer["units"], "x".join(map(str, layer["positions"]))]
            cells += [layer["layout"], field("size", ""), field("step", ""), field("first", "")]
            lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--case", action="append", choices=list(LAYERS))
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    cases = [measure_case(spec, arguments.repeats) for spec in arguments.case or LAYERS]
    found = {"benchmark": "architectures", "threads": torch.get_num_threads(), "cases": cases}
    print(markdown(cases) if arguments.markdown else json.dumps(found))


if __name__ == "__main__":
    main()
