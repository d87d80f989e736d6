"""The embedded dataset: scenes painted on the fly from a seed and an index."""

import hashlib
from pathlib import Path
from typing import Any

from PIL import Image

from netdissect.concepts.kinds import DatasetRequest
from netdissect.labels import Labels
from netdissect.scenes.rendering import SMALLEST, VERSION, Rendering, render, scene_name
from netdissect.scenes.vocabulary import CONCEPTS, NUMBER
from netdissect.types import Concept, NetdissectError

#: The number of scenes unless a limit is given.
_COUNT = 1000


class ScenesKind:
    """The kind of dataset that the word ``scenes`` names; a limit is its number of images."""

    takes_ignore_index = False

    def recognizes(self, spec: str | Path) -> bool:
        return spec == "scenes"  # not a path: a folder may be called so

    def open(self, spec: str | Path, request: DatasetRequest) -> "Scenes":
        return Scenes(request.limit or _COUNT, size=request.size, seed=request.seed)


class Scenes:
    """Procedural scenes, in all six categories of concepts, with truth to the pixel; a ``ConceptDataset``.

    There are ``count`` images of ``size`` (H, W) pixels. An image depends on ``seed``, its index and ``size`` alone, so
    a longer dataset begins with the images of a shorter one.

    Raises ``NetdissectError`` if ``count`` or ``seed`` is too small or a side of ``size`` is below 32 pixels.

    >>> scenes = Scenes(count=2, size=(32, 48))
    >>> scenes.image_name(1), scenes.labels(1).maps.shape
    ('valley 000001', (5, 32, 48))
    """

    name = "scenes"

    def __init__(self, count: int = 1000, size: tuple[int, int] = (112, 112), seed: int = 0) -> None:
        height, width = size
        if count < 1:
            raise NetdissectError(f"scenes: count must be at least 1, not {count}")
        if min(height, width) < SMALLEST:
            raise NetdissectError(
                f"scenes: size must be at least {SMALLEST} by {SMALLEST} pixels, not {height} by {width}"
            )
        if seed < 0:
            raise NetdissectError(f"scenes: seed must be at least 0, not {seed}")
        self._count = count
        self._size = (height, width)
        self._seed = seed
        # One immutable pair, replaced as a whole: threads may render twice, but never see a half-made one.
        self._latest: tuple[int, Rendering] | None = None

    @property
    def concepts(self) -> tuple[Concept, ...]:
        return CONCEPTS

    @property
    def label_shape(self) -> tuple[int, int]:
        return self._size

    def __len__(self) -> int:
        return self._count

    def image(self, index: int) -> Image.Image:
        """Return the image in RGB. Raises ``IndexError`` out of range."""
        return Image.fromarray(self._rendering(index).pixels)

    def labels(self, index: int) -> Labels:
        """Return maps (5, H, W): objects, parts, materials, textures, colors. Raises ``IndexError`` out of range."""
        rendering = self._rendering(index)
        return Labels(rendering.maps.copy(), whole=(NUMBER[rendering.scene],))

    def image_name(self, index: int) -> str:
        """Return a name such as "street 000012". Raises ``IndexError`` out of range."""
        self._check(index)
        return f"{scene_name(self._seed, index)} {index:06d}"

    def fingerprint(self) -> str:
        """Return a hash of all that the images depend on."""
        text = f"scenes version={VERSION} count={self._count} size={self._size} seed={self._seed}"
        return hashlib.sha256(text.encode()).hexdigest()

    def _rendering(self, index: int) -> Rendering:
        """Return the scene at the index. The latest is remembered: image and labels are asked for in turn."""
        self._check(index)
        latest = self._latest
        if latest is None or latest[0] != index:
            latest = (index, render(self._seed, index, self._size))
            self._latest = latest
        return latest[1]

    def _check(self, index: int) -> None:
        if not 0 <= index < self._count:
            raise IndexError(f"scenes: index {index} is out of range for {self._count} images")

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the remembered scene, which is quickly painted again."""
        return {**self.__dict__, "_latest": None}
