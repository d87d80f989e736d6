"""Dreaming as one function: things opened, an image changed, and written."""

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image, ImageOps
from torch import nn

from netdissect.concepts.files import read_image
from netdissect.engine.view import View
from netdissect.networks.layers import find_layers
from netdissect.networks.layouts import check_layout
from netdissect.networks.load import LoadedModel
from netdissect.numbers import whole_number
from netdissect.options import choose_device, choose_preprocess
from netdissect.pipeline.inputs import open_model
from netdissect.progress import progress_bar
from netdissect.storage import check_picture, write_picture
from netdissect.types import NetdissectError
from netdissect.visualization.activations import activations_of
from netdissect.visualization.dreaming import dream as dreamt
from netdissect.visualization.options import Dreaming
from netdissect.visualization.pictures import picture_of, pixels_of


def dream(
    model: nn.Module | LoadedModel | str,
    layer: str,
    image: Image.Image | str | Path,
    unit: int | None = None,
    *,
    dreaming: Dreaming | None = None,
    longest: int = 672,
    layout: str | None = None,
    size: int | tuple[int, int] | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    channels: str | None = None,
    value_range: int | None = None,
    device: str | torch.device | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> Image.Image:
    """``image`` changed so that it excites ``unit`` of ``layer`` of ``model``, or without one the layer as a whole.

    The image keeps its proportions; where its longer side has more than ``longest`` pixels, it is made smaller.
    ``dreaming`` says how it is changed; ``size`` to ``device`` are those of ``dissect``. The result is also written to
    ``out``, a ``.jpg`` or ``.png``; with ``overwrite`` it replaces a file there, but never ``image`` itself.

    Raises ``NetdissectError`` for an image that cannot be read, a unit or a layer that is not there, or that cannot be
    differentiated, and for ``out`` that cannot be written.
    """
    dreaming = dreaming or Dreaming()
    if out is not None:
        _check_free(Path(out), image, overwrite)
    check_layout(layout)
    given = _opened(image, whole_number(longest, "longest side"))
    loaded = open_model(model, dreaming.seed)
    where = choose_device(loaded.model, device)
    preprocess = choose_preprocess(loaded.expected, size, mean, std, channels, value_range)
    black = torch.zeros(1, preprocess.channel_count, *preprocess.size)
    found = find_layers(loaded.model, [layer], black, layout=layout, spec=loaded.spec)
    if len(found) != 1:
        raise NetdissectError(f"one layer dreams at a time, not {', '.join(info.name for info in found)}")
    pixels = pixels_of(given, (given.height, given.width))
    with (
        activations_of(loaded.model, View(found[0].name, found[0]), preprocess, where) as activations,
        progress_bar(progress) as bar,
    ):
        changed = picture_of(dreamt(activations, pixels, unit, dreaming, bar))
    if out is not None:
        write_picture(changed, Path(out))
    return changed


def _check_free(out: Path, image: Image.Image | str | Path, overwrite: bool) -> None:
    check_picture(out, "a dream")
    if not out.exists():
        return
    if not isinstance(image, Image.Image) and Path(image).exists() and out.samefile(image):
        raise NetdissectError(f"{out}: is the image itself, which is not overwritten")
    if not overwrite:
        raise NetdissectError(f"{out}: exists already (--overwrite replaces it)")


def _opened(image: Image.Image | str | Path, longest: int) -> Image.Image:
    """The image, upright, in RGB, and not too large."""
    if not isinstance(image, Image.Image):
        image = read_image(Path(image))
    elif image.mode[0] in "IF":
        raise NetdissectError(f"an image of mode {image.mode}: it is not known which of its values is white")
    image = ImageOps.exif_transpose(image).convert("RGB")
    scale = longest / max(image.size)
    if scale >= 1:
        return image
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)
