"""Finding and building a network by name: ``torchvision:NAME``, ``package.module:callable`` and the like."""

import ast
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from netdissect.networks.caffenet import CaffeNet, check_order
from netdissect.networks.expected import Expected, expected_by_metadata
from netdissect.networks.libraries import DEFAULT_WEIGHTS, LIBRARIES, Recipe, Recipes
from netdissect.networks.weights import load_weights, read_network, read_weights
from netdissect.types import NetdissectError, nearest, one_line

#: Endings of files that hold a pickled network, or weights that a person gave in place of a network.
_FILES_OF_NETWORKS = (".pth", ".pt", ".tar", ".pkl", ".pickle", ".ckpt", ".bin", ".safetensors", ".caffemodel")


@dataclass(frozen=True)
class LoadedModel:
    """A network in evaluation mode, and the ``arguments`` of its builder.

    ``weights`` names the source of its weights, None if only its builder knows it. ``is_random`` means that they are
    certainly random.
    """

    model: nn.Module
    spec: str
    weights: str | None
    expected: Expected
    is_random: bool = False
    arguments: Mapping[str, Any] = field(default_factory=dict)


def load_model(
    spec: str,
    *,
    arguments: Mapping[str, Any] | None = None,
    weights: str | Path | None = None,
    trust_pickle: bool = False,
    seed: int = 0,
) -> LoadedModel:
    """Return the network that ``spec`` names, built with ``arguments``, with ``weights`` (a file or ``DEFAULT``).

    ``spec`` is ``torchvision:NAME``, ``timm:NAME`` or ``timm:hf-hub:OWNER/NAME``, ``transformers:OWNER/NAME`` or
    ``transformers:FOLDER``, ``netdissect:caffenet``, ``package.module:callable``, ``file.py:callable``, or a file that
    holds a pickled network. Such a file is read only with ``trust_pickle``, since unpickling may run any code.
    Without weights the network is as its builder makes it, with random numbers of ``seed``.
    Raises ``NetdissectError``.

    >>> loaded = load_model("netdissect.networks.demo:demo_network")
    >>> type(loaded.model).__name__, loaded.model.training, loaded.weights, loaded.is_random
    ('DemoNetwork', False, None, False)
    """
    kind, name = _parts(spec)
    arguments = dict(arguments or {})
    # Importing may draw random numbers, too: a module may hold a network that is built already.
    with _seeded(seed), _neighbours(kind if name else spec):
        recipe, published = _recipes(spec, kind, name, trust_pickle)
        if str(weights) == DEFAULT_WEIGHTS:
            if published is None:
                raise NetdissectError(f"model {spec}: no {DEFAULT_WEIGHTS} weights are published with it")
            recipe, weights = published, None
        model, expected = _build(spec, recipe, arguments)
    if weights is not None:
        found = read_weights(Path(weights), trust_pickle=trust_pickle)
        if isinstance(model, CaffeNet):
            check_order(model, found.layers, str(weights))
        load_weights(model, found.state, str(weights), recipe.build)
        expected = expected_by_metadata(found.metadata, expected, str(weights))
        return LoadedModel(model.eval(), spec, str(weights), expected, arguments=arguments)
    if recipe.weights is None and kind in LIBRARIES and not (arguments.get("weights") or arguments.get("pretrained")):
        weights = f"random, of seed {seed}"
        return LoadedModel(model.eval(), spec, weights, expected, is_random=True, arguments=arguments)
    return LoadedModel(model.eval(), spec, recipe.weights, expected, arguments=arguments)


def parse_arguments(pairs: Sequence[str]) -> dict[str, Any]:
    """Return ``key=value`` strings as keyword arguments, whose values are Python literals or else text.

    Raises ``NetdissectError`` for another string.

    >>> parse_arguments(["num_classes=10", "norm_first=true", "name=small"])
    {'num_classes': 10, 'norm_first': True, 'name': 'small'}
    """
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


