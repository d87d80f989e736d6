"""A folder of images and masks: ``images/``, ``labels/`` and ``classes.csv``."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int32
from PIL import Image

from netdissect.concepts.base import unlisted_number
from netdissect.concepts.files import (
    check_proportions,
    fingerprint,
    read_image,
    read_indices,
    read_number,
    read_table,
    squash,
)
from netdissect.concepts.kinds import DatasetRequest
from netdissect.labels import Labels
from netdissect.types import UNLABELLED, BadSampleError, Concept, NetdissectError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")

#: Names of classes that carry no concept, in lower case and without punctuation.
NO_CONCEPT_NAMES = frozenset(
    [
        "unlabelled",
        "unlabeled",
        "unlabel",
        "unannotated",
        "unknown",
        "undefined",
        "unspecified",
        "void",
        "ignore",
        "ignored",
        "dontcare",
        "none",
        "nolabel",
        "notlabelled",
        "notlabeled",
    ]
)

#: The index of pixels to be ignored, by the convention of most datasets.
IGNORED_INDEX = 255


class FolderKind:
    """The kind of dataset that is a folder of images and masks."""

    takes_ignore_index = True

    def recognizes(self, spec: str | Path) -> bool:
        return all((Path(spec) / name).is_dir() for name in ("images", "labels"))

    def open(self, spec: str | Path, request: DatasetRequest) -> "FolderDataset":
        """Open the folder, with label maps of half the images' size, as in Broden."""
        height, width = (max(side // 2, 1) for side in request.size)
        return FolderDataset(
            spec, label_shape=(height, width), ignore_index=request.ignore_index, skip_bad=request.skip_bad
        )


class FolderDataset:
    """Images in ``images/``, label maps of the same stem in ``labels/`` (PNG of class indices); a ``ConceptDataset``.

    ``classes.csv`` (``index,name[,category]``), in the folder or its parent, names the indices. Concept numbers are the
    indices plus one, since index 0 is a class like any other. Indices named *unlabelled*, *void* and the like, 255 and
    ``ignore_index`` carry no concept. Label maps are squashed to ``label_shape`` by nearest neighbour. Classes without
    a category in the table have ``category``.

    Raises ``NetdissectError`` if images and label maps do not pair up. With ``skip_bad``, reading an image or a label
    map without a partner raises ``BadSampleError`` instead.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     root = Path(folder)
    ...     _ = (root / "classes.csv").write_text("index,name\\n0,road\\n1,sky\\n")
    ...     for name in ("images", "labels"):
    ...         (root / name).mkdir()
    ...     Image.new("RGB", (4, 4)).save(root / "images" / "1.png")
    ...     Image.new("L", (4, 4), 1).save(root / "labels" / "1.png")
    ...     data = FolderDataset(root, label_shape=(1, 2))
    ...     data.image_name(0), data.labels(0).maps.tolist(), [concept.name for concept in data.concepts]
    ('1.png', [[[2, 2]]], ['road', 'sky'])
    """

    def __init__(
        self,
        root: str | Path,
        *,
        label_shape: tuple[int, int] = (112, 112),
        ignore_index: Sequence[int] = (),
        skip_bad: bool = False,
        category: str = "object",
    ) -> None:
        self.root = Path(root)
        self.label_shape = label_shape
        self.classes = _find_classes(self.root)
        self.concepts, self._numbers = _read_classes(self.classes, {IGNORED_INDEX, *ignore_index}, category)
        self._images = _by_stem(self.root / "images", IMAGE_SUFFIXES)
        self._labels = _by_stem(self.root / "labels", (".png",))
        self._stems = sorted(set(self._images) | set(self._labels))
        if not self._stems:
            raise NetdissectError(f"{self.root}: no images in images/ and no label maps in labels/")
        if not skip_bad:
            self._check_pairs()

    @property
    def name(self) -> str:
        folder = self.root.resolve()
        return folder.name if self.classes.parent.resolve() == folder else f"{folder.parent.name}/{folder.name}"

    def __len__(self) -> int:
        return len(self._stems)

    def image(self, index: int) -> Image.Image:
        return read_image(self._path(self._images, index, "image"))

    def labels(self, index: int) -> Labels:
        return Labels(squash(self.label_map(index), self.label_shape)[None])

    def label_map(self, index: int) -> Int32[np.ndarray, "h w"]:
        """Return concept numbers at the label map's own resolution, 0 for no concept; raises as ``labels``."""
        path = self._path(self._labels, index, "label map")
        indices = read_indices(path)
        self._check_shape(indices.shape, index, path)
        unlisted = unlisted_number(indices, self._numbers >= 0)
        if unlisted is not None:
            raise NetdissectError(f"{path}: class {unlisted} is not in {self.classes}")
        return self._numbers[indices]

    def image_path(self, index: int) -> Path:
        """Return the path of the image; if it is missing, a path that it could have."""
        stem = self._stems[index]
        return self._images.get(stem) or self.root / "images" / f"{stem}{IMAGE_SUFFIXES[0]}"

    def label_path(self, index: int) -> Path:
        """Return the path of the label map, which may be missing."""
        return self.root / "labels" / f"{self._stems[index]}.png"

    def image_name(self, index: int) -> str:
        path = self._images.get(self._stems[index])
        return path.name if path else self._stems[index]

    def fingerprint(self) -> str:
        files = [folder[stem] for stem in self._stems for folder in (self._images, self._labels) if stem in folder]
        return fingerprint(self.root, [self.classes], files)

    def _path(self, folder: dict[str, Path], index: int, kind: str) -> Path:
        stem = self._stems[index]
        if stem not in folder:
            partner = (self._images.get(stem) or self._labels[stem]).name
            raise BadSampleError(f"{self.root}: {partner} has no {kind} of the same stem")
        return folder[stem]

    def _check_pairs(self) -> None:
        for kind, have, partners in (
            ("label map", self._images, self._labels),
            ("image", self._labels, self._images),
        ):
            alone = [have[stem].name for stem in sorted(set(have) - set(partners))]
            if alone:
                raise NetdissectError(
                    f"{self.root}: {len(self._images)} images and {len(self._labels)} label maps: {len(alone)} without "
                    f"{kind} of the same stem, the first {alone[0]} (--skip-bad leaves them out)"
                )

    def _check_shape(self, shape: tuple[int, ...], index: int, path: Path) -> None:
        """Raise ``BadSampleError`` unless image and label map have the same proportions; both will be squashed."""
        image = self._path(self._images, index, "image")
        try:
            with Image.open(image) as opened:
                size = opened.size
        except OSError:
            return  # reading the image will say what is wrong with it
        check_proportions(path, "label map", shape, size)


def names_no_concept(name: str) -> bool:
    """Return whether a class of this name carries no concept.

    >>> names_no_concept("Not labelled"), names_no_concept("road")
    (True, False)
    """
    plain = "".join(letter for letter in name.lower() if letter.isalnum())
    return not plain or plain in NO_CONCEPT_NAMES


def _find_classes(root: Path) -> Path:
    for folder in (root, root.resolve().parent):
        if (folder / "classes.csv").is_file():
            return folder / "classes.csv"
    raise NetdissectError(f"{root}: no classes.csv (index,name[,category]) in the folder or its parent")


def _read_classes(path: Path, ignored: set[int], default_category: str) -> tuple[tuple[Concept, ...], np.ndarray]:
    """Read the concepts, and the concept number of each class index: 0 for no concept, -1 for an unlisted index."""
    rows = {}
    for row in read_table(path, ["index", "name"]):
        index = read_number(row["index"], path, "index")
        if index in rows or index < 0:
            raise NetdissectError(f"{path}: index {index} is negative or listed twice")
        rows[index] = row
    numbers = np.full(max([*rows, *ignored]) + 1, -1, dtype=np.int32)
    numbers[[index for index in ignored if index >= 0]] = UNLABELLED
    concepts: dict[tuple[str, str], Concept] = {}
    for index in sorted(set(rows) - ignored):
        name, category = rows[index]["name"], rows[index].get("category") or default_category
        if names_no_concept(name):
            numbers[index] = UNLABELLED
            continue
        # Two indices of one name are one concept.
        concept = concepts.setdefault((name, category), Concept(index + 1, name, category))
        numbers[index] = concept.number
    if not concepts:
        raise NetdissectError(f"{path}: lists no class that carries a concept")
    return tuple(concepts.values()), numbers


def _by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    if not folder.is_dir():
        raise NetdissectError(f"{folder}: no such folder")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in suffixes and not path.name.startswith("."):
            if path.stem in found:
                raise NetdissectError(f"{folder}: {found[path.stem].name} and {path.name} have the same stem")
            found[path.stem] = path
    return found
