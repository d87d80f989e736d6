"""The layers that the paper dissects in each architecture, by their names in torchvision and timm."""

import re

from netdissect.types import NetdissectError

#: The name that stands for them.
PAPER = "paper"

#: Patterns of architectures' names, and their layers: after the ReLU, as the authors' networks work in place, but for
#: torchvision's DenseNet, whose last ReLU is no module. AlexNet's five are compared with each other; of the others the
#: last layers are shown.
_LAYERS = {
    r"caffenet": ("conv1", "conv2", "conv3", "conv4", "conv5"),
    r"alexnet": ("features.1", "features.4", "features.7", "features.9", "features.11"),
    r"vgg16": ("features.22", "features.29"),
    r"vgg16_bn": ("features.32", "features.42"),
    r"googlenet": ("inception4e", "inception5b"),
    r"resnet(18|34|50|101|152)": ("layer4",),
    r"densenet161": ("features",),
}


def paper_layers(spec: str) -> tuple[str, ...]:
    """Those of the architecture that ``spec`` names, a library's. Raises ``NetdissectError`` if there are none."""
    library, _, name = spec.partition(":")
    for pattern, layers in _LAYERS.items():
        if library in ("netdissect", "torchvision", "timm") and re.fullmatch(pattern, name.partition(".")[0]):
            return layers
    known = "AlexNet, VGG-16, GoogLeNet, ResNet, DenseNet-161, CaffeNet of a library"
    raise NetdissectError(f"the layers that the paper dissects are known of {known}, not of {spec or 'this network'}")
