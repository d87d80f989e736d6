"""Where in a network's pass activations are found: what a module returns, is given, or computes on the way."""

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

#: What of a module may be measured: what it returns, what it is given, what its attention heads give.
OUTPUT, INPUT, HEADS = "output", "input", "heads"

#: Called with a module's name, which of the three, and the value.
See = Callable[[str, str, Any], None]


@dataclass(frozen=True)
class Source:
    """Of the module called ``module`` its ``side``; of several calls in a pass the one numbered ``call``.

    ``path`` leads to one of several tensors, in tuples by numbers and in dicts by keys.
    """

    module: str
    side: str = OUTPUT
    call: int | None = None
    path: tuple[Any, ...] = ()


def tensors_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Tensor]]:
    """The tensors in tuples, lists and dicts, each with the path that leads to it."""
    if isinstance(value, Tensor):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from tensors_in(item, (*path, key))
    elif isinstance(value, tuple | list):
        for place, item in enumerate(value):
            yield from tensors_in(item, (*path, place))


def tensor_at(value: Any, path: tuple[Any, ...]) -> Any:
    """What ``path`` leads to in ``value``; None if it leads nowhere."""
    for key in path:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return None
    return value


@contextmanager
def watched(model: nn.Module, sides: Mapping[str, frozenset[str]], see: See) -> Iterator[None]:
    """Shows ``see`` the asked ``sides`` of modules, by their names, whenever one is called; the hooks go in the end."""
    hooks = []
    try:
        for name, asked in sides.items():
            module = model.get_submodule(name)
            if INPUT in asked:
                hooks.append(module.register_forward_pre_hook(partial(_see_given, name, see), with_kwargs=True))
            if HEADS in asked:
                hooks.append(module.register_forward_hook(partial(_see_heads, name, see), with_kwargs=True))
            if OUTPUT in asked:
                hooks.append(module.register_forward_hook(partial(_see_returned, name, see)))
        yield
    finally:
        for hook in hooks:
            hook.remove()


def has_heads(module: nn.Module) -> bool:
    """Whether what the module's attention heads give can be told apart from what it returns."""
    return isinstance(module, nn.MultiheadAttention)


def _see_given(name: str, see: See, module: nn.Module, args: Any, kwargs: Any) -> None:
    see(name, INPUT, {**dict(enumerate(args)), **kwargs})


def _see_returned(name: str, see: See, module: nn.Module, args: Any, output: Any) -> None:
    see(name, OUTPUT, output)


def _see_heads(name: str, see: See, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
    """What the heads give, one beside the other: what the module returns where its last projection changes nothing."""
    unprojected = copy.copy(module)
    projection = module.get_submodule("out_proj")
    assert isinstance(projection, nn.Linear)
    unprojected._modules = {**module._modules, "out_proj": _unchanging(projection)}
    see(name, HEADS, unprojected.forward(*args, **kwargs)[0])


def _unchanging(projection: nn.Linear) -> nn.Linear:
    weight = projection.weight
    same = nn.Linear(weight.shape[1], weight.shape[1], device="meta", dtype=weight.dtype)
    same.weight = nn.Parameter(torch.eye(weight.shape[1], device=weight.device, dtype=weight.dtype), False)
    same.bias = nn.Parameter(torch.zeros(weight.shape[1], device=weight.device, dtype=weight.dtype), False)
    return same
