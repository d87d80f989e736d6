"""A report's images: each stored once, small enough that all of them together can be passed on."""

import hashlib
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PIL import Image

from netdissect.parallel import in_order, reading_threads
from netdissect.results import Result, ShownImage
from netdissect.types import NetdissectError, OnProgress

#: What a page tells of an image: for each result, by the image's index in its dataset.
Shown = Sequence[Mapping[int, dict[str, Any]]]

#: All images together take about so many bytes, unless they would be smaller than ``SMALLEST``.
BUDGET = 36_000_000

#: The longer side of an image, in pixels, at least.
SMALLEST = 80

#: WebP's quality.
_QUALITY = 60

#: Of street scenes and textures, a run's JPEGs made smaller by a factor f took 0.46 * f ** 1.54 of their bytes as WebP.
_WEBP_SHARE, _WEBP_POWER = 0.46, 1.54


@dataclass(frozen=True)
class StoredImage:
    """An image as it is stored, ``size`` (width, height) in pixels."""

    content: bytes = field(repr=False)
    name: str
    file: str
    size: tuple[int, int]


class Pictures:
    """The images of ``results``, each once, however many of these show it.

    ``wanted`` names those of each result that are shown, by their indices; without it all are. All together take about
    ``budget`` bytes at most.
    """

    def __init__(
        self, results: Sequence[Result], wanted: Sequence[Collection[int]] | None = None, *, budget: int = BUDGET
    ) -> None:
        self._budget = budget
        known: dict[tuple[str, bytes], int] = {}
        self.images: list[ShownImage] = []
        self._places: list[dict[int, int]] = [{} for _ in results]
        for run, result in enumerate(results):
            for index in sorted(result.images if wanted is None else wanted[run]):
                image = result.images[index]
                place = known.setdefault((image.name, hashlib.sha256(image.jpeg).digest()), len(self.images))
                if place == len(self.images):
                    self.images.append(image)
                self._places[run][index] = place

    def stored(self) -> Iterator[StoredImage]:
        """The images in turn: as they are if together they are within the budget, else made smaller, as WebP."""
        total = sum(len(image.jpeg) for image in self.images)
        factor = min(1.0, (self._budget / (_WEBP_SHARE * total)) ** (1 / _WEBP_POWER)) if total > self._budget else None
        workers = reading_threads()
        contents = in_order(lambda image: _stored(image, factor), self.images, workers, 8 * workers)
        for place, (image, (content, suffix, size)) in enumerate(contents):
            yield StoredImage(content, image.name, f"{place}.{suffix}", size)

    def shown(self, stored: Sequence[StoredImage]) -> Shown:
        """What pages tell of each image, given how all of them are stored."""
        told = [{"name": image.name, "file": image.file, "size": list(image.size)} for image in stored]
        return [{index: told[place] for index, place in of_run.items()} for of_run in self._places]


def write_images(stage: Path, pictures: Pictures, on_progress: OnProgress) -> list[StoredImage]:
    """Writes them to ``images/``, and tells of them what pages need: their contents are let go."""
    (stage / "images").mkdir()
    stored: list[StoredImage] = []
    on_progress("images", 0, len(pictures.images))
    for image in pictures.stored():
        (stage / "images" / image.file).write_bytes(image.content)
        stored.append(replace(image, content=b""))
        on_progress("images", len(stored), len(pictures.images))
    return stored


def _stored(image: ShownImage, factor: float | None) -> tuple[bytes, str, tuple[int, int]]:
    """Content, suffix and size of an image made smaller by ``factor``, or as it is.

    Raises ``NetdissectError`` if it cannot be read.
    """
    try:
        with Image.open(io.BytesIO(image.jpeg)) as picture:
            if factor is None:
                return image.jpeg, "jpg", picture.size
            side = max(SMALLEST, round(factor * max(picture.size)))
            picture.thumbnail((side, side), Image.Resampling.BICUBIC)
            buffer = io.BytesIO()
            picture.save(buffer, "WEBP", quality=_QUALITY, method=2)
            return buffer.getvalue(), "webp", picture.size
    except (OSError, ValueError) as error:
        raise NetdissectError(f"{image.name}: the run's picture of it cannot be read") from error
