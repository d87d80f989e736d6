"""The images of a page or a report: each stored once, and all together small enough to be passed on."""

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

#: Plain data of images, per result by the image's index in its dataset.
Shown = Sequence[Mapping[int, dict[str, Any]]]

#: Bytes of all images together, about, unless images would be smaller than ``SMALLEST``.
BUDGET = 36_000_000

#: The least length of an image's longer side, in pixels.
SMALLEST = 80

#: The quality of WebP.
_QUALITY = 60

#: Of street scenes and textures, a run's JPEGs made smaller by a factor f took 0.46 * f ** 1.54 of their bytes as WebP.
_WEBP_SHARE, _WEBP_POWER = 0.46, 1.54


@dataclass(frozen=True)
class StoredImage:
    """A stored image, with its ``size`` (width, height) in pixels."""

    content: bytes = field(repr=False)
    name: str
    file: str
    size: tuple[int, int]


class ImageStore:
    """The images of ``results``, each once, however many results show it.

    ``wanted`` has per result the indices of its images to store, None for all images. Images of more than ``budget``
    bytes together are made smaller.
    """

    def __init__(
        self,
        results: Sequence[Result],
        wanted: Sequence[Collection[int]] | None = None,
        budget: int = BUDGET,
    ) -> None:
        self.budget = budget
        known: dict[tuple[str, bytes], int] = {}
        self.images: list[ShownImage] = []
        self._numbers: list[dict[int, int]] = [{} for _ in results]
        for run, result in enumerate(results):
            for index in sorted(result.images if wanted is None else wanted[run]):
                image = result.images[index]
                number = known.setdefault((image.name, hashlib.sha256(image.jpeg).digest()), len(self.images))
                if number == len(self.images):
                    self.images.append(image)
                self._numbers[run][index] = number

    def stored(self) -> Iterator[StoredImage]:
        """Yield the images: unchanged if they are within the budget, else made smaller, as WebP."""
        total = sum(len(image.jpeg) for image in self.images)
        factor = None
        if total > self.budget:
            factor = min(1.0, (self.budget / (_WEBP_SHARE * total)) ** (1 / _WEBP_POWER))
        workers = reading_threads()
        contents = in_order(lambda image: _stored(image, factor), self.images, workers, 8 * workers)
        for number, (image, (content, suffix, size)) in enumerate(contents):
            yield StoredImage(content, image.name, f"{number}.{suffix}", size)

    def shown(self, stored: Sequence[StoredImage]) -> Shown:
        """Return name, file and size of each result's images, given all stored images."""
        plain = [{"name": image.name, "file": image.file, "size": list(image.size)} for image in stored]
        return [{index: plain[number] for index, number in numbers.items()} for numbers in self._numbers]


def write_images(stage: Path, store: ImageStore, on_progress: OnProgress) -> list[StoredImage]:
    """Write images to ``images/``, and return them without their contents."""
    (stage / "images").mkdir()
    stored: list[StoredImage] = []
    on_progress("images", 0, len(store.images))
    for image in store.stored():
        (stage / "images" / image.file).write_bytes(image.content)
        stored.append(replace(image, content=b""))
        on_progress("images", len(stored), len(store.images))
    return stored


def _stored(image: ShownImage, factor: float | None) -> tuple[bytes, str, tuple[int, int]]:
    """Return content, suffix and size of an image made smaller by ``factor``, or unchanged.

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
