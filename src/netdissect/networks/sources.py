"""Sources of activations in a network's pass: the output of a module, its input, or its attention heads."""

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

#: The sides of a module that can be measured: its output, its input, and the output of its attention heads.
OUTPUT, INPUT, HEADS = "output", "input", "heads"

#: Called with a module's name, the side, and the value.
TakeValue = Callable[[str, str, Any], None]


@dataclass(frozen=True)
class Source:
    """A ``side`` of the module called ``module``; ``call`` is the index of one of several calls in a pass.

    ``path`` leads to one of several tensors: by indices in tuples, by keys in dicts.
    """

    module: str
    side: str = OUTPUT
    call: int | None = None
    path: tuple[Any, ...] = ()


def tensors_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Tensor]]:
    """Yield the tensors in tuples, lists and dicts, each with the path that leads to it.

    >>> [path for path, _ in tensors_in({"out": torch.zeros(1), "list": [None, torch.zeros(1)]})]
    [('out',), ('list', 1)]
    """
    if isinstance(value, Tensor):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from tensors_in(item, (*path, key))
    elif isinstance(value, tuple | list):
        for index, item in enumerate(value):
            yield from tensors_in(item, (*path, index))


def tensor_at(value: Any, path: tuple[Any, ...]) -> Any:
    """Return the item of ``value`` that ``path`` leads to, None if there is none.

    >>> tensor_at({"list": [4, 5]}, ("list", 1)), tensor_at((1, 2), (3,))
    (5, None)
    """
    for key in path:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return None
    return value


@contextmanager
def watched(model: nn.Module, sides: Mapping[str, frozenset[str]], take: TakeValue) -> Iterator[None]:
    """Give ``take`` the ``sides`` of modules, which are listed by name, at each call while the block lasts.

    >>> network = nn.Sequential(nn.ReLU())
    >>> with watched(network, {"0": frozenset([OUTPUT])}, lambda module, side, value: print(module, side, value)):
    ...     _ = network(torch.tensor([-1.0, 1.0]))
    0 output tensor([0., 1.])
    """
    hooks = []
    try:
        for name, asked in sides.items():
            module = model.get_submodule(name)
            if INPUT in asked:
                hooks.append(module.register_forward_pre_hook(partial(_take_given, name, take), with_kwargs=True))
            if HEADS in asked:
                hooks.append(module.register_forward_hook(partial(_take_heads, name, take), with_kwargs=True))
            if OUTPUT in asked:
                hooks.append(module.register_forward_hook(partial(_take_returned, name, take)))
        yield
    finally:
        for hook in hooks:
            hook.remove()


def has_heads(module: nn.Module) -> bool:
    """Return whether the output of the module's attention heads can be computed apart from its own output."""
    return isinstance(module, nn.MultiheadAttention)


def _take_given(name: str, take: TakeValue, module: nn.Module, args: Any, kwargs: Any) -> None:
    take(name, INPUT, {**dict(enumerate(args)), **kwargs})


def _take_returned(name: str, take: TakeValue, module: nn.Module, args: Any, output: Any) -> None:
    take(name, OUTPUT, output)


def _take_heads(name: str, take: TakeValue, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
    """Take the heads' outputs side by side: the module's output with an identity as its last projection."""
    unprojected = copy.copy(module)
    projection = module.get_submodule("out_proj")
    assert isinstance(projection, nn.Linear)
    unprojected._modules = {**module._modules, "out_proj": _identity(projection)}
    take(name, HEADS, unprojected.forward(*args, **kwargs)[0])


def _identity(projection: nn.Linear) -> nn.Linear:
    """Return the identity in place of a projection, on its device and in its precision."""
    weight = projection.weight
    same = nn.Linear(weight.shape[1], weight.shape[1], device="meta", dtype=weight.dtype)
    same.weight = nn.Parameter(torch.eye(weight.shape[1], device=weight.device, dtype=weight.dtype), False)
    same.bias = nn.Parameter(torch.zeros(weight.shape[1], device=weight.device, dtype=weight.dtype), False)
    return same
