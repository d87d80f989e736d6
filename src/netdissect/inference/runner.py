"""A network with all that running it takes, and its passes over batches of images."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

import attrs
import torch
from jaxtyping import Float
from torch import Tensor, nn

from netdissect.inference.capture import Passes, Take, capture
from netdissect.inference.preprocess import Preprocess, choose_preprocess
from netdissect.inference.reader import Batch, Reader
from netdissect.network_settings import NetworkSettings
from netdissect.networks.expected import Expected
from netdissect.networks.layers import LayerInfo, find_layers
from netdissect.networks.load import LoadedModel, load_model
from netdissect.networks.running import device_of, evaluating, forward, out_of_memory
from netdissect.types import NetdissectError, one_line

_SettingsType = TypeVar("_SettingsType", bound=NetworkSettings)

#: A network as a caller gives it.
ModelChoice = nn.Module | LoadedModel | str

#: Runs the network on a batch.
RunBatch = Callable[[Batch], None]


@dataclass(frozen=True, eq=False)
class NetworkRunner:
    """A network, how its input is made, and how it is run."""

    loaded: LoadedModel
    preprocess: Preprocess
    device: torch.device
    settings: NetworkSettings

    @property
    def model(self) -> nn.Module:
        """The network itself."""
        return self.loaded.model

    @property
    def precision(self) -> torch.dtype:
        """The number type in which the network is run where that is lower than its own."""
        precision: torch.dtype = getattr(torch, self.settings.precision)
        return precision

    @property
    def counting_device(self) -> torch.device:
        """The device that counts: MPS lacks operations for it, and shares its memory with the CPU."""
        return torch.device("cpu") if self.device.type == "mps" else self.device

    @property
    def black_image(self) -> Float[Tensor, "1 channels H W"]:
        """A black image as the network takes it."""
        return torch.zeros(1, self.preprocess.channel_count, *self.preprocess.size, dtype=torch.float32)

    def completed(self, settings: _SettingsType) -> _SettingsType:
        """Return the settings with the size, mean, deviation, channels, range and device that hold."""
        preprocess = self.preprocess
        return attrs.evolve(
            settings,
            size=preprocess.size,
            mean=preprocess.mean,
            std=preprocess.std,
            channels=preprocess.channels,
            value_range=preprocess.value_range,
            device=str(self.device),
        )

    def find_layers(self, names: Sequence[str], image: Float[Tensor, "1 channels H W"]) -> list[LayerInfo]:
        """Return the layers that ``names`` mean, from a pass over ``image``; see ``networks.layers.find_layers``."""
        layout, spec = self.settings.layout, self.loaded.spec
        return find_layers(self.model, names, image.contiguous(), layout=layout, spec=spec)

    @contextmanager
    def ready(self) -> Iterator[None]:
        """Keep the network in evaluation mode on its device while the block lasts, then put it back."""
        home = device_of(self.model) or self.device
        with evaluating(self.model):
            try:
                if home != self.device:
                    _move(self.model, self.device)
                yield
            finally:
                if home != self.device:
                    self.model.to(home)

    @contextmanager
    def capturing(self, layers: Sequence[LayerInfo], reader: Reader, take: Take) -> Iterator[RunBatch]:
        """Give a function that runs the network on a batch of ``reader``, and hands to ``take`` what layers return."""
        sources = {layer.name: layer.source for layer in layers}
        with self.ready():
            memory_format = self._memory_format(reader)
            with capture(self.model, sources, take) as passes:
                yield lambda batch: self._run(batch, passes, memory_format)

    def _run(self, batch: Batch, passes: Passes, memory_format: torch.memory_format) -> None:
        pixels = batch.pixels.pin_memory() if self.device.type == "cuda" else batch.pixels
        images = self.preprocess.normalize(pixels.to(self.device, non_blocking=True))
        lower = self.precision != torch.float32
        passes.begin()
        try:
            with torch.autocast(self.device.type, self.precision) if lower else nullcontext():
                forward(self.model, images.contiguous(memory_format=memory_format))
            passes.check()
        except torch.OutOfMemoryError as error:
            raise out_of_memory(len(batch.indices)) from error

    def _memory_format(self, reader: Reader) -> torch.memory_format:
        """Try channels-last, which convolutions on a CPU are faster with, on one image: some networks refuse it."""
        if self.device.type == "cpu":
            try:
                forward(self.model, reader.first().contiguous(memory_format=torch.channels_last))
                return torch.channels_last
            except NetdissectError:
                pass
        return torch.contiguous_format


def prepare(model: ModelChoice, settings: NetworkSettings, *, seed: int = 0) -> NetworkRunner:
    """Return the network, opened if it is a name, ready to be run as the settings say.

    ``seed`` is the seed of random weights. Raises ``NetdissectError`` for a network that cannot be built, and for a
    device or a preprocessing that cannot be.

    >>> runner = prepare("netdissect.networks.demo:demo_network", NetworkSettings(size=(56, 64)))
    >>> runner.preprocess.size, str(runner.device)
    ((56, 64), 'cpu')
    """
    loaded = _open(model, seed)
    device = _choose_device(loaded.model, settings)
    preprocess = choose_preprocess(loaded.expected, settings)
    return NetworkRunner(loaded, preprocess, device, settings)


def _open(model: ModelChoice, seed: int) -> LoadedModel:
    if isinstance(model, str):
        return load_model(model, seed=seed)
    if isinstance(model, nn.Module):
        return LoadedModel(model, type(model).__name__, None, Expected())
    return model


def _choose_device(model: nn.Module, settings: NetworkSettings) -> torch.device:
    device = _named_device(model, settings.device)
    if settings.precision == "float16" and device.type == "cpu":
        raise NetdissectError("float16 is for GPUs; a CPU takes bfloat16")
    return device


def _named_device(model: nn.Module, name: str | None) -> torch.device:
    """Return the device of the name: None is where the model is, ``auto`` a GPU if there is one."""
    if name is None:
        return device_of(model) or torch.device("cpu")
    if name == "auto":
        kind = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device(kind)
    try:
        torch.zeros(1, device=name).item()
        return torch.device(name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise NetdissectError(f"device {name!r} cannot be used: {one_line(error)}") from error


def _move(model: nn.Module, device: torch.device) -> None:
    try:
        model.to(device)
    except (RuntimeError, TypeError) as error:  # too large for it, or of a precision it lacks
        raise NetdissectError(f"the network cannot be moved to {device}: {one_line(error)}") from error
