"""Deconvolution against transposed networks written out."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from netdissect.inference.preprocess import Preprocess
from netdissect.types import NetdissectError
from netdissect.visualization.deconvnet import project_back
from tests.visualization.small import close, noise, opened, triples

SIZE = (21, 18)
RGB = Preprocess(SIZE, (0.4, 0.5, 0.6), (0.2, 0.3, 0.4))


class Pooled(nn.Module):
    """Convolutions with bias, padding and stride, rectifiers and max pooling, written in several ways."""

    def __init__(self, way):
        super().__init__()
        torch.manual_seed(1)
        self.first = nn.Conv2d(3, 6, 5, stride=2, padding=2)
        self.second = nn.Conv2d(6, 7, 3, padding=1, bias=way != "functional")
        self.way, self.end = way, nn.Identity()
        self.steps = nn.Sequential(self.first, nn.ReLU(), nn.MaxPool2d(2), self.second, nn.ReLU(), nn.MaxPool2d(2))

    def forward(self, x):
        if self.way == "modules":
            return self.end(self.steps(x))
        for conv in (self.first, self.second):
            x = conv(x)
            if self.way == "functional":
                x = F.relu(x)
            else:
                x.relu_()
            x = F.max_pool2d(x, 2)
        return self.end(x)


def at_one_position(maps, unit, row, column):
    signal = torch.zeros_like(maps)
    signal[0, unit, row, column] = maps[0, unit, row, column]
    return signal


def transposed(conv, signal, shape):
    """The signal back through a convolution whose input had this ``shape``."""
    rows, columns = (
        length - ((maps - 1) * conv.stride[axis] - 2 * conv.padding[axis] + conv.kernel_size[axis])
        for axis, (length, maps) in enumerate(zip(shape[2:], signal.shape[2:], strict=True))
    )
    return F.conv_transpose2d(
        signal, conv.weight, stride=conv.stride, padding=conv.padding, output_padding=(rows, columns)
    )


def fed(images, preprocess=RGB):
    mean, std = (torch.tensor(values)[:, None, None] for values in (preprocess.mean, preprocess.std))
    return (images - mean) / std, std


@pytest.mark.parametrize("way", ["modules", "functional", "in place"])
def test_convolutions_rectifiers_and_max_pooling(way):
    model, images = Pooled(way), noise(4, 3, *SIZE)
    asked = [(2, 0, 1), (4, 0, 0), (6, 1, 0), (2, 1, 1)]
    with opened(model, "end", RGB) as activations:
        found = project_back(activations, images, *triples(*asked))
    for place, position in enumerate(asked):
        with torch.no_grad():
            x, std = fed(images[place : place + 1])
            a = F.relu(model.first(x))
            b, switches = F.max_pool2d(a, 2, return_indices=True)
            c = F.relu(model.second(b))
            d, last_switches = F.max_pool2d(c, 2, return_indices=True)
            signal = F.relu(F.max_unpool2d(at_one_position(d, *position), last_switches, 2, output_size=c.shape[2:]))
            signal = transposed(model.second, signal, b.shape)
            signal = F.relu(F.max_unpool2d(signal, switches, 2, output_size=a.shape[2:]))
            expected = transposed(model.first, signal, x.shape) / std
        assert expected.any() and close(found[place], expected[0])


def test_pooling_windows_that_overlap():
    """Where a value is the largest of several windows, their signals add up."""
    torch.manual_seed(2)
    conv = nn.Conv2d(3, 4, 3)
    model, images = nn.Sequential(conv, nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(4, 2, 3)), noise(1, 3, *SIZE)
    with opened(model, "3", RGB) as activations:
        found = project_back(activations, images, *triples((1, 2, 3)))
    with torch.no_grad():
        x, std = fed(images)
        a = F.relu(conv(x))
        b, switches = F.max_pool2d(a, 3, 2, return_indices=True)
        signal = transposed(model[3], at_one_position(model[3](b), 1, 2, 3), b.shape)
        unpooled = torch.zeros_like(a).flatten(2)
        for unit in range(4):
            for value, switch in zip(signal[0, unit].flatten(), switches[0, unit].flatten(), strict=True):
                unpooled[0, unit, switch] += value
        expected = transposed(conv, F.relu(unpooled.view_as(a)), x.shape) / std
    assert switches[signal != 0].unique().numel() < (signal[0] != 0).sum()  # some do overlap
    assert close(found, expected)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.convs = nn.ModuleList([nn.Conv2d(3, 5, 3, padding=1), *[nn.Conv2d(5, 5, 3, padding=1) for _ in "ab"]])
        self.norms = nn.ModuleList(nn.BatchNorm2d(5) for _ in self.convs)
        for norm in self.norms:
            for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
                nn.init.uniform_(values, 0.2, 1.5)
        self.pool, self.relu = nn.AvgPool2d(3), nn.ReLU6(inplace=True)

    def forward(self, x):
        x = self.relu(self.norms[0](self.convs[0](x)))
        y = self.relu(self.norms[1](self.convs[1](x)))
        return self.pool(self.relu(x + self.norms[2](self.convs[2](y))))


def test_residual_joins_batch_norm_and_average_pooling():
    model, images = Residual().eval(), noise(1, 3, *SIZE)
    with opened(model, "pool", RGB) as activations:
        found = project_back(activations, images, *triples((2, 3, 4)))
    with torch.no_grad():
        x, std = fed(images)
        signal = at_one_position(model(x), 2, 3, 4)
        scales = [norm.weight / (norm.running_var + norm.eps).sqrt() for norm in model.norms]

        def back(block, signal):
            return transposed(model.convs[block], scales[block][:, None, None] * signal, signal.shape)

        signal = F.relu(signal.repeat_interleave(3, 2).repeat_interleave(3, 3) / 9)
        signal = signal + back(1, F.relu(back(2, signal)))
        expected = back(0, F.relu(signal)) / std
    assert close(found, expected)


@pytest.mark.parametrize("pool", [lambda x: x.amax((2, 3)), lambda x: F.adaptive_max_pool2d(x, 1).flatten(1)])
def test_the_largest_of_a_whole_map_is_its_switch(pool):
    class Largest(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(4)
            self.conv, self.last = nn.Conv2d(3, 4, 3), nn.Linear(4, 6)

        def forward(self, x):
            return self.last(pool(self.conv(x)))

    model, images = Largest(), noise(1, 3, *SIZE)
    with opened(model, "last", RGB) as activations:
        found = project_back(activations, images, *triples((5, 0, 0)))
    with torch.no_grad():
        x, std = fed(images)
        maps = model.conv(x)
        signal = torch.zeros_like(maps).flatten(2)
        for unit in range(4):
            signal[0, unit, maps[0, unit].argmax()] = model(x)[0, 5] * model.last.weight[5, unit]
        expected = transposed(model.conv, signal.view_as(maps), x.shape) / std
    assert close(found, expected)


def test_units_of_a_basis_and_negative_activations():
    """A negative activation is a negative signal: rectifiers let through what was against it."""
    torch.manual_seed(5)
    model, images, basis = (
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3)),
        noise(1, 3, *SIZE),
        -noise(2, 5),
    )
    with opened(model, "2", RGB, basis) as activations:
        found = project_back(activations, images, *triples((1, 4, 6)))
    with torch.no_grad():
        x, std = fed(images)
        maps = model(x)
        activation = basis[1] @ maps[0, :, 4, 6]
        signal = torch.zeros_like(maps)
        signal[0, :, 4, 6] = activation * basis[1]
        signal = F.relu(transposed(model[2], signal, model[0](x).shape))
        expected = transposed(model[0], signal, x.shape) / std
    assert close(found, expected)
    with opened(model, "2", RGB, -basis) as activations:
        assert close(project_back(activations, images, *triples((1, 4, 6))), expected)


@pytest.mark.parametrize("asked", [(7, 0, 0), (-1, 0, 0), (0, 3, 0), (0, 0, 2), (0, 0, -1)])
def test_units_and_positions_that_are_not_there(asked):
    with (
        opened(Pooled("modules"), "end", RGB) as activations,
        pytest.raises(NetdissectError, match=r"layer end has no unit .* its maps are \(7, 2, 2\)"),
    ):
        project_back(activations, noise(2, 3, *SIZE), *triples((0, 0, 0), asked))
