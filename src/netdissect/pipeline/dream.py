"""Dreaming as one function: things opened, an image changed, and written."""

from pathlib import Path

from PIL import Image, ImageOps
from typing_extensions import Unpack

from netdissect.bases import BasisView
from netdissect.concepts.files import read_image
from netdissect.declarations import takes_settings
from netdissect.inference.differentiate import differentiating
from netdissect.inference.runner import ModelChoice, prepare
from netdissect.network_settings import NetworkKeywords, NetworkSettings
from netdissect.numbers import whole_number
from netdissect.progress import progress_bar
from netdissect.storage import check_picture, write_picture
from netdissect.types import NetdissectError
from netdissect.visualization import Dreaming
from netdissect.visualization.dreaming import dream as dream_image
from netdissect.visualization.pictures import picture_of, pixels_of


@takes_settings(NetworkSettings)
def dream(
    model: ModelChoice,
    layer: str,
    image: Image.Image | str | Path,
    unit: int | None = None,
    *,
    dreaming: Dreaming | None = None,
    longest: int = 672,
    settings: NetworkSettings | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: bool = True,
    **options: Unpack[NetworkKeywords],
) -> Image.Image:
    """Return ``image`` changed so that it excites ``unit`` of ``layer``, or without a unit the whole layer.

    The image keeps its proportions; where its longer side has more than ``longest`` pixels, it is made smaller. The
    network sees it in windows of the size that the settings give. The result is also written to ``out``, a ``.jpg`` or
    ``.png``; with ``overwrite`` it replaces a file there, but never ``image`` itself.

    Args:
        model: see ``dissect``.
        layer: the name of one layer.
        image: an image, or its file.
        unit: the unit to excite, None for the whole layer.
        dreaming: how the image is changed.
        longest: pixels of the longer side, at most.
        settings: all settings at once, in place of ``options``.
        out: the file to write.
        overwrite: replace a file in ``out``.
        progress: show a progress bar on standard error.
        {settings}

    Raises:
        NetdissectError: an image that cannot be read, a unit or a layer that does not exist or cannot be
            differentiated, and ``out`` that cannot be written.

    >>> gray = Image.new("RGB", (60, 40), "gray")
    >>> how = Dreaming(octaves=1, steps=1)
    >>> dream("netdissect.networks.demo:demo_network", "relu2", gray, 3, dreaming=how, size=32, progress=False).size
    (60, 40)
    """
    dreaming = dreaming or Dreaming()
    if out is not None:
        _check_free(Path(out), image, overwrite)
    given = _opened(image, whole_number(longest, "longest side"))
    runner = prepare(model, NetworkSettings.of(settings, options), seed=dreaming.seed)
    found = runner.find_layers([layer], runner.black_image)
    if len(found) != 1:
        raise NetdissectError(f"one layer dreams at a time, not {', '.join(info.name for info in found)}")
    pixels = pixels_of(given, (given.height, given.width))
    with differentiating(runner, BasisView(found[0].name, found[0])) as activations, progress_bar(progress) as bar:
        changed = picture_of(dream_image(activations, pixels, unit, dreaming, bar))
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
    """Return the image, upright, in RGB, and not too large."""
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
