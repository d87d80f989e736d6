"""Weights: read from a file without running code, fitted to a network, and hashed."""

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

#: Where checkpoints keep the weights, or the whole network, among other things.
_WRAPPERS = ("state_dict", "model")

#: What checkpoints call the step of the training at which they were saved, the finest first.
STEP_NAMES = ("step", "global_step", "iteration", "epoch")

#: Put before every name by ``DataParallel`` and its kin.
_PREFIX = "module."

#: Counters that old checkpoints lack and evaluation does not read.
_HARMLESS = ".num_batches_tracked"

#: Names in a DenseNet, ``denselayer1.norm.1.weight``, from before torch took the dots out of names of modules.
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d)\.")


class Weights(NamedTuple):
    """What a file of weights holds: tensors by their names; what a safetensors file tells beside them; of a Caffe
    model its layers, in the order in which they run; the step of the training, by each of ``STEP_NAMES`` it is told by.
    """

    state: dict[str, Tensor]
    metadata: dict[str, str]
    layers: tuple[str, ...] = ()
    steps: Mapping[str, int] = MappingProxyType({})


def read_weights(path: Path, *, trust_pickle: bool = False) -> Weights:
    """What is in a ``.safetensors`` file, a ``.caffemodel`` or a torch file of today or of Python 2.

    A state dict may sit under ``state_dict`` or ``model``, its names may begin with ``module.``. A pickle that wants to
    run code is refused unless ``trust_pickle``. Raises ``NetdissectError``.
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
    """The network that a torch file holds whole, alone or under ``model`` or ``state_dict``.

    Unpickling it may run any code, so it is refused unless ``trust_pickle``. Raises ``NetdissectError``.
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
    """Puts ``state`` into ``model``; raises ``NetdissectError`` with the first differences if it does not fit.

    ``source`` names the weights. ``build`` made the model; how it is asked for another number of classes is part of the
    error where that is what differs.
    """
    own = model.state_dict()
    state = _with_names_of(own, state)
    missing = [name for name in own if name not in state and not name.endswith(_HARMLESS)]
    unexpected = [name for name in state if name not in own]
    differing = [name for name in own if name in state and own[name].shape != state[name].shape]
    if missing or unexpected or differing:
        parts = []
        for what, names in (("the network also has", missing), ("the weights also have", unexpected)):
            if names:
                parts.append(f"{what} {', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}")
        for name in differing[:3]:
            parts.append(f"{name} is {_shape(state[name])} in the weights, {_shape(own[name])} in the network")
        if len(differing) > 3:
            parts.append(f"{len(differing) - 3} more shapes differ")
        raise NetdissectError(f"{source} does not fit: {'; '.join(parts)}{_classes_hint(own, state, differing, build)}")
    model.load_state_dict(state, strict=False)


def weights_hash(model: nn.Module) -> str:
    """SHA-256 over the names, types, shapes and bytes of the model's state."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        if isinstance(tensor, Tensor):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _unwrapped(found: Any) -> Any:
    """The weights or the network that a checkpoint keeps among other things; anything else as it is."""
    for wrapper in _WRAPPERS:
        if isinstance(found, Mapping) and isinstance(found.get(wrapper), Mapping | nn.Module):
            found = found[wrapper]
    return found


def _steps(told: Any) -> dict[str, int]:
    """The steps that a checkpoint, or the metadata of a file, tells beside the weights: whole numbers from 0 on."""
    steps = {}
    for name in STEP_NAMES if isinstance(told, Mapping) else ():
        value = told.get(name)
        if isinstance(value, str) and re.fullmatch("[0-9]{1,18}", value):
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            steps[name] = value
    return steps


def _with_names_of(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``state``, with old names of a DenseNet made new where ``own`` has only the new ones."""

    def own_name(name: str) -> str:
        new = _OLD_DENSENET.sub(r"\1\2.", name)
        return new if new in own and name not in own else name

    return {own_name(name): value for name, value in state.items()}


def _unpickle(path: Path, trust_pickle: bool) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what torch warns of, it refuses a line later
            try:
                return torch.load(path, map_location="cpu", weights_only=not trust_pickle)
            except UnicodeDecodeError:  # Python 2 pickled text as bytes, of any encoding; names are ASCII in all
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
    """Whether the file begins as a zip archive (torch since 1.6) or a binary pickle (before) does."""
    with path.open("rb") as file:
        return file.read(2) in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def _classes_hint(
    own: Mapping[str, Tensor], state: Mapping[str, Tensor], differing: list[str], build: Callable[..., Any]
) -> str:
    """Which ``--model-arg`` gives the network as many classes as the weights, if the classifier alone differs."""
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
    return "x".join(map(str, tensor.shape)) or "a number"
