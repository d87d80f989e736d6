"""A person's own images, a directory per concept of whole images."""

from pathlib import Path

from netdissect.broden.building.source import Annotation
from netdissect.concepts.folder import IMAGE_SUFFIXES
from netdissect.types import UNLABELLED, NetdissectError


class ImageFolder:
    """The images below each directory of ``root``, a ``Source``: the directory is the concept of the whole image.

    Labels are numbered from 1 by the directories' names, in which ``_`` stands for a space. Hidden files, hidden
    directories and directories without images do not matter.

    Raises ``NetdissectError`` if ``root`` is no directory, holds images itself, or has no directory with images.
    """

    name = "imagefolder"

    def __init__(self, root: Path, category: str = "scene") -> None:
        self.root = root
        self.category = category
        images_of = _find_images(root)
        self._images = tuple(image for images in images_of.values() for image in images)
        self._labels = tuple(label for label, images in enumerate(images_of.values(), 1) for _ in images)
        self._names: dict[int, tuple[str, ...]] = {UNLABELLED: ()}
        self._names |= {label: (name.replace("_", " "),) for label, name in enumerate(images_of, 1)}

    def __len__(self) -> int:
        return len(self._images)

    def image_path(self, index: int) -> Path:
        return self.root / self._images[index]

    def label_files(self, index: int) -> tuple[Path, ...]:
        return ()

    def annotation(self, index: int) -> Annotation:
        return Annotation(whole={self.category: (self._labels[index],)})

    def names(self, category: str, label: int) -> tuple[str, ...]:
        return self._names[label]

    def published_name(self, category: str, label: int) -> str:
        return "".join(self._names[label])


def _find_images(root: Path) -> dict[str, list[str]]:
    """The images' paths below ``root`` per directory, all in order of their names."""
    if not root.is_dir():
        raise NetdissectError(f"{root}: no such directory (with a directory of images per concept)")
    images_of: dict[str, list[str]] = {}
    for path in sorted(root.iterdir()):
        if _is_image(path, root):
            raise NetdissectError(f"{path}: an image outside the directories, one per concept, of {root}")
        if path.is_dir():
            images = [image.relative_to(root).as_posix() for image in path.rglob("*") if _is_image(image, root)]
            if images:
                images_of[path.name] = sorted(images)
    if not images_of:
        raise NetdissectError(f"{root}: no directory with images in it (one per concept)")
    return images_of


def _is_image(path: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    return not hidden and path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()
