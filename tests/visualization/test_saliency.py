"""Gradients, guided, smoothed and integrated, against networks and definitions written out."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from netdissect.inference.preprocess import Preprocess
from netdissect.visualization.saliency import Noise, gradient, guided, integrated, smoothed
from tests.visualization.small import close, noise, opened, triples

SIZE = (9, 11)
RGB = Preprocess(SIZE, (0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
BGR = Preprocess(SIZE, (0.6, 0.5, 0.4), (0.4, 0.3, 0.2), "bgr")
BGR_255 = Preprocess(SIZE, (102.9, 115.0, 122.8), (1.0, 1.0, 1.0), "bgr", 255)
GRAY = Preprocess(SIZE, (0.45,), (0.25,), "gray")
GRAY_255 = Preprocess(SIZE, (110.0,), (64.0,), "gray", 255)


def network(preprocess=RGB, rectifier=nn.ReLU):
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(preprocess.channel_count, 6, 3, stride=2, padding=1),
        rectifier(),
        nn.Conv2d(6, 5, 3),
        nn.BatchNorm2d(5),
        nn.ReLU6(),
        nn.Flatten(),
        nn.Linear(60, 3),
    )


def fed(images, preprocess):
    """What a network is fed of RGB in 0..1, channel by channel."""
    red, green, blue = images.unbind(1)
    channels = {
        "rgb": (red, green, blue),
        "bgr": (blue, green, red),
        "gray": (0.299 * red + 0.587 * green + 0.114 * blue,),
    }[preprocess.channels]
    scaled = [
        (channel * preprocess.value_range - mean) / std
        for channel, mean, std in zip(channels, preprocess.mean, preprocess.std, strict=True)
    ]
    return torch.stack(scaled, dim=1)


def written_out(model, images, preprocess):
    """The maps after the ReLU6, and the classes."""
    x = F.relu(F.conv2d(fed(images, preprocess), model[0].weight, model[0].bias, stride=2, padding=1))
    x = F.conv2d(x, model[2].weight, model[2].bias)
    norm = model[3]
    x = F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)
    maps = x.clamp(0, 6)
    return maps, F.linear(maps.flatten(1), model[6].weight, model[6].bias)


@pytest.mark.parametrize(
    "preprocess", [RGB, BGR, BGR_255, GRAY, GRAY_255], ids=lambda p: f"{p.channels} {p.value_range}"
)
def test_gradient_equals_autograd(preprocess):
    model, images = network(preprocess), noise(3, 3, *SIZE)
    asked = [(0, 2, 1), (4, 0, 0), (3, 1, 3)]
    with opened(model, "4", preprocess) as activations:
        found = gradient(activations, images, *triples(*asked))
    with opened(model, "6", preprocess) as activations:
        of_class = gradient(activations, images, *triples((2, 0, 0), (0, 0, 0), (2, 0, 0)))
    leaf = images.clone().requires_grad_()
    maps, classes = written_out(model, leaf, preprocess)
    for place, (unit, row, column) in enumerate(asked):
        (expected,) = torch.autograd.grad(maps[place, unit, row, column], leaf, retain_graph=True)
        assert close(found[place], expected[place])
    (expected,) = torch.autograd.grad(classes[0, 2] + classes[1, 0] + classes[2, 2], leaf)
    assert expected.any() and close(of_class, expected)


def test_what_a_module_is_given_and_units_of_a_basis():
    model, images, basis = network(), noise(2, 3, *SIZE), noise(3, 6) - 0.5
    with opened(model, "2@input", RGB, basis) as activations:
        found = gradient(activations, images, *triples((2, 4, 0), (0, 1, 5)))
    leaf = images.clone().requires_grad_()
    maps = F.relu(model[0](fed(leaf, RGB)))
    total = (basis[2] * maps[0, :, 4, 0]).sum() + (basis[0] * maps[1, :, 1, 5]).sum()
    assert close(found, torch.autograd.grad(total, leaf)[0])


def test_guided_equals_its_definition():
    """A rectifier lets a signal through where it is positive, and the rectifier was open."""
    model, images = network(BGR), noise(1, 3, *SIZE)
    with opened(model, "6", BGR) as activations:
        found = guided(activations, images, *triples((1, 0, 0)))
    with torch.no_grad():
        x = fed(images, BGR)
        a = model[0](x)
        b = model.eval()[3](model[2](F.relu(a)))
        signal = model[6].weight[1].reshape(b.shape).clone()

        def let_through(signal, given, highest):
            for place in torch.cartesian_prod(*map(torch.arange, given.shape)).tolist():
                if signal[tuple(place)] < 0 or not 0 < given[tuple(place)] < highest:
                    signal[tuple(place)] = 0

        let_through(signal, b, 6)
        scale = model[3].weight / (model[3].running_var + model[3].eps).sqrt()
        signal = F.conv_transpose2d(signal * scale[:, None, None], model[2].weight)
        let_through(signal, a, float("inf"))
        signal = F.conv_transpose2d(signal, model[0].weight, stride=2, padding=1, output_padding=(0, 0))
        expected = (signal / torch.tensor(BGR.std)[:, None, None]).flip(1)
    assert expected.any() and close(found, expected)


def test_smoothed_is_the_mean_gradient_at_noisy_images():
    model, images = network(), noise(2, 3, *SIZE)
    units, positions = triples((0, 2, 1), (3, 1, 3))
    with opened(model, "4", RGB) as activations:
        found = smoothed(activations, images, units, positions, Noise(4, 0.3, seed=7))
        alone = smoothed(activations, images[1:], units[1:], positions[1:], Noise(4, 0.3, seed=7))
        other = smoothed(activations, images, units, positions, Noise(4, 0.3, seed=8))
    generator = torch.Generator().manual_seed(7)
    expected = torch.zeros_like(images)
    for _ in range(4):
        leaf = (images + 0.3 * torch.randn(3, *SIZE, generator=generator)).requires_grad_()
        maps, _ = written_out(model, leaf, RGB)
        expected += torch.autograd.grad(maps[0, 0, 2, 1] + maps[1, 3, 1, 3], leaf)[0] / 4
    assert close(found, expected) and close(alone, found[1:])
    assert not close(other, found, 0.1)


def test_integrated_gradients():
    """Along the straight line from black; smooth rectifiers, so that a sum of a few terms is nearly the integral."""
    model, images = network(BGR, nn.Softplus)[:3], noise(2, 3, *SIZE)
    units, positions = triples((0, 2, 1), (3, 1, 3))
    with opened(model, "2", BGR) as activations:
        found = integrated(activations, images, units, positions, steps=20)
        maps, black = activations(images), activations(torch.zeros_like(images))
    expected, steps = torch.zeros_like(images), 60
    for step in range(steps):
        leaf = ((step + 0.5) / steps * images).requires_grad_()
        each = model(fed(leaf, BGR))
        expected += images * torch.autograd.grad(each[0, 0, 2, 1] + each[1, 3, 1, 3], leaf)[0] / steps
    assert close(found, expected, 1e-3)
    rise = (maps - black)[(torch.arange(2), units, *positions.unbind(1))]
    assert close(found.sum(dim=(1, 2, 3)), rise, 1e-4)


class Tokens(nn.Module):
    """A transformer over patches; its rectifier is within the library's own module."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.patches = nn.Conv2d(3, 8, 3, stride=3)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.last = nn.Linear(8, 4)

    def forward(self, images):
        return self.last(self.block(self.patches(images).flatten(2).transpose(1, 2)).mean(dim=1))


