"""The Describable Textures Dataset, release 1.0.1: textures of whole images.

``dtd-r1.0.1.tar.gz``, 5,640 images of 47 textures, from robots.ox.ac.uk/~vgg/data/dtd (Cimpoi et al., *Describing
Textures in the Wild*, CVPR 2014). In its joint annotation, which is read, an image may have several textures.
"""

from pathlib import Path, PurePosixPath

from netdissect.broden.building.source import Annotation
from netdissect.broden.files import read_lines
from netdissect.types import UNLABELLED, NetdissectError

TABLE = "labels/labels_joint_anno.txt"


class Dtd:
    """The release in the folder ``root``, or in its folder ``dtd`` or ``dtd-r1.0.1``; a ``Source``.

    Textures are labels of whole images, in the order of the joint annotation, numbered from 1 by name.

    Raises ``NetdissectError`` if the joint annotation is missing, lists no images, or has a line that makes no sense.
    """

    name = "dtd"

    def __init__(self, root: Path) -> None:
        self.root = _find_release(root)
        textures_of = _read_joint(self.root / TABLE)
        textures = sorted({texture for several in textures_of.values() for texture in several})
        numbers = {texture: number for number, texture in enumerate(textures, 1)}
        self._images = tuple(textures_of)
        self._labels = tuple(tuple(numbers[texture] for texture in several) for several in textures_of.values())
        self._names = {UNLABELLED: (), **{number: (texture,) for texture, number in numbers.items()}}

    def __len__(self) -> int:
        return len(self._images)

    def image_path(self, index: int) -> Path:
        return self.root / "images" / self._images[index]

    def label_files(self, index: int) -> tuple[Path, ...]:
        return ()

    def annotation(self, index: int) -> Annotation:
        return Annotation(whole={"texture": self._labels[index]})

    def names(self, category: str, label: int) -> tuple[str, ...]:
        return self._names[label]

    def published_name(self, category: str, label: int) -> str:
        return "".join(self._names[label])


def _find_release(root: Path) -> Path:
    for folder in (root, root / "dtd", root / "dtd-r1.0.1"):
        if (folder / TABLE).is_file():
            return folder
    raise NetdissectError(f"{root}: no {TABLE}, neither here nor in dtd/ or dtd-r1.0.1/")


def _read_joint(path: Path) -> dict[str, tuple[str, ...]]:
    """Read the textures of each image, a path below ``images/``, in the file's order."""
    textures_of: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(read_lines(path), 1):
        image, *textures = line.split() or [""]
        if not image:
            continue
        below = PurePosixPath(image)
        if below.is_absolute() or ".." in below.parts:
            raise NetdissectError(f"{path}: line {number}: {image} does not lie below images/")
        if not textures or image in textures_of:
            wrong = "is listed twice" if textures else "has no texture"
            raise NetdissectError(f"{path}: line {number}: {image} {wrong}")
        textures_of[image] = tuple(dict.fromkeys(textures))
    if not textures_of:
        raise NetdissectError(f"{path}: lists no images")
    return textures_of
