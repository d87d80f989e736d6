"""Finding and building a network by name: ``torchvision:NAME``, ``package.module:callable`` and the like."""

import ast
import difflib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from netdissect.networks.weights import load_weights, read_weights
from netdissect.types import NetdissectError, one_line

#: The word that asks for the weights a library publishes.
DEFAULT_WEIGHTS = "DEFAULT"


@dataclass(frozen=True)
class Expected:
    """What a network was trained on, as far as known: image size (H, W), mean and deviation of RGB in 0..1."""

    size: tuple[int, int] | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class LoadedModel:
    """A network in evaluation mode. ``weights`` says where its weights come from, None if its builder knows best;
    ``is_random`` that they are certainly random.
    """

    model: nn.Module
    spec: str
    weights: str | None
    expected: Expected
    is_random: bool = False


def load_model(
    spec: str,
    *,
    arguments: Mapping[str, Any] | None = None,
    weights: str | Path | None = None,
    trust_pickle: bool = False,
    seed: int = 0,
) -> LoadedModel:
    """The network that ``spec`` names, built with ``arguments``, with ``weights`` (a file or ``DEFAULT``) put in.

    Without weights the network is as its builder makes it; random numbers it draws are those of ``seed``.
    Raises ``NetdissectError``.
    """
    kind, separator, name = spec.rpartition(":")
    if not separator or not kind or not name:
        raise NetdissectError(
            f"model {spec!r}: not torchvision:NAME, timm:NAME, package.module:callable or file.py:callable"
        )
    arguments = dict(arguments or {})
    # Importing too may draw random numbers, for a network that a module holds ready.
    with _seeded(seed), _neighbours(kind):
        if kind in _LIBRARIES:
            build, default = _LIBRARIES[kind](name)
        else:
            build, default = _attribute(_module(kind, spec), name, spec), None
        if str(weights) == DEFAULT_WEIGHTS:
            if default is None:
                raise NetdissectError(f"model {spec}: no {DEFAULT_WEIGHTS} weights are known for it")
            return default(spec, arguments)
        model = _build(spec, build, arguments)
    expected = _timm_expected(model) if kind == "timm" else Expected()
    if weights is not None:
        state, metadata = read_weights(Path(weights), trust_pickle=trust_pickle)
        load_weights(model, state, str(weights), build)
        expected = _expected_by_metadata(metadata, expected, str(weights))
    elif kind in _LIBRARIES and not (arguments.get("weights") or arguments.get("pretrained")):
        return LoadedModel(model.eval(), spec, f"random, of seed {seed}", expected, is_random=True)
    return LoadedModel(model.eval(), spec, None if weights is None else str(weights), expected)


def parse_arguments(pairs: Sequence[str]) -> dict[str, Any]:
    """``key=value`` strings as keyword arguments; values are Python literals where they read as such, else text."""
    arguments: dict[str, Any] = {}
    for pair in pairs:
        key, separator, text = pair.partition("=")
        if not separator or not key.isidentifier():
            raise NetdissectError(f"model argument {pair!r}: not key=value")
        try:
            arguments[key] = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            arguments[key] = {"true": True, "false": False}.get(text, text)
    return arguments


def nearest(name: str, known: Sequence[str], count: int = 3) -> str:
    """The known names most like ``name``, for an error: ``; did you mean a, b?``, empty if none is like it."""
    close = difflib.get_close_matches(name, known, n=count, cutoff=0.5)
    return f"; did you mean {', '.join(close)}?" if close else ""


_Default = Callable[[str, dict[str, Any]], LoadedModel]


def _torchvision(name: str) -> tuple[Callable[..., Any], _Default]:
    from torchvision import models

    known = models.list_models()
    if name not in known:
        raise NetdissectError(f"torchvision has no model {name!r}{nearest(name, known)}")

    def default(spec: str, arguments: dict[str, Any]) -> LoadedModel:
        weights = models.get_model_weights(name).DEFAULT
        model = _build(spec, models.get_model_builder(name), {**arguments, "weights": weights})
        transforms = weights.transforms()
        crop, mean, std = (getattr(transforms, key, None) for key in ("crop_size", "mean", "std"))
        size = (crop[0], crop[-1]) if crop else None
        return LoadedModel(model.eval(), spec, str(weights), Expected(size, mean and tuple(mean), std and tuple(std)))

    return models.get_model_builder(name), default