def _parts(spec: str) -> tuple[str, str]:
    """Split ``spec`` into a library, a module or a ``.py`` file, and a name; the name is empty for a pickled network.

    Raises ``NetdissectError`` for another text.
    """
    library, _, name = spec.partition(":")  # the first colon: names of a library may have more
    if library in LIBRARIES and name:
        return library, name
    if not spec.endswith(".py") and (spec.endswith(_FILES_OF_NETWORKS) or Path(spec).is_file()):
        return spec, ""
    kind, _, name = spec.rpartition(":")  # the last colon: names of files may have more
    if not kind or not name or kind in LIBRARIES:
        raise NetdissectError(
            f"model {spec!r}: not torchvision:NAME, timm:NAME, transformers:NAME, netdissect:caffenet, "
            "package.module:callable, file.py:callable or a file that holds a network"
        )
    return kind, name


def _recipes(spec: str, kind: str, name: str, trust_pickle: bool) -> Recipes:
    """Return the recipe of the network without weights, and of the one with published weights if there are any."""
    if not name:
        network = read_network(Path(spec), trust_pickle=trust_pickle)
        return _ready(network), None
    if kind in LIBRARIES:
        return LIBRARIES[kind](name)
    return _attribute(_module(kind, spec), name, spec), None


def _module(name: str, spec: str) -> ModuleType:
    """Import a module, or run a ``.py`` file as one. Raises ``NetdissectError`` if that fails."""
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
    sys.modules[name] = module  # dataclasses and pickles of the file look up their module here
    try:
        module_spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # somebody's file may raise anything
        raise NetdissectError(f"model {spec}: {path} cannot be run: {one_line(error)}") from error
    return module


@contextmanager
def _neighbours(kind: str) -> Iterator[None]:
    """Let imports find modules beside the file ``kind``, as for a script, and in the current folder."""
    folders = [str(Path.cwd())]
    if Path(kind).is_file():
        folders.insert(0, str(Path(kind).resolve().parent))
    sys.path[:0] = folders
    try:
        yield
    finally:
        for folder in folders:
            if folder in sys.path:
                sys.path.remove(folder)


def _attribute(module: ModuleType, name: str, spec: str) -> Recipe:
    """Return the recipe of a module's callable or network. Raises ``NetdissectError`` if there is neither."""
    found = getattr(module, name, None)
    if isinstance(found, nn.Module):
        return _ready(found)
    if not callable(found):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise NetdissectError(f"model {spec}: nothing callable named {name!r} there{nearest(name, known)}")
    return Recipe(found)


def _ready(network: nn.Module) -> Recipe:
    """Return the recipe of a network that is built already."""

    def ready_network() -> nn.Module:
        return network

    return Recipe(ready_network)


def _build(spec: str, recipe: Recipe, arguments: dict[str, Any]) -> tuple[nn.Module, Expected]:
    """Build the network. Raises ``NetdissectError`` if that fails, or gives no network."""
    try:
        model = recipe.build(**arguments)
        if isinstance(model, nn.Module):
            return _watchable(model, spec), recipe.expected(model)
    except NetdissectError:
        raise
    except OSError as error:
        raise NetdissectError(f"model {spec}: weights or files cannot be fetched: {one_line(error)}") from error
    except Exception as error:  # somebody's builder may raise anything
        raise NetdissectError(f"model {spec} cannot be built: {type(error).__name__}: {one_line(error)}") from error
    raise NetdissectError(f"model {spec} is a {type(model).__name__}, not a torch.nn.Module")


def _watchable(model: nn.Module, spec: str) -> nn.Module:
    """Return the model. Raises ``NetdissectError`` if its layers cannot be watched."""
    if isinstance(model, torch.jit.ScriptModule):
        raise NetdissectError(
            f"model {spec} is TorchScript, which does not show its layers: the network's code is needed"
        )
    return model


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed torch's random numbers while the block lasts, and restore its generator."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
