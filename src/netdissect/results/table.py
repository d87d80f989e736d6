"""Tables of units as the authors' tools publish them, read as results: a CSV file per layer.

A row per unit, counted from 1: ``unit``, the ``category``, ``label`` and ``score`` (IoU) of its best concept, and for
each category its best concept there: ``<category>-label``, ``-truth`` (the concept's area), ``-activation`` (the unit's
area on images of the category), ``-intersect`` and ``-iou``. Our own tables have further columns, which other readers
may ignore: ``<category>-number``, the concept's number, and metadata of the run (``RUN_COLUMNS``).
"""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from netdissect.results.description import DataDescription, NetworkDescription, RunDescription
from netdissect.results.layer import LayerResult
from netdissect.results.parts import Counts
from netdissect.results.published import PAPER_CUT, PAPER_DATASET, PAPER_LABELS, PAPER_QUANTILE, published_layer
from netdissect.results.run import Result
from netdissect.types import Concept, NetdissectError, nearest, one_line, sorted_categories

#: The columns that a table must have for the unit, and for each category.
UNIT_FIELDS = ("unit", "category", "label", "score")
CATEGORY_FIELDS = ("label", "truth", "activation", "intersect", "iou")

#: The metadata of the run in our own tables, the same in every row.
RUN_COLUMNS = ("run", "layer", "iou_threshold", "quantile", "dataset", "labels")

#: The most by which a rounded IoU may differ from the IoU of the table's counts.
_ROUNDING = 0.001

#: The name of the concept of a category in which no unit has one.
_UNNAMED = "(none)"

_AS_THE_PAPER = (
    f"the table does not say how it was made: taken to be as the paper's, on {PAPER_DATASET}, with a quantile of "
    f"{PAPER_QUANTILE:g} and a cut of {PAPER_CUT:g}"
)

_Row = Mapping[str, str]


def read_table(path: str | Path) -> Result:
    """Return the table in a file as a result of one layer, with units counted from 0, that has counts alone.

    Only the best concept of each category is known for a unit; a nameless concept, as in some of the authors' tables,
    counts as none. Raises ``NetdissectError`` for any other file.
    """
    path = Path(path)
    rows = _read_rows(path)
    categories = _categories(path, rows[0])
    units = _units(path, rows)
    entries = _entries(path, rows, units, categories)
    metadata = _metadata(path, rows[0])
    layer = _layer(entries, len(rows), categories, metadata)
    description = RunDescription(
        network=NetworkDescription(name=metadata["run"]),
        data=DataDescription(name=metadata["dataset"], fingerprint=metadata["labels"]),
        notes=() if "dataset" in rows[0] else (_AS_THE_PAPER,),
        table=path.name,
    )
    return Result(metadata["run"], {layer.layer: layer}, {}, description)


def _read_rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise NetdissectError(f"{path}: cannot be read as a table of units: {one_line(error)}") from error
    if not rows:
        raise NetdissectError(f"{path}: holds no units")
    for line, row in enumerate(rows, 1):
        if None in row or None in row.values():
            raise NetdissectError(f"{path}: row {line} has more or fewer fields than there are columns")
    return rows


def _categories(path: Path, row: _Row) -> tuple[str, ...]:
    """Return the categories that the table has columns for. Raises ``NetdissectError`` if any column is missing."""
    missing = [name for name in UNIT_FIELDS if name not in row]
    # A category is there if any of its columns is: a table may lack one of the others.
    endings = [(f"-{field}", name) for field in CATEGORY_FIELDS for name in row if name.endswith(f"-{field}")]
    found = sorted_categories({name.removesuffix(ending) for ending, name in endings})
    missing += [f"{name}-{field}" for name in found for field in CATEGORY_FIELDS if f"{name}-{field}" not in row]
    if missing:
        suggestion = nearest(missing[0], list(row), 1)
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise NetdissectError(
            f"{path}: not a table of units: it lacks the columns {', '.join(missing[:5])}{more}{suggestion}"
        )
    if not found:
        raise NetdissectError(f"{path}: not a table of units: no category has columns such as object-iou")
    return found


def _units(path: Path, rows: Sequence[_Row]) -> list[int]:
    """Return the unit of each row, counted from 0."""
    units = [_number(path, line, row, "unit") - 1 for line, row in enumerate(rows, 1)]
    for line, unit in enumerate(units, 1):
        if unit < 0:
            raise NetdissectError(f"{path}: row {line} is unit {unit + 1}; in such a table they count from 1")
    if len({*units}) < len(units):
        twice = next(unit for row, unit in enumerate(units) if unit in units[:row])
        raise NetdissectError(f"{path}: unit {twice + 1} has two rows")
    absent = max(units) + 1 - len(units)
    if absent:
        first = next(unit for unit in range(len(units)) if unit not in {*units})
        raise NetdissectError(f"{path}: {absent} units up to {max(units) + 1} have no row, the first: {first + 1}")
    return units


@dataclass(frozen=True)
class _Entry:
    """The fields of a row for one category; ``concept`` is None if no concept is named."""

    unit: int
    category: str
    area: int
    intersection: int
    concept: tuple[str, int, str, int] | None


