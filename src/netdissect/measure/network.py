"""Running a network over batches, while what its layers return is captured."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

import torch
from torch import nn

from netdissect.engine.batches import Batch, Reader
from netdissect.engine.capture import Passes, Take, capture
from netdissect.networks.layers import LayerInfo
from netdissect.networks.running import device_of, evaluating, forward
from netdissect.types import NetdissectError, one_line


@contextmanager
def running(
    model: nn.Module,
    layers: Sequence[LayerInfo],
    reader: Reader,
    device: torch.device,
    precision: torch.dtype,
    take: Take,
) -> Iterator["Network"]:
    """The network, ready for batches of ``reader``: ``take`` is given what ``layers`` return.

    It is in evaluation mode on ``device``, run with ``precision`` where that is lower than its own, and put back as it
    was when the block ends.
    """
    sources = {layer.name: layer.source for layer in layers}
    with prepared(model, device):
        memory_format = _memory_format(model, reader, device)
        with capture(model, sources, take) as passes:
            yield Network(model, passes, reader, device, precision, memory_format)


def counting_device(device: torch.device) -> torch.device:
    """Where to count what a network returns on ``device``.

    Counting needs operations that MPS lacks or limits; its memory is the CPU's, so that moving costs little.
    """
    return torch.device("cpu") if device.type == "mps" else device


class Network:
    """Runs a network on batches in full or lower precision, while ``passes`` capture its layers."""

    def __init__(
        self,
        model: nn.Module,
        passes: Passes,
        reader: Reader,
        device: torch.device,
        precision: torch.dtype,
        memory_format: torch.memory_format,
    ) -> None:
        self.model = model
        self.passes = passes
        self.reader = reader
        self.device = device
        self.precision = precision
        self.memory_format = memory_format

    def __call__(self, batch: Batch) -> None:
        pixels = batch.pixels.pin_memory() if self.device.type == "cuda" else batch.pixels
        images = self.reader.preprocess.normalize(pixels.to(self.device, non_blocking=True))
        lower = self.precision != torch.float32
        self.passes.begin()
        with torch.autocast(self.device.type, self.precision) if lower else nullcontext():
            forward(self.model, images.contiguous(memory_format=self.memory_format))
        if self.passes.failure is not None:
            raise self.passes.failure
        for layer in self.passes.sources:
            if layer not in self.passes.taken:
                raise NetdissectError(f"layer {layer} is not used in every forward pass")


def _memory_format(model: nn.Module, reader: Reader, device: torch.device) -> torch.memory_format:
    """Convolutions on a CPU are faster on channels-last images, but some networks do not take these: one is tried."""
    if device.type == "cpu":
        try:
            forward(model, reader.first().contiguous(memory_format=torch.channels_last))
            return torch.channels_last
        except NetdissectError:
            pass
    return torch.contiguous_format


@contextmanager
def prepared(model: nn.Module, device: torch.device) -> Iterator[None]:
    """The model on ``device`` and in evaluation mode, and put back where and as it was."""
    home = device_of(model) or device
    with evaluating(model):
        try:
            if home != device:
                _move(model, device)
            yield
        finally:
            if home != device:
                model.to(home)


def _move(model: nn.Module, device: torch.device) -> None:
    try:
        model.to(device)
    except (RuntimeError, TypeError) as error:  # too large for it, or of a precision it lacks
        raise NetdissectError(f"the network cannot be moved to {device}: {one_line(error)}") from error
