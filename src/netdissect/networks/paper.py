"""The layers that the paper dissects in each architecture, by their names in torchvision and timm."""

import re

from netdissect.types import NetdissectError

#: The name that stands for these layers.
PAPER = "paper"

#: Layers by a pattern of the architecture's name. They are taken after the ReLU, since the authors' networks work in
#: place; torchvision's DenseNet is the exception, since its last ReLU is no module. The paper compares five layers of
#: AlexNet, and the last layers of the other networks.
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
    """Return the paper's layers of the architecture ``spec``. Raises ``NetdissectError`` if there are none.

    >>> paper_layers("torchvision:resnet18")
    ('layer4',)
    """
    library, _, name = spec.partition(":")
    for pattern, layers in _LAYERS.items():
        if library in ("netdissect", "torchvision", "timm") and re.fullmatch(pattern, name.partition(".")[0]):
            return layers
    known = "AlexNet, VGG-16, GoogLeNet, ResNet, DenseNet-161, CaffeNet of a library"
    raise NetdissectError(f"the layers that the paper dissects are known of {known}, not of {spec or 'this network'}")
