"""Judge the rows of ``index.csv`` of a Broden directory, without opening an image."""

import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PureWindowsPath

from netdissect.broden.check.findings import Findings
from netdissect.broden.check.tables import Row, Tables, whole_number

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Entry:
    """An image of ``index.csv``. Sizes, (height, width), are None if the table has no sensible ones.

    ``maps`` pairs categories with label maps, ``whole`` with the numbers of whole-image concepts. Files are as listed:
    below ``images/``, if nothing is wrong.
    """

    image: str
    image_size: tuple[int, int] | None
    label_shape: tuple[int, int] | None
    maps: tuple[tuple[str, str], ...]
    whole: tuple[tuple[str, int], ...]


def read_index(found: Findings, tables: Tables) -> list[Entry]:
    """Read the images in the index's order, each once; none if the table cannot be read."""
    required = list(tables.categories or ())
    needed = ["image", "sh", "sw", *required]
    rows = found.table("index.csv", needed, ["split", "ih", "iw"], may_be_empty=required)
    if rows is None:
        return []
    if not rows:
        found.problem("index.csv", "lists no images")
    categories = [category for category in tables.shares if rows and category in rows[0]]
    entries: dict[str, Entry] = {}
    for row in rows:
        image = row.get("image", "")
        if image in entries:
            found.problem("index.csv", f"{image} is listed twice")
        elif image:
            entries[image] = _entry(row, categories)
            for what in _problems(row, entries[image], tables):
                found.problem("index.csv", f"{image}: {what}")
    _judge_shapes(found, entries.values())
    return list(entries.values())


def leaves_images(file: str) -> bool:
    """Return whether a listed path would leave ``images/`` on any system.

    >>> leaves_images("a/b.jpg"), leaves_images("a/../../b.jpg"), leaves_images("C:b.jpg")
    (False, True, True)
    """
    path = PureWindowsPath(file)
    return bool(path.anchor) or posixpath.normpath(path.as_posix()).split("/")[0] == ".."


def _entry(row: Row, categories: Sequence[str]) -> Entry:
    maps, whole = [], []
    for category in categories:
        for item in filter(None, (text.strip() for text in row[category].split(";"))):
            number = whole_number(item) if item.isdecimal() else None
            if number is None:
                maps.append((category, item))
            else:
                whole.append((category, number))
    return Entry(row["image"], _size(row, "ih", "iw"), _size(row, "sh", "sw"), tuple(maps), tuple(whole))


def _size(row: Row, height: str, width: str) -> tuple[int, int] | None:
    sizes = whole_number(row.get(height, "")), whole_number(row.get(width, ""))
    return None if sizes[0] is None or sizes[1] is None or min(sizes[0], sizes[1]) < 1 else (sizes[0], sizes[1])


def _problems(row: Row, entry: Entry, tables: Tables) -> Iterator[str]:
    for column in ("ih", "iw", "sh", "sw"):
        if row.get(column) and (whole_number(row[column]) or 0) < 1:
            yield f"{column} {row[column]!r} is not a number of pixels"
    if row.get("split") and row["split"] not in SPLITS:
        yield f"split {row['split']!r} is none of {', '.join(SPLITS)}"
    for file in (entry.image, *(file for _, file in entry.maps)):
        if leaves_images(file):
            yield f"{file} leaves images/"
    for category, number in entry.whole:
        for what in tables.unlisted(category, [number]):
            yield f"{category}: {what}"


def _judge_shapes(found: Findings, entries: Iterable[Entry]) -> None:
    shapes = Counter(entry.label_shape for entry in entries if entry.label_shape)
    if len(shapes) > 1:
        listed = ", ".join(f"{shape} of {count}" for shape, count in shapes.most_common(3))
        found.problem("index.csv", f"label maps of several sizes (sh, sw): {listed} images")
