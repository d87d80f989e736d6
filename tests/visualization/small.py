"""Opening the activations of small networks."""

from contextlib import contextmanager

import torch

from netdissect.bases import choose_views
from netdissect.inference.differentiate import differentiating
from netdissect.inference.preprocess import Preprocess
from netdissect.networks.layers import find_layers
from tests.runners import runner_of

#: Networks are fed pixels as they are.
PLAIN = Preprocess((8, 8), (0.0,) * 3, (1.0,) * 3)


@contextmanager
def opened(model, name, preprocess=PLAIN, basis=None):
    image = torch.zeros(1, preprocess.channel_count, *preprocess.size)
    (layer,) = find_layers(model, [name], image)
    with differentiating(runner_of(model, preprocess), choose_views([layer], basis)[0]) as activations:
        yield activations


def noise(*shape, seed=0):
    """Numbers in 0..1."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def close(one, other, relative=1e-5):
    """Equal but for rounding. (``torch.testing`` takes seconds to import.)"""
    return one.shape == other.shape and bool((one - other).abs().max() <= relative * other.abs().max())


def triples(*each):
    """Units and positions from (unit, row, column)."""
    indices = torch.tensor(each)
    return indices[:, 0], indices[:, 1:]


def state(model):
    """All that looking at a network must leave as it was."""
    modules = dict(model.named_modules())
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return (
        {name: module.training for name, module in modules.items()},
        {
            name: (len(module._forward_hooks), len(module._forward_pre_hooks), len(module._backward_hooks))
            for name, module in modules.items()
        },
        {name: (tensor.requires_grad, tensor.grad is None) for name, tensor in tensors.items()},
        {name: tensor.tolist() for name, tensor in tensors.items()},
    )
