"""Weights: reading them from a file without running code, loading them into a network, hashing them."""

import hashlib
import inspect
import pickle
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from netdissect.networks.caffemodel import read_caffemodel
from netdissect.types import NetdissectError, one_line

#: Keys of checkpoints that hold the weights, or the whole network.
_WRAPPERS = ("state_dict", "model")

#: Keys of checkpoints for the step of training at which they were saved, the finest first.
STEP_NAMES = ("step", "global_step", "iteration", "epoch")

#: ``DataParallel`` and its kin put this before every name.
_PREFIX = "module."

#: Counters that old checkpoints lack and evaluation does not read.
_HARMLESS = ".num_batches_tracked"

#: Old names in a DenseNet, such as ``denselayer1.norm.1.weight``: modules' names once had dots.
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d)\.")


class Weights(NamedTuple):
    """The contents of a file of weights: tensors by name, and the metadata of a safetensors file.

    ``layers`` are the layers of a Caffe model, in the order in which they run. ``steps`` are the steps of training that
    the file states, by ``STEP_NAMES``.
    """

    state: dict[str, Tensor]
    metadata: dict[str, str]
    layers: tuple[str, ...] = ()
    steps: Mapping[str, int] = MappingProxyType({})


def read_weights(path: Path, *, trust_pickle: bool = False) -> Weights:
    """Read a ``.safetensors`` file, a ``.caffemodel``, or a torch file of any version, Python 2 included.

    A state dict may be under ``state_dict`` or ``model``, and its names may begin with ``module.``. A pickle that would
    run code is refused unless ``trust_pickle``. Raises ``NetdissectError``.

    >>> read_weights(Path("none.pth"))
    Traceback (most recent call last):
    netdissect.types.NetdissectError: none.pth: no such file of weights
    """
    if path.suffix == ".caffemodel":
        caffe_model = read_caffemodel(path)
        return Weights(caffe_model.state, {}, caffe_model.layers)
    if not path.is_file():
        raise NetdissectError(f"{path}: no such file of weights")
    metadata: dict[str, str] = {}
    if path.suffix == ".safetensors":
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                found: Any = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise NetdissectError(f"{path}: not a safetensors file: {one_line(error)}") from error
    else:
        found = _unpickle(path, trust_pickle)
    steps = _steps(metadata if path.suffix == ".safetensors" else found)
    found = _unwrapped(found)
    state = found.state_dict() if isinstance(found, nn.Module) else found
    if (
        not isinstance(state, Mapping)
        or not state
        or not all(isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items())
    ):
        raise NetdissectError(f"{path}: holds no state dict, neither at the top nor under {' or '.join(_WRAPPERS)}")
    if all(name.startswith(_PREFIX) for name in state):
        state = {name.removeprefix(_PREFIX): value for name, value in state.items()}
    return Weights(dict(state), metadata, steps=steps)


def read_network(path: Path, *, trust_pickle: bool = False) -> nn.Module:
    """Read the whole network in a torch file, at the top or under ``model`` or ``state_dict``.

    Unpickling it may run any code, so it is refused unless ``trust_pickle``. Raises ``NetdissectError``.

    >>> read_network(Path("none.pth"))
    Traceback (most recent call last):
    netdissect.types.NetdissectError: none.pth: no such file of a network
    """
    if not path.is_file():
        raise NetdissectError(f"{path}: no such file of a network")
    no_pickle = path.suffix in (".safetensors", ".caffemodel")
    found = None if no_pickle else _unwrapped(_unpickle(path, trust_pickle))
    if isinstance(found, nn.DataParallel):
        return found.module
    if not isinstance(found, nn.Module):
        raise NetdissectError(f"{path}: holds no network; if it holds weights, name a MODEL and give it to --weights")
    return found


def load_weights(model: nn.Module, state: Mapping[str, Tensor], source: str, build: Callable[..., Any]) -> None:
    """Load ``state`` into ``model``. Raises ``NetdissectError`` with the first differences if it does not fit.

    ``source`` names the weights in the error. ``build`` is the builder of the model: if only the number of classes
    differs, the error names the builder's argument for it.

    >>> load_weights(nn.Linear(2, 3), nn.Linear(2, 5).state_dict(), "w.pth", nn.Linear)
    Traceback (most recent call last):
    netdissect.types.NetdissectError: w.pth does not fit: weight is 5x2 in the weights, 3x2 in the network; ...
    """
    own = model.state_dict()
    state = _with_names_of(own, state)
    missing = [name for name in own if name not in state and not name.endswith(_HARMLESS)]
    unexpected = [name for name in state if name not in own]
    differing = [name for name in own if name in state and own[name].shape != state[name].shape]
    if missing or unexpected or differing:
        parts = []
        for start, names in (("the network also has", missing), ("the weights also have", unexpected)):
            if names:
                parts.append(f"{start} {', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}")
        for name in differing[:3]:
            parts.append(f"{name} is {_shape(state[name])} in the weights, {_shape(own[name])} in the network")
        if len(differing) > 3:
            parts.append(f"{len(differing) - 3} more shapes differ")
        raise NetdissectError(f"{source} does not fit: {'; '.join(parts)}{_classes_hint(own, state, differing, build)}")
    model.load_state_dict(state, strict=False)


