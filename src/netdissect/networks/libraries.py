"""Networks by their names in libraries: torchvision, timm, transformers of Hugging Face, and this one."""

import functools
import inspect
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from torch import nn

from netdissect.networks.caffenet import (
    CAFFENET_CHANNELS,
    CAFFENET_MEAN,
    CAFFENET_RANGE,
    CAFFENET_SIZE,
    CAFFENET_STD,
    caffenet,
)
from netdissect.networks.expected import Expected, channel_values
from netdissect.types import NetdissectError, nearest

#: The name of the weights that a library publishes.
DEFAULT_WEIGHTS = "DEFAULT"

#: Seconds in which the hub of Hugging Face must answer; else it is out of reach.
_HUB_TIMEOUT = 5.0


@dataclass(frozen=True)
class Recipe:
    """The way to build a network: ``build`` takes its arguments, ``expected`` returns the images that it expects.

    ``weights`` names the weights that ``build`` loads, if they are known.
    """

    build: Callable[..., Any]
    expected: Callable[[nn.Module], Expected] = lambda model: Expected()
    weights: str | None = None


#: The recipe of a network with random weights, and of the same network with published weights, if there are any.
Recipes = tuple[Recipe, Recipe | None]


def _torchvision(name: str) -> Recipes:
    """Return the recipes of a network of torchvision."""
    from torchvision import models

    known = models.list_models()
    if name not in known:
        raise NetdissectError(f"torchvision has no model {name!r}{nearest(name, known)}")
    builder = models.get_model_builder(name)
    weights = models.get_model_weights(name).DEFAULT
    # A network with a backbone fetches the backbone's weights by default.
    parts = {"weights_backbone": None} if "weights_backbone" in inspect.signature(builder).parameters else {}

    def build(**arguments: Any) -> Any:
        return builder(**{**parts, **arguments})

    functools.update_wrapper(build, builder)  # its signature names the argument for the number of classes

    def build_published(**arguments: Any) -> Any:
        return build(**{**arguments, "weights": weights})

    def expected(model: nn.Module) -> Expected:
        transforms = weights.transforms()
        crop, mean, std = (getattr(transforms, key, None) for key in ("crop_size", "mean", "std"))
        return Expected((crop[0], crop[-1]) if crop else None, mean and tuple(mean), std and tuple(std))

    return Recipe(build), Recipe(build_published, expected, str(weights))


def _timm(name: str) -> Recipes:
    """Return the recipe of a network of timm, and the one with published weights."""
    try:
        import timm
    except ImportError:
        raise NetdissectError("timm is not installed: install netdissect with its extra 'timm'") from None
    is_elsewhere = ":" in name  # hf-hub:OWNER/NAME, whose configuration is fetched
    bare, known = name.partition(".")[0], timm.list_models()
    if not is_elsewhere and bare not in known:
        raise NetdissectError(f"timm has no model {name!r}{nearest(bare, known)}")

    def build(**arguments: Any) -> Any:
        if not (is_elsewhere or arguments.get("pretrained")):
            return timm.create_model(name, **arguments)
        with _hub():
            return timm.create_model(name, **arguments)

    def build_published(**arguments: Any) -> Any:
        return build(**{**arguments, "pretrained": True})

    def expected(model: nn.Module) -> Expected:
        pretrained = _timm_expected(getattr(model, "pretrained_cfg", None) or {})
        # A transformer may be built for another size of images than it was trained on.
        size = getattr(getattr(model, "patch_embed", None), "img_size", None)
        return replace(pretrained, size=tuple(size)) if size else pretrained

    return Recipe(build, expected), Recipe(build_published, expected, f"timm:{name} {DEFAULT_WEIGHTS}")


def _timm_expected(config: Mapping[str, Any]) -> Expected:
    """Return the images that a configuration of timm states."""
    shape = config.get("input_size")
    channels = "gray" if shape and shape[0] == 1 else None
    mean, std = (channel_values(config.get(key), channels) for key in ("mean", "std"))
    return Expected(shape and (shape[-2], shape[-1]), mean, std, channels)


