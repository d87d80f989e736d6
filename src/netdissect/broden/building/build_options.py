"""The options of a build, checked."""

from dataclasses import dataclass
from pathlib import Path

from netdissect.types import NetdissectError

#: Pixels on a side of the images that are written, at most.
_LARGEST_SIZE = 2**14


@dataclass(frozen=True)
class BuildOptions:
    """How a Broden is built.

    Images are squashed to ``size`` (H, W); label maps have half of it. With ``colors`` each pixel is named by
    ``color_table``, a file for ``read_color_table``, or by our own table. Concepts have at least ``min_images`` images
    and a coverage of ``min_coverage`` images. With ``skip_bad``, unreadable images are left out. ``workers`` processes
    do the work, by default one per core; a script that is not guarded by ``if __name__ == "__main__"`` can have no more
    than one.

    Raises ``NetdissectError`` for impossible options.

    >>> BuildOptions(size=(112, 113)).label_shape
    (56, 56)
    """

    size: tuple[int, int] = (224, 224)
    colors: bool = True
    color_table: Path | None = None
    min_images: int = 10
    min_coverage: float = 0.5
    skip_bad: bool = False
    workers: int | None = None

    def __post_init__(self) -> None:
        height, width = self.size
        if min(self.size) < 2 or max(self.size) > _LARGEST_SIZE:
            raise NetdissectError(f"images of {height}x{width} pixels: from 2 to {_LARGEST_SIZE} on each side")
        if self.min_images < 1 or not self.min_coverage >= 0:
            raise NetdissectError("a concept needs at least 1 image, and a coverage of at least 0")
        if self.workers is not None and self.workers < 1:
            raise NetdissectError(f"{self.workers} workers can do nothing")

    @property
    def label_shape(self) -> tuple[int, int]:
        return (max(self.size[0] // 2, 1), max(self.size[1] // 2, 1))