def _timm(name: str) -> tuple[Callable[..., Any], _Default]:
    try:
        import timm
    except ImportError:
        raise NetdissectError("timm is not installed: install netdissect with its extra 'timm'") from None
    bare = name.partition(".")[0]
    known = timm.list_models()
    if bare not in known:
        raise NetdissectError(f"timm has no model {name!r}{nearest(bare, known)}")

    def build(**arguments: Any) -> nn.Module:
        return timm.create_model(name, **arguments)

    def default(spec: str, arguments: dict[str, Any]) -> LoadedModel:
        model = _build(spec, build, {**arguments, "pretrained": True})
        return LoadedModel(model.eval(), spec, f"{spec} {DEFAULT_WEIGHTS}", _timm_expected(model))

    return build, default


_LIBRARIES: dict[str, Callable[[str], tuple[Callable[..., Any], _Default]]] = {
    "torchvision": _torchvision,
    "timm": _timm,
}


def _timm_expected(model: nn.Module) -> Expected:
    config = getattr(model, "pretrained_cfg", None) or {}
    size = config.get("input_size")
    return Expected(size and (size[-2], size[-1]), _three(config.get("mean")), _three(config.get("std")))


def _expected_by_metadata(metadata: Mapping[str, str], otherwise: Expected, source: str) -> Expected:
    """What a safetensors file says: ``input_size`` like 224x224, ``mean`` and ``std`` like 0.5 or 0.4,0.5,0.6."""
    try:
        size: tuple[int, int] | None = None
        if "input_size" in metadata:
            height, _, width = metadata["input_size"].partition("x")
            size = (int(height), int(width or height))
        mean, std = (
            _three([float(part) for part in metadata[key].strip("[]()").split(",")] if key in metadata else None)
            for key in ("mean", "std")
        )
    except ValueError as error:
        raise NetdissectError(f"{source}: its metadata cannot be read: {one_line(error)}") from error
    return Expected(size or otherwise.size, mean or otherwise.mean, std or otherwise.std)


def _three(values: Sequence[float] | None) -> tuple[float, float, float] | None:
    """Three channel values; one stands for all three, and other numbers of channels say nothing about RGB."""
    if values is None or len(values) not in (1, 3):
        return None
    red, green, blue = values if len(values) == 3 else tuple(values) * 3
    return (float(red), float(green), float(blue))


def _module(name: str, spec: str) -> ModuleType:
    if name.endswith(".py"):
        return _module_of_file(Path(name), spec)
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise NetdissectError(f"model {spec}: module {name} cannot be imported: {one_line(error)}") from error
    except (Exception, SystemExit) as error:  # somebody's module may raise anything
        raise NetdissectError(f"model {spec}: importing {name} failed: {one_line(error)}") from error


def _module_of_file(path: Path, spec: str) -> ModuleType:
    if not path.is_file():
        raise NetdissectError(f"model {spec}: no such file {path}")
    name = f"netdissect_model_{path.stem}"
    module_spec = importlib.util.spec_from_file_location(name, path)
    assert module_spec is not None and module_spec.loader is not None  # a .py file has a loader
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[name] = module  # dataclasses and pickles of the file look themselves up here
    try:
        module_spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # somebody's file may raise anything
        raise NetdissectError(f"model {spec}: {path} cannot be run: {one_line(error)}") from error
    return module


@contextmanager
def _neighbours(kind: str) -> Iterator[None]:
    """Lets a file, and the callable in it, import what lies beside it, as a script does; a package what lies here."""
    folder = str(Path(kind).resolve().parent if kind.endswith(".py") else Path.cwd())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


def _attribute(module: ModuleType, name: str, spec: str) -> Callable[..., Any]:
    found = getattr(module, name, None)
    if isinstance(found, nn.Module):

        def ready_network() -> nn.Module:
            return found

        return ready_network
    if not callable(found):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise NetdissectError(f"model {spec}: nothing callable named {name!r} there{nearest(name, known)}")
    return found


def _build(spec: str, build: Callable[..., Any], arguments: dict[str, Any]) -> nn.Module:
    try:
        model = build(**arguments)
    except NetdissectError:
        raise
    except OSError as error:
        raise NetdissectError(f"model {spec}: weights or files cannot be fetched: {one_line(error)}") from error
    except Exception as error:  # somebody's builder may raise anything
        raise NetdissectError(f"model {spec} cannot be built: {type(error).__name__}: {one_line(error)}") from error
    if not isinstance(model, nn.Module):
        raise NetdissectError(f"model {spec} is a {type(model).__name__}, not a torch.nn.Module")
    return model


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