def _transformers(name: str) -> Recipes:
    """Return the recipe of a network of transformers, and the one with published weights."""
    try:
        import transformers
    except ImportError:
        raise NetdissectError(
            "transformers is not installed: install netdissect with its extra 'transformers'"
        ) from None

    def configured(arguments: dict[str, Any]) -> tuple[Any, Any]:
        """Return the network's configuration, and the class that builds it."""
        config, unknown = transformers.AutoConfig.from_pretrained(
            name, return_unused_kwargs=True, trust_remote_code=False, **arguments
        )
        if unknown:
            raise TypeError(f"its configuration has no {', '.join(unknown)}")
        if config.architectures:
            is_classifier = any("ForImageClassification" in known for known in config.architectures)
        else:
            is_classifier = type(config) in transformers.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING
        return config, transformers.AutoModelForImageClassification if is_classifier else transformers.AutoModel

    def build(*, num_labels: int | None = None, **arguments: Any) -> nn.Module:
        with _hub(name):
            config, auto = configured(arguments if num_labels is None else {**arguments, "num_labels": num_labels})
        return auto.from_config(config, trust_remote_code=False).float()

    def build_published(**arguments: Any) -> nn.Module:
        with _hub(name):
            config, auto = configured(arguments)
            # In float32 as networks of other libraries, whatever precision is published.
            return auto.from_pretrained(name, config=config, trust_remote_code=False).float()

    def expected(model: nn.Module) -> Expected:
        channels = "gray" if getattr(model.config, "num_channels", None) == 1 else None
        with _hub(name):
            try:
                processor = transformers.AutoImageProcessor.from_pretrained(name, trust_remote_code=False)
            except OSError:  # none was saved with the network
                size = getattr(model.config, "image_size", None)
                return Expected((size, size) if isinstance(size, int) else size and tuple(size), channels=channels)
        return _processor_expected(processor.to_dict(), channels)

    return Recipe(build, expected), Recipe(build_published, expected, f"transformers:{name} {DEFAULT_WEIGHTS}")


def _processor_expected(settings: Mapping[str, Any], channels: str | None) -> Expected:
    """Return the images that an image processor of transformers makes; ``channels`` are the network's, if known."""
    if "data_config" in settings:  # a network of timm
        return _timm_expected(settings["data_config"])
    size = settings.get("crop_size" if settings.get("do_center_crop") else "size")
    edges = size if isinstance(size, Mapping) else {"shortest_edge": size}
    height, width = (edges.get(key) or edges.get("shortest_edge") for key in ("height", "width"))
    channels = channels or ("bgr" if settings.get("do_flip_channel_order") else "rgb")
    is_scaled = settings.get("do_rescale", True)
    white = settings.get("rescale_factor", 1 / 255) * 255 if is_scaled else 1  # in the result, white is 1
    mean, std = [0.0], [1.0]
    if settings.get("do_normalize"):
        mean, std = settings["image_mean"], settings["image_std"]
    mean, std = ([value / white for value in values] for values in (mean, std))
    return Expected(
        (height, width) if height and width else None,
        channel_values(mean, channels),
        channel_values(std, channels),
        channels,
        1 if is_scaled else 255,
    )


def _netdissect(name: str) -> Recipes:
    """Return the recipe of a network of this package."""
    if name != "caffenet":
        raise NetdissectError(f"netdissect has no model {name!r}; it has caffenet")
    expected = Expected(CAFFENET_SIZE, CAFFENET_MEAN, CAFFENET_STD, CAFFENET_CHANNELS, CAFFENET_RANGE)
    return Recipe(caffenet, lambda model: expected), None


#: Functions from a network's name to its recipes, by library.
LIBRARIES: dict[str, Callable[[str], Recipes]] = {
    "torchvision": _torchvision,
    "timm": _timm,
    "transformers": _transformers,
    "netdissect": _netdissect,
}


@contextmanager
def _hub(name: str | None = None) -> Iterator[None]:
    """Restrict Hugging Face's library to its cache if the hub is out of reach; else it would try for a minute.

    A ``name`` that is a directory needs no hub.
    """
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    if (name and Path(name).is_dir()) or not (before or _answers(constants.ENDPOINT)):
        constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _answers(address: str) -> bool:
    """Return whether a server listens at the address; behind a proxy, always."""
    if getproxies().keys() & {"http", "https", "all"}:
        return True
    parts = urlsplit(address)
    server = (parts.hostname, parts.port or (80 if parts.scheme == "http" else 443))
    try:
        with socket.create_connection(server, _HUB_TIMEOUT):
            return True
    except OSError:
        return False
