"""Your own images, in a directory per concept of the whole image."""

from pathlib import Path

from netdissect.broden.building.source import Annotation
from netdissect.concepts.folder import IMAGE_SUFFIXES
from netdissect.types import UNLABELLED, NetdissectError


class ImageFolder:
    """The images below each directory of ``root``, a ``Source``: the directory is the concept of the whole image.

    Labels are numbered from 1 by the directories' names, in which ``_`` stands for a space. Hidden files, hidden
    directories and directories without images are ignored.

    Raises ``NetdissectError`` if ``root`` is no directory, holds images itself, or has no directory with images.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     (Path(folder) / "sea_side").mkdir()
    ...     (Path(folder) / "sea_side" / "1.jpg").touch()
    ...     source = ImageFolder(Path(folder))
    >>> source.annotation(0).whole, source.names("scene", 1)
    ({'scene': (1,)}, ('sea side',))
    """

    name = "imagefolder"

    def __init__(self, root: Path, category: str = "scene") -> None:
        self.root = root
        self.category = category
        found = _find_images(root)
        self._images = tuple(image for images in found.values() for image in images)
        self._labels = tuple(label for label, images in enumerate(found.values(), 1) for _ in images)
        self._names: dict[int, tuple[str, ...]] = {UNLABELLED: ()}
        self._names |= {label: (name.replace("_", " "),) for label, name in enumerate(found, 1)}

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
    """Return the images' paths below ``root`` per directory, sorted by name."""
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