def weights_hash(model: nn.Module) -> str:
    """Return the SHA-256 of the names, types, shapes and bytes of the model's state.

    >>> weights_hash(nn.ReLU()) == weights_hash(nn.Tanh()) != weights_hash(nn.Linear(1, 1))
    True
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        if isinstance(tensor, Tensor):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _unwrapped(found: Any) -> Any:
    """Return the weights or the network in a checkpoint; any other object as it is."""
    for wrapper in _WRAPPERS:
        if isinstance(found, Mapping) and isinstance(found.get(wrapper), Mapping | nn.Module):
            found = found[wrapper]
    return found


def _steps(checkpoint: Any) -> dict[str, int]:
    """Return the steps of training that a checkpoint, or a file's metadata, states: whole numbers from 0 on."""
    steps = {}
    for name in STEP_NAMES if isinstance(checkpoint, Mapping) else ():
        value = checkpoint.get(name)
        if isinstance(value, str) and re.fullmatch("[0-9]{1,18}", value):
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            steps[name] = value
    return steps


def _with_names_of(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return ``state`` with new names in place of a DenseNet's old ones, if ``own`` has only the new ones."""

    def own_name(name: str) -> str:
        new = _OLD_DENSENET.sub(r"\1\2.", name)
        return new if new in own and name not in own else name

    return {own_name(name): value for name, value in state.items()}


def _unpickle(path: Path, trust_pickle: bool) -> Any:
    """Read a torch file; with ``trust_pickle`` it may run code. Raises ``NetdissectError``."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of files that it then refuses
            try:
                return torch.load(path, map_location="cpu", weights_only=not trust_pickle)
            except UnicodeDecodeError:  # Python 2 pickled text as bytes in any encoding; names are ASCII
                return torch.load(path, map_location="cpu", weights_only=not trust_pickle, encoding="latin1")
    except pickle.UnpicklingError as error:
        if trust_pickle or not _may_be_pickle(path):
            raise NetdissectError(f"{path}: not a torch file: {one_line(error)}") from error
        raise NetdissectError(
            f"{path}: refused, since it is not a plain file of tensors: unpickling it could run any code "
            "(--trust-pickle if you trust where it comes from)"
        ) from error
    except (ImportError, AttributeError) as error:
        raise NetdissectError(f"{path}: needs what cannot be imported: {one_line(error)}") from error
    except Exception as error:  # unpickling a broken or foreign file may raise anything
        raise NetdissectError(f"{path}: not a torch file: {one_line(error)}") from error


def _may_be_pickle(path: Path) -> bool:
    """Return whether the file begins like a zip archive (torch since 1.6) or a binary pickle (before)."""
    with path.open("rb") as file:
        return file.read(2) in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def _classes_hint(
    own: Mapping[str, Tensor], state: Mapping[str, Tensor], differing: list[str], build: Callable[..., Any]
) -> str:
    """Return a hint at the ``--model-arg`` for the weights' number of classes, if only the classifier differs."""
    outputs = {(own[name].shape[:1], state[name].shape[:1]) for name in differing}
    trailing = all(own[name].shape[1:] == state[name].shape[1:] for name in differing)
    if len(outputs) != 1 or not trailing or not all(state[name].ndim and own[name].ndim for name in differing):
        return ""
    classes = state[differing[0]].shape[0]
    try:
        parameters = inspect.signature(build).parameters
    except (TypeError, ValueError):
        return ""
    names = [name for name in ("num_classes", "classes", "n_classes", "num_labels") if name in parameters]
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        names.append("num_classes")
    return f" (--model-arg {names[0]}={classes} gives the network {classes} classes)" if names else ""


def _shape(tensor: Tensor) -> str:
    """Return the tensor's shape as text."""
    return "x".join(map(str, tensor.shape)) or "a number"
