"""The published Broden, and any directory laid out like it.

``index.csv`` lists the images with their label maps and whole-image concepts per category. ``label.csv`` numbers the
concepts, and ``category.csv`` names the categories. Each ``c_<category>.csv`` has the coverage of its concepts.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from netdissect.concepts.base import check_dataset, listed_numbers, unlisted_number
from netdissect.concepts.files import fingerprint, read_image, read_label_colors, read_number, read_table
from netdissect.concepts.kinds import DatasetRequest
from netdissect.labels import Labels
from netdissect.types import UNLABELLED, BadSampleError, Concept, NetdissectError

#: The tables that every directory in Broden's layout has.
TABLES = ("index.csv", "label.csv", "category.csv")


class BrodenKind:
    """The kind of dataset that is a directory in Broden's layout."""

    takes_ignore_index = False

    def recognizes(self, spec: str | Path) -> bool:
        return (Path(spec) / TABLES[0]).is_file()

    def open(self, spec: str | Path, request: DatasetRequest) -> "BrodenDataset":
        return BrodenDataset(spec)


class BrodenDataset:
    """A directory in Broden's layout, of any resolution and with any categories; a ``ConceptDataset``.

    Raises ``NetdissectError`` if a table or a column is missing, and ``BadSampleError`` while reading images.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.categories = tuple(row["name"] for row in read_table(self.root / "category.csv", ["name"]))
        self.concepts = _read_concepts(self.root, self.categories)
        index = self.root / "index.csv"
        self._rows = read_table(index, ["image", "sh", "sw", *self.categories])
        if not self._rows:
            raise NetdissectError(f"{index}: lists no images")
        shapes = {(row["sh"], row["sw"]) for row in self._rows}
        if len(shapes) > 1:
            raise NetdissectError(f"{index}: label maps of several sizes (sh, sw): {sorted(shapes)[:3]}")
        height, width = shapes.pop()
        self.label_shape = (read_number(height, index, "sh"), read_number(width, index, "sw"))
        if min(self.label_shape) < 1:
            raise NetdissectError(f"{index}: label maps of (sh, sw) = {self.label_shape} have no pixels")
        check_dataset(self)
        self._listed = listed_numbers(self.concepts)

    @property
    def name(self) -> str:
        return self.root.resolve().name

    def __len__(self) -> int:
        return len(self._rows)

    def image(self, index: int) -> Image.Image:
        return read_image(self.root / "images" / self._rows[index]["image"])

    def labels(self, index: int) -> Labels:
        row = self._rows[index]
        maps: list[np.ndarray] = []
        whole: list[int] = []
        for item in self._items(row):
            if item.isdecimal():
                whole.append(int(item))
            else:
                maps.append(self._read_map(self.root / "images" / item))
        self._check_listed(np.array(whole, dtype=object), f"{self.root / 'index.csv'}: {row['image']}")
        stack = np.stack(maps) if maps else np.zeros((0, *self.label_shape), dtype=np.int32)
        return Labels(stack, tuple(dict.fromkeys(number for number in whole if number != UNLABELLED)))

    def image_name(self, index: int) -> str:
        return self._rows[index]["image"]

    def fingerprint(self) -> str:
        tables = [self.root / name for name in TABLES]
        tables += [self.root / f"c_{category}.csv" for category in self.categories]
        names = (name for row in self._rows for name in (row["image"], *self._items(row)) if not name.isdecimal())
        return fingerprint(self.root, tables, (self.root / "images" / name for name in names))

    def _items(self, row: dict[str, str]) -> list[str]:
        """Return the label maps and whole-image numbers of an image, in all categories."""
        items = (item.strip() for category in self.categories for item in row[category].split(";"))
        return [item for item in items if item]

    def _read_map(self, path: Path) -> np.ndarray:
        pixels = read_label_colors(path)
        if pixels.shape != self.label_shape:
            raise BadSampleError(
                f"{path}: the label map is {pixels.shape}, index.csv says (sh, sw) = {self.label_shape}"
            )
        self._check_listed(pixels, str(path))
        return pixels

    def _check_listed(self, numbers: np.ndarray, where: str) -> None:
        unlisted = unlisted_number(numbers, self._listed)
        if unlisted is not None:
            raise NetdissectError(f"{where}: label {unlisted} is not in label.csv")


def _read_concepts(root: Path, categories: tuple[str, ...]) -> tuple[Concept, ...]:
    """Read the rows of ``label.csv``, each with its primary category."""
    table = root / "label.csv"
    primary = _primary_categories(root, categories)
    concepts: dict[int, Concept] = {}
    for row in read_table(table, ["number", "name"]):
        number = read_number(row["number"], table, "number")
        if number in concepts or number == UNLABELLED:
            raise NetdissectError(f"{table}: number {number} is listed twice or is that of unlabelled pixels")
        if number not in primary:
            raise NetdissectError(f"{table}: concept {number} ({row['name']}) stands in none of the c_*.csv files")
        synonyms = tuple(filter(None, (part.strip() for part in row.get("syns", "").split(";"))))
        concepts[number] = Concept(number, row["name"], primary[number], synonyms)
    if not concepts:
        raise NetdissectError(f"{table}: lists no concepts")
    return tuple(concepts[number] for number in sorted(concepts))


def _primary_categories(root: Path, categories: tuple[str, ...]) -> dict[int, str]:
    """Return each concept's category of highest coverage; in a tie, the later in ``category.csv``."""
    best: dict[int, tuple[float, str]] = {}
    for category in categories:
        table = root / f"c_{category}.csv"
        for row in read_table(table, ["number", "coverage"]):
            number = read_number(row["number"], table, "number")
            try:
                coverage = float(row["coverage"])
            except ValueError:
                raise NetdissectError(f"{table}: coverage {row['coverage']!r} is not a number") from None
            if number not in best or coverage >= best[number][0]:
                best[number] = (coverage, category)
    return {number: category for number, (_, category) in best.items()}
