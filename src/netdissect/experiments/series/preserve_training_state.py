"""Preserving the state of a training while its network is used for something else."""

import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from netdissect.networks.running import device_of

#: Settings of cuDNN that a network may change.
_CUDNN = ("enabled", "benchmark", "deterministic")


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the network within the wrapper of ``torch.compile``, ``DataParallel`` or ``DistributedDataParallel``.

    >>> unwrapped(nn.DataParallel(nn.ReLU()))
    ReLU()
    """
    while True:
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            model = model.module
        elif isinstance(getattr(model, "_orig_mod", None), nn.Module):
            model = model.get_submodule("_orig_mod")
        else:
            return model


@contextmanager
def preserve_training_state(model: nn.Module) -> Iterator[None]:
    """Restore the state of a training after the block, also if it raises.

    Restored are buffers, ``requires_grad`` of parameters, random states (Python's, numpy's, torch's on CPU and CUDA)
    and torch's settings; ``dissect`` itself restores modes of modules, hooks and the mode of gradients. Within the
    block autocast is off, since its cache kept weights without gradients in older versions of torch, and nothing is
    compiled.
    """
    with ExitStack() as stack:
        for keep in (_settings(), _random_states(), _requires_grad(model), _buffers(model)):
            stack.enter_context(keep)
        for kind in {"cpu", (device_of(model) or torch.device("cpu")).type}:
            stack.enter_context(torch.autocast(kind, enabled=False, cache_enabled=False))
        if "torch._dynamo" in sys.modules and hasattr(torch.compiler, "set_stance"):  # torch 2.6
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        yield


@contextmanager
def _settings() -> Iterator[None]:
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    cudnn = {name: getattr(torch.backends.cudnn, name) for name in _CUDNN}
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)
        for name, value in cudnn.items():
            if getattr(torch.backends.cudnn, name) != value:
                setattr(torch.backends.cudnn, name, value)


@contextmanager
def _random_states() -> Iterator[None]:
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002


@contextmanager
def _requires_grad(model: nn.Module) -> Iterator[None]:
    before = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        yield
    finally:
        for parameter, wanted in before:
            parameter.requires_grad_(wanted)


@contextmanager
def _buffers(model: nn.Module) -> Iterator[None]:
    """Restore buffers and their values. An unchanged buffer is not written, since backward may need it."""
    modules = [(module, dict(module._buffers)) for module in model.modules()]
    values = {buffer: buffer.clone() for _, own in modules for buffer in own.values() if buffer is not None}
    try:
        yield
    finally:
        for module, own in modules:
            module._buffers.clear()
            module._buffers.update(own)
        with torch.no_grad():
            for buffer, value in values.items():
                if not _same(buffer, value):
                    buffer.copy_(value)


def _same(first: Tensor, second: Tensor) -> bool:
    """Return whether all values are equal; NaN equals NaN."""
    if not first.is_floating_point() or first.shape != second.shape:
        return torch.equal(first, second)
    return bool(((first == second) | (first.isnan() & second.isnan())).all())
