"""Weights: read from a file without running code, fitted to a network, and hashed."""

import hashlib
import inspect
import pickle
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from netdissect.types import NetdissectError, one_line

#: Where checkpoints keep the weights among other things.
_WRAPPERS = ("state_dict", "model")

#: Put before every name by ``DataParallel`` and its kin.
_PREFIX = "module."

#: Counters that old checkpoints lack and evaluation does not read.
_HARMLESS = ".num_batches_tracked"


def read_weights(path: Path, *, trust_pickle: bool = False) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The state dict in a ``.safetensors`` or a torch file, and the metadata of the former.

    A state dict may sit under ``state_dict`` or ``model``, its names may begin with ``module.``. A pickle that wants to
    run code is refused unless ``trust_pickle``. Raises ``NetdissectError``.
    """
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
    for wrapper in _WRAPPERS:
        if isinstance(found, Mapping) and isinstance(found.get(wrapper), Mapping | nn.Module):
            found = found[wrapper]
    state = found.state_dict() if isinstance(found, nn.Module) else found
    if (
        not isinstance(state, Mapping)
        or not state
        or not all(isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items())
    ):
        raise NetdissectError(f"{path}: holds no state dict, neither at the top nor under {' or '.join(_WRAPPERS)}")
    if all(name.startswith(_PREFIX) for name in state):
        state = {name.removeprefix(_PREFIX): value for name, value in state.items()}
    return dict(state), metadata


def load_weights(model: nn.Module, state: Mapping[str, Tensor], source: str, build: Callable[..., Any]) -> None:
    """Puts ``state`` into ``model``; raises ``NetdissectError`` with the first differences if it does not fit.

    ``source`` names the weights. ``build`` made the model; how it is asked for another number of classes is part of the
    error where that is what differs.
    """
    own = model.state_dict()
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


def _unpickle(path: Path, trust_pickle: bool) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what torch warns of, it refuses a line later
            return torch.load(path, map_location="cpu", weights_only=not trust_pickle)
    except pickle.UnpicklingError as error:
        if trust_pickle or not _may_be_pickle(path):
            raise NetdissectError(f"{path}: not a torch file: {one_line(error)}") from error
        raise NetdissectError(
            f"{path}: refused, since it is not a plain file of tensors: unpickling it could run any code "
            "(--trust-pickle if you trust where it comes from)"
        ) from error
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
    names = [name for name in ("num_classes", "classes", "n_classes") if name in parameters]
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        names.append("num_classes")
    return f" (--model-arg {names[0]}={classes} gives the network {classes} classes)" if names else ""


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"