def _entries(path: Path, rows: Sequence[_Row], units: Sequence[int], categories: Sequence[str]) -> list[_Entry]:
    """Return the entries of all rows; a concept is identified by category, number (0 for none), name and area."""
    entries = []
    for line, (row, unit) in enumerate(zip(rows, units, strict=True), 1):
        ious = dict.fromkeys(categories, 0.0)
        for category in categories:
            truth, activation, intersect = (
                _number(path, line, row, f"{category}-{field}") for field in ("truth", "activation", "intersect")
            )
            name, concept = row[f"{category}-label"], None
            if activation < 0:
                raise NetdissectError(f"{path}: row {line}: {category}-activation is {activation}")
            if name and intersect:
                if not 0 < intersect <= min(truth, activation):
                    areas = f"{truth} and {activation}"
                    raise NetdissectError(f"{path}: row {line}: {category}-intersect is {intersect}, of areas {areas}")
                ious[category] = intersect / (truth + activation - intersect)
                _check_iou(path, line, row, category, ious[category])
                concept = (category, _concept_number(path, line, row, category), name, truth)
            entries.append(_Entry(unit, category, activation, intersect if concept else 0, concept))
        _check_label(path, line, row, ious)
    return entries


def _check_label(path: Path, line: int, row: _Row, ious: Mapping[str, float]) -> None:
    """Raise ``NetdissectError`` if the row's label is not its best concept, by the counts of all."""
    best = max(ious, key=lambda category: ious[category])
    category, score = row["category"] or best, _real(path, line, row, "score")
    if row["category"] and row["label"] != row.get(f"{category}-label"):
        raise NetdissectError(f"{path}: row {line}: label is {row['label']!r}, but no concept of {category} there")
    if max(abs(score - ious[best]), ious[best] - ious[category]) > _ROUNDING:
        raise NetdissectError(
            f"{path}: row {line}: {row['label'] or 'no label'} with a score of {score:g}, but by the counts its best "
            f"concept is {row[f'{best}-label']}, {ious[best]:.4g}"
        )


def _concept_number(path: Path, line: int, row: _Row, category: str) -> int:
    name = f"{category}-number"
    return _number(path, line, row, name) if name in row else 0


def _check_iou(path: Path, line: int, row: _Row, category: str, counted: float) -> None:
    """Raise ``NetdissectError`` if the row's IoU is not the IoU of its counts."""
    given = _real(path, line, row, f"{category}-iou")
    if not abs(given - counted) <= _ROUNDING:
        raise NetdissectError(f"{path}: row {line}: {category}-iou is {given:g}, but its counts give {counted:.4g}")


def _number(path: Path, line: int, row: _Row, name: str) -> int:
    """Return a whole number, which may be written as 12.0."""
    value = _real(path, line, row, name)
    if value != int(value):
        raise NetdissectError(f"{path}: row {line}: {name} is not a whole number: {row[name]!r}")
    return int(value)


def _real(path: Path, line: int, row: _Row, name: str) -> float:
    try:
        value = float(row[name])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise NetdissectError(f"{path}: row {line}: {name} is not a number: {row[name]!r}")
    return value


def _metadata(path: Path, row: _Row) -> dict[str, Any]:
    """Return the metadata of the table's run; columns that it lacks are as for the authors' tables."""
    given = {name: row[name] for name in RUN_COLUMNS if row.get(name)}
    name = given.get("run", path.stem)
    defaults = {
        "run": name,
        "layer": published_layer(name) or "layer",
        "dataset": PAPER_DATASET,
        "labels": PAPER_LABELS,
    }
    cuts = {
        column: _real(path, 1, row, column) if column in given else paper
        for column, paper in (("iou_threshold", PAPER_CUT), ("quantile", PAPER_QUANTILE))
    }
    if not (0 <= cuts["iou_threshold"] < 1 and 0 < cuts["quantile"] < 1):
        raise NetdissectError(
            f"{path}: a cut of {cuts['iou_threshold']:g} and a quantile of {cuts['quantile']:g} are not in 0..1"
        )
    return {**defaults, **given, **cuts}


def _layer(
    entries: Sequence[_Entry], units: int, categories: Sequence[str], metadata: Mapping[str, Any]
) -> LayerResult:
    keys = {entry.concept for entry in entries if entry.concept}
    # A concept that no mask overlaps, so that a category without any named concept is still counted.
    keys |= {(name, 0, _UNNAMED, 0) for name in {*categories} - {key[0] for key in keys}}
    # In the order of their numbers; concepts without a number by category and name.
    ordered = sorted(keys, key=lambda key: (key[1], categories.index(key[0]), key[2:]))
    column = {key: index for index, key in enumerate(ordered)}
    intersection = np.zeros((units, len(ordered)), dtype=np.int64)
    unit_area = np.zeros((units, len(categories)), dtype=np.int64)
    for entry in entries:
        unit_area[entry.unit, categories.index(entry.category)] = entry.area
        if entry.concept:
            intersection[entry.unit, column[entry.concept]] = entry.intersection
    counts = Counts(
        concepts=tuple(Concept(key[1] or index + 1, key[2], key[0]) for index, key in enumerate(ordered)),
        intersection=intersection,
        unit_area=unit_area,
        concept_area=np.array([key[3] for key in ordered], dtype=np.int64),
    )
    return LayerResult(
        metadata["layer"], counts, quantile=metadata["quantile"], iou_threshold=metadata["iou_threshold"]
    )


def open_result(path: str | Path) -> Result:
    """Return the run in a directory, or the table in a file. Raises ``NetdissectError`` for anything else.

    >>> open_result("nowhere")
    Traceback (most recent call last):
    netdissect.types.NetdissectError: nowhere: no such run or table
    """
    path = Path(path)
    if not path.exists():
        raise NetdissectError(f"{path}: no such run or table")
    return read_table(path) if path.is_file() else Result.load(path)
