"""A sheet of images on which a concept is drawn."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from netdissect.concepts.base import ConceptDataset
from netdissect.concepts.census import concept_mask, find_images
from netdissect.storage import check_picture, write_picture
from netdissect.types import BadSampleError, Concept, NetdissectError, OnProgress, no_progress

#: The longer side of a tile, in pixels.
TILE = 224

#: The factor by which tiles are drawn larger and then shrunk, so that outlines are smooth.
_FINER = 2

_MARGIN, _HEAD, _GAP, _CAPTION = 28, 84, 14, 24
_PAPER, _INK, _PALE = (252, 252, 250), (32, 33, 36), (120, 124, 130)
_OUTLINE = (255, 255, 255)


Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class SheetOptions:
    """The images of a sheet: up to ``count``, drawn by ``seed`` from all that carry the concept.

    With ``skip_bad`` unreadable images are left out. Raises ``NetdissectError`` for impossible options.
    """

    count: int = 24
    seed: int = 0
    skip_bad: bool = False

    def __post_init__(self) -> None:
        if self.count < 1 or self.seed < 0:
            raise NetdissectError(
                f"a sheet of {self.count} images by seed {self.seed}: at least 1, and a seed of 0 or greater"
            )


@dataclass(frozen=True)
class _Tile:
    picture: Image.Image
    name: str
    share: float


def write_sheet(
    data: ConceptDataset,
    concept: Concept,
    path: Path,
    options: SheetOptions = SheetOptions(),
    on_progress: OnProgress = no_progress,
) -> int:
    """Write a JPEG or PNG of images that carry ``concept``, and return their number.

    Pixels without the concept are dimmed. Below each image stand its name and the share of its label pixels that carry
    the concept.

    Raises ``NetdissectError`` if no image carries the concept or ``path`` cannot be written, and ``BadSampleError`` for
    an unreadable image.

    >>> from tempfile import TemporaryDirectory
    >>> from netdissect.concepts import Scenes
    >>> from netdissect.concepts.find import find_concept
    >>> scenes = Scenes(count=6, size=(32, 32))
    >>> with TemporaryDirectory() as folder:
    ...     write_sheet(scenes, find_concept(scenes.concepts, "sky"), Path(folder) / "sky.png", SheetOptions(count=2))
    2
    """
    check_picture(path, "a sheet")
    found = find_images(data, concept.number, skip_bad=options.skip_bad, on_progress=on_progress)
    if not found:
        raise NetdissectError(f"{data.name}: no image carries {concept.name} ({concept.category})")
    order = np.random.default_rng(options.seed).permutation(list(found)).tolist()
    tiles = _tiles(data, concept, order, options)
    pixels = sum(found.values())
    share = pixels / (len(found) * math.prod(data.label_shape))
    facts = (
        concept.category,
        f"{len(found):,} of {len(data):,} images",
        f"{pixels:,} label pixels, {_percent(share)} of these images",
        f"{len(tiles)} shown",
    )
    write_picture(_page(concept.name, "   ·   ".join(facts), tiles), path)
    return len(tiles)


def _tiles(data: ConceptDataset, concept: Concept, order: list[int], options: SheetOptions) -> list[_Tile]:
    """Return the first readable images of ``order``, in the dataset's order."""
    tiles: dict[int, _Tile] = {}
    for index in order:
        if len(tiles) == options.count:
            break
        try:
            image, labels = data.image(index), data.labels(index)
        except BadSampleError:
            if not options.skip_bad:
                raise
            continue
        mask = concept_mask(labels, concept.number)
        tiles[index] = _Tile(light_up(image, mask), data.image_name(index), float(mask.mean()))
    if not tiles:
        raise NetdissectError(f"{data.name}: none of the images of {concept.name} can be read")
    return [tiles[index] for index in sorted(tiles)]


def light_up(image: Image.Image, mask: Bool[np.ndarray, "sh sw"]) -> Image.Image:
    """Scale an image to ``TILE`` pixels on its longer side, dim it outside ``mask``, and outline the mask.

    >>> light_up(Image.new("RGB", (8, 4)), np.ones((2, 4), dtype=bool)).size
    (224, 112)
    """
    scale = TILE / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    finer = (_FINER * width, _FINER * height)
    large = image.convert("RGB").resize(finer, Image.Resampling.LANCZOS)
    least = 127 if mask.shape[1] <= finer[0] else 0  # thin parts of a mask survive shrinking
    inside = Image.fromarray(mask).convert("L").resize(finer, Image.Resampling.BILINEAR)
    inside = inside.point(lambda value: 255 * (value > least))
    gray = large.convert("L").convert("RGB")
    dim = Image.blend(gray, large, 0.35).point(lambda value: int(0.45 * value))
    line = ImageChops.subtract(inside.filter(ImageFilter.MaxFilter(3)), inside)
    drawn = Image.composite(large, dim, inside)
    drawn.paste(_OUTLINE, mask=line)
    return drawn.resize((width, height), Image.Resampling.BOX)


def _page(title: str, facts: str, tiles: list[_Tile]) -> Image.Image:
    large, small, tiny = (ImageFont.load_default(size) for size in (34, 17, 14))
    columns = min(len(tiles), math.ceil(math.sqrt(1.5 * len(tiles))))
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    heights = [max(tile.picture.height for tile in row) for row in rows]
    tiles_width = columns * (TILE + _GAP) - _GAP
    width = math.ceil(max(tiles_width, large.getlength(title), small.getlength(facts)))
    height = _HEAD + sum(heights) + len(rows) * (_CAPTION + _GAP) - _GAP
    page = Image.new("RGB", (2 * _MARGIN + width, 2 * _MARGIN + height), _PAPER)
    draw = ImageDraw.Draw(page)
    draw.text((_MARGIN, _MARGIN), title, _INK, large)
    draw.text((_MARGIN, _MARGIN + 46), facts, _PALE, small)
    bottom = _MARGIN + _HEAD - _GAP - _CAPTION
    for row, row_height in zip(rows, heights, strict=True):
        bottom += _CAPTION + _GAP + row_height
        for column, tile in enumerate(row):
            left, (across, down) = _MARGIN + column * (TILE + _GAP), tile.picture.size
            page.paste(tile.picture, (left + (TILE - across) // 2, bottom - down))
            share = _percent(tile.share)
            draw.text((left + TILE, bottom + 5), share, _INK, tiny, anchor="ra")
            room = TILE - tiny.getlength(share) - 8
            draw.text((left, bottom + 5), _shortened(tile.name, tiny, room), _PALE, tiny)
    return page


def _shortened(text: str, font: Font, room: float) -> str:
    """Cut off the front of a text that is wider than ``room`` pixels: names differ at their ends."""
    if font.getlength(text) <= room:
        return text
    while text and font.getlength("..." + text) > room:
        text = text[1:]
    return "..." + text


def _percent(share: float) -> str:
    """Write a share in percent: without decimals from 10 on, else with one or two."""
    percent = 100 * share
    if percent < 0.01:
        return "< 0.01 %"
    return f"{percent:.0f} %" if percent >= 9.95 else f"{percent:.1f} %" if percent >= 0.095 else f"{percent:.2f} %"