@pytest.mark.parametrize(("layer", "position"), [("block", (1, 2)), ("last", (0, 0))])
def test_transformers(layer, position):
    model, images = Tokens().eval(), noise(1, 3, *SIZE)
    with opened(model, layer, RGB) as activations:
        found = gradient(activations, images, *triples((3, *position)))
        other = guided(activations, images, *triples((3, *position)))
    leaf = images.clone().requires_grad_()
    tokens = model.block(model.patches(fed(leaf, RGB)).flatten(2).transpose(1, 2))
    value = tokens[0, 1 * 3 + 2, 3] if layer == "block" else model.last(tokens.mean(dim=1))[0, 3]
    assert close(found, torch.autograd.grad(value, leaf)[0])
    assert other.isfinite().all() and other.any() and not close(other, found, 0.01)


def test_the_same_again_without_warnings_or_the_callers_random_numbers(recwarn):
    with opened(network(), "6", RGB) as activations:
        asked = (noise(2, 3, *SIZE), *triples((0, 0, 0), (1, 0, 0)))
        before = torch.get_rng_state()
        for way in (partial(smoothed, noise=Noise(3)), partial(integrated, steps=3)):
            assert torch.equal(way(activations, *asked), way(activations, *asked))
        assert torch.equal(torch.get_rng_state(), before)
    assert not recwarn.list
