"""CaffeNet, Caffe's version of AlexNet: the network behind the paper's AlexNet results."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from netdissect.types import NetdissectError

#: The images that the published weights expect: pixels (H, W), the order of channels, the value of white, and the mean
#: and deviation of the channels, in their order and range.
CAFFENET_SIZE = (227, 227)
CAFFENET_CHANNELS = "bgr"
CAFFENET_RANGE = 255
CAFFENET_MEAN = (109.5388, 118.6897, 124.6901)
CAFFENET_STD = (1.0, 1.0, 1.0)

#: The layers without weights that exist in two orders.
_POOL_FIRST = ["pool1", "norm1", "pool2", "norm2"]
_NORM_FIRST = ["norm1", "pool1", "norm2", "pool2"]


class ConvolutionReLU(nn.Conv2d):
    """A convolution with a ReLU after it: in Caffe, ReLUs change the layer's output in place."""

    def reset_parameters(self) -> None:
        _keep_scale(self.weight, self.bias)

    def forward(self, input: Float[Tensor, "n channels h w"]) -> Float[Tensor, "n u oh ow"]:
        return functional.relu(super().forward(input), inplace=True)


class LinearReLU(nn.Linear):
    """A fully connected layer with a ReLU after it: in Caffe, ReLUs change the layer's output in place."""

    def reset_parameters(self) -> None:
        _keep_scale(self.weight, self.bias)

    def forward(self, input: Float[Tensor, "n inputs"]) -> Float[Tensor, "n u"]:
        return functional.relu(super().forward(input), inplace=True)


class CaffeNet(nn.Module):
    """CaffeNet: from images ``(n, 3, 227, 227)``, BGR in 0..255 less the mean, to scores ``(n, classes)``.

    Scores are those before the softmax. Layers have Caffe's names; layers with weights, from ``conv1`` to ``fc7``,
    include the ReLU. CaffeNet pools before it normalizes; with ``norm_first`` it normalizes first, as the original
    AlexNet.
    """

    def __init__(self, num_classes: int = 1000, norm_first: bool = False) -> None:
        super().__init__()
        self.norm_first = norm_first
        self.conv1 = ConvolutionReLU(3, 96, 11, stride=4)
        self.pool1 = _pooling()
        self.norm1 = _normalization()
        self.conv2 = ConvolutionReLU(96, 256, 5, padding=2, groups=2)
        self.pool2 = _pooling()
        self.norm2 = _normalization()
        self.conv3 = ConvolutionReLU(256, 384, 3, padding=1)
        self.conv4 = ConvolutionReLU(384, 384, 3, padding=1, groups=2)
        self.conv5 = ConvolutionReLU(384, 256, 3, padding=1, groups=2)
        self.pool5 = _pooling()
        self.fc6 = LinearReLU(256 * 6 * 6, 4096)
        self.fc7 = LinearReLU(4096, 4096)
        self.fc8 = nn.Linear(4096, num_classes)

    def forward(self, images: Float[Tensor, "n 3 H W"]) -> Float[Tensor, "n classes"]:
        x = self.conv1(images)
        x = self.pool1(self.norm1(x)) if self.norm_first else self.norm1(self.pool1(x))
        x = self.conv2(x)
        x = self.pool2(self.norm2(x)) if self.norm_first else self.norm2(self.pool2(x))
        x = self.pool5(self.conv5(self.conv4(self.conv3(x))))
        x = functional.dropout(self.fc6(torch.flatten(x, 1)), training=self.training)
        x = functional.dropout(self.fc7(x), training=self.training)
        return self.fc8(x)


def caffenet(num_classes: int = 1000, norm_first: bool = False) -> CaffeNet:
    """Return a CaffeNet with random weights, which keep activations about as large as the input.

    >>> caffenet(num_classes=10).fc8.out_features
    10
    """
    return CaffeNet(num_classes, norm_first)


def check_order(model: CaffeNet, layers: Sequence[str], source: str) -> None:
    """Raise ``NetdissectError`` if the file ``source`` pools and normalizes in another order than the model.

    ``layers`` are the file's layers in order. Weights fit in either order, so the layers must be compared. A file that
    lists no pooling or normalization passes.
    """
    own, other = (_NORM_FIRST, _POOL_FIRST) if model.norm_first else (_POOL_FIRST, _NORM_FIRST)
    found = [name for name in layers if name in own]
    if found == other:
        remedy = f"--model-arg norm_first={str(not model.norm_first).lower()}"
        raise NetdissectError(f"{source}: its network runs {found[0]} before {found[1]}: take {remedy}")
    if found and found != own:
        raise NetdissectError(f"{source}: its network has the layers {', '.join(found)}, CaffeNet {', '.join(own)}")


def _pooling() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, stride=2, ceil_mode=True)  # in Caffe the last window may reach beyond the edge


def _normalization() -> nn.LocalResponseNorm:
    return nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0)  # torch divides alpha by the size, as Caffe does


def _keep_scale(weight: Tensor, bias: Tensor | None) -> None:
    """Draw weights that keep the mean square of activations through layer and ReLU; torch's own divide it by six."""
    nn.init.kaiming_normal_(weight, nonlinearity="relu")
    if bias is not None:
        nn.init.zeros_(bias)
