"""Tables of units as the authors' tools publish them, read as results: a CSV file per layer.

A row per unit, which count from 1: ``unit``, the ``category``, ``label`` and ``score`` (IoU) of its best concept, and
for each category what is known of its best concept there: ``<category>-label``, ``-truth`` (the concept's area),
``-activation`` (the unit's area on images of the category), ``-intersect`` and ``-iou``. Tables of ours have more
columns after these, which other readers need not know: ``<category>-number``, the concept's number, and what the run
was (``RUN_COLUMNS``).
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

#: What a table needs to have of the unit, and of each category.
OF_UNIT = ("unit", "category", "label", "score")
OF_CATEGORY = ("label", "truth", "activation", "intersect", "iou")

#: What tables of ours tell of the run, the same in every row.
RUN_COLUMNS = ("run", "layer", "iou_threshold", "quantile", "dataset", "labels")

#: IoUs of tables are rounded; a table whose counts give others than these by more is not what it seems.
_ROUNDING = 0.001

#: What stands for a category in which no unit has a concept.
_UNNAMED = "(none)"

_AS_THE_PAPER = (
    f"the table does not say how it was made: taken to be as the paper's, on {PAPER_DATASET}, with a quantile of "
    f"{PAPER_QUANTILE:g} and a cut of {PAPER_CUT:g}"
)

_Row = Mapping[str, str]


def read_table(path: str | Path) -> Result:
    """The table in a file as a result of one layer: its units counted from 0, without images and activations.

    Of each unit it knows the best concept of each category alone; a nameless one, which some of the authors' tables
    have, is none. The layer's thresholds are NaN. Raises ``NetdissectError`` for what is no such table.
    """
    path = Path(path)
    rows = _read_rows(path)
    categories = _categories(path, rows[0])
    units = _units(path, rows)
    entries = _entries(path, rows, units, categories)
    told = _told(path, rows[0])
    layer = _layer(entries, len(rows), categories, told)
    description = RunDescription(
        network=NetworkDescription(name=told["run"]),
        data=DataDescription(name=told["dataset"], fingerprint=told["labels"]),
        notes=() if "dataset" in rows[0] else (_AS_THE_PAPER,),
        table=path.name,
    )
    return Result(told["run"], {layer.layer: layer}, {}, description)


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
    """The categories that the table has columns for. Raises ``NetdissectError`` if any column is missing."""
    missing = [name for name in OF_UNIT if name not in row]
    # A table may lack any one of a category's columns: all others tell that the category is there.
    endings = [(f"-{what}", name) for what in OF_CATEGORY for name in row if name.endswith(f"-{what}")]
    found = sorted_categories({name.removesuffix(ending) for ending, name in endings})
    missing += [f"{name}-{what}" for name in found for what in OF_CATEGORY if f"{name}-{what}" not in row]
    if missing:
        like = nearest(missing[0], list(row), 1)
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise NetdissectError(
            f"{path}: not a table of units: it lacks the columns {', '.join(missing[:5])}{more}{like}"
        )
    if not found:
        raise NetdissectError(f"{path}: not a table of units: no category has columns such as object-iou")
    return found


def _units(path: Path, rows: Sequence[_Row]) -> list[int]:
    """The unit of each row, counted from 0."""
    units = [_number(path, line, row, "unit") - 1 for line, row in enumerate(rows, 1)]
    for line, unit in enumerate(units, 1):
        if unit < 0:
            raise NetdissectError(f"{path}: row {line} is unit {unit + 1}; in such a table they count from 1")
    if len({*units}) < len(units):
        twice = next(unit for place, unit in enumerate(units) if unit in units[:place])
        raise NetdissectError(f"{path}: unit {twice + 1} has two rows")
    absent = max(units) + 1 - len(units)
    if absent:
        first = next(unit for unit in range(len(units)) if unit not in {*units})
        raise NetdissectError(f"{path}: {absent} units up to {max(units) + 1} have no row, the first: {first + 1}")
    return units


@dataclass(frozen=True)
class _Entry:
    """What a row says of a category; ``concept`` is None where no concept is named."""

    unit: int
    category: str
    area: int
    intersection: int
    concept: tuple[str, int, str, int] | None


def _entries(path: Path, rows: Sequence[_Row], units: Sequence[int], categories: Sequence[str]) -> list[_Entry]:
    """All that the rows say; a concept is known by category, number (0 where there are none), name and area."""
    entries = []
    for line, (row, unit) in enumerate(zip(rows, units, strict=True), 1):
        ious = dict.fromkeys(categories, 0.0)
        for category in categories:
            truth, activation, intersect = (
                _number(path, line, row, f"{category}-{what}") for what in ("truth", "activation", "intersect")
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
    """Raises ``NetdissectError`` if the row's label is not its best concept, by the counts of all."""
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
    """Raises ``NetdissectError`` if the row's IoU is not what its counts give."""
    given = _real(path, line, row, f"{category}-iou")
    if not abs(given - counted) <= _ROUNDING:
        raise NetdissectError(f"{path}: row {line}: {category}-iou is {given:g}, but its counts give {counted:.4g}")


def _number(path: Path, line: int, row: _Row, name: str) -> int:
    """A whole number, which may be written as 12.0."""
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


def _told(path: Path, row: _Row) -> dict[str, Any]:
    """Which run a table is of, and how it was made; what it does not tell is as the authors' are."""
    told = {name: row[name] for name in RUN_COLUMNS if row.get(name)}
    name = told.get("run", path.stem)
    known = {"run": name, "layer": published_layer(name) or "layer", "dataset": PAPER_DATASET, "labels": PAPER_LABELS}
    cuts = {
        what: _real(path, 1, row, what) if what in told else paper
        for what, paper in (("iou_threshold", PAPER_CUT), ("quantile", PAPER_QUANTILE))
    }
    if not (0 <= cuts["iou_threshold"] < 1 and 0 < cuts["quantile"] < 1):
        raise NetdissectError(
            f"{path}: a cut of {cuts['iou_threshold']:g} and a quantile of {cuts['quantile']:g} are not in 0..1"
        )
    return {**known, **told, **cuts}


def _layer(entries: Sequence[_Entry], units: int, categories: Sequence[str], told: Mapping[str, Any]) -> LayerResult:
    keys = {entry.concept for entry in entries if entry.concept}
    # One that nothing overlaps, so that a category where units have no concept is still counted.
    keys |= {(name, 0, _UNNAMED, 0) for name in {*categories} - {key[0] for key in keys}}
    # In the order of their numbers; those without go by category and name.
    ordered = sorted(keys, key=lambda key: (key[1], categories.index(key[0]), key[2:]))
    column = {key: place for place, key in enumerate(ordered)}
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
    return LayerResult(told["layer"], counts, quantile=told["quantile"], iou_threshold=told["iou_threshold"])


def open_result(path: str | Path) -> Result:
    """The run in a directory, or the table in a file. Raises ``NetdissectError`` if it is neither."""
    path = Path(path)
    if not path.exists():
        raise NetdissectError(f"{path}: no such run or table")
    return read_table(path) if path.is_file() else Result.load(path)
