"""The demo network: four convolutions, and a score for every concept of the scenes."""

from importlib.resources import as_file, files

import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn

#: The name of the network for ``load_model``.
DEMO_SPEC = "netdissect.networks.demo:demo_network"

#: The layers that the demo dissects, from shallow to deep.
DEMO_LAYERS = ("relu2", "relu3", "relu4")

#: The height and width of images in pixels.
DEMO_SIZE = 112


class DemoNetwork(nn.Module):
    """The demo network: from images ``(n, 3, H, W)``, normalized as for ImageNet, to scores ``(n, concepts)``.

    It learns concepts from their presence in images alone, not from their positions.
    """

    def __init__(self, concepts: int) -> None:
        super().__init__()
        self.conv1, self.norm1, self.relu1 = _convolution(3, 32, 5, stride=2)
        self.conv2, self.norm2, self.relu2 = _convolution(32, 64, 3)
        self.pool2 = nn.MaxPool2d(2)
        self.conv3, self.norm3, self.relu3 = _convolution(64, 96, 3)
        self.pool3 = nn.MaxPool2d(2)
        self.conv4, self.norm4, self.relu4 = _convolution(96, 128, 3)
        self.scores = nn.Linear(2 * 128, concepts)

    def forward(self, images: Float[Tensor, "n 3 H W"]) -> Float[Tensor, "n c"]:
        x = self.relu1(self.norm1(self.conv1(images)))
        x = self.pool2(self.relu2(self.norm2(self.conv2(x))))
        x = self.pool3(self.relu3(self.norm3(self.conv3(x))))
        x = self.relu4(self.norm4(self.conv4(x)))
        return self.scores(torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1))


def demo_network() -> DemoNetwork:
    """Return the network with the weights that come with the package, in evaluation mode.

    >>> demo_network().conv1.weight.shape
    torch.Size([32, 3, 5, 5])
    """
    with as_file(files("netdissect.networks.demo") / "weights.safetensors") as path:
        weights = load_file(path)
    model = DemoNetwork(concepts=len(weights["scores.bias"]))
    model.load_state_dict(weights)
    return model.eval()


def _convolution(channels: int, units: int, size: int, stride: int = 1) -> tuple[nn.Conv2d, nn.BatchNorm2d, nn.ReLU]:
    """Return a padded convolution, its batch normalization and its ReLU."""
    convolution = nn.Conv2d(channels, units, size, stride=stride, padding=size // 2, bias=False)
    return convolution, nn.BatchNorm2d(units), nn.ReLU()
