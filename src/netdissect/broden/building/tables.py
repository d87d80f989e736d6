"""Write the tables of a Broden directory: images, concepts, categories, and the fate of the sources' labels."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from netdissect.broden.building.merge import Decision, Merge, MergedConcept
from netdissect.broden.building.work import split_position
from netdissect.storage import write_text


def write_tables(
    folder: Path, merge: Merge, rows: Iterable[Mapping[str, str]], skipped: Sequence[tuple[str, str]]
) -> None:
    """Write all tables. ``rows`` are those of ``index.csv``; ``skipped`` pairs names of images with errors.

    Raises ``OSError``.
    """
    by_category = merge.categories()
    columns = ["image", "split", "ih", "iw", "sh", "sw", *by_category]
    ordered = sorted(rows, key=lambda row: (split_position(row["image"]), row["image"]))
    _write(folder / "index.csv", columns, [[row.get(column, "") for column in columns] for row in ordered])
    _write(
        folder / "label.csv",
        ["number", "name", "category", "frequency", "coverage", "syns"],
        [_label_row(concept) for concept in merge.concepts],
    )
    _write(
        folder / "category.csv",
        ["name", "first", "last", "count", "frequency"],
        [_category_row(category, concepts) for category, concepts in by_category.items()],
    )
    for category, concepts in by_category.items():
        _write(
            folder / f"c_{category}.csv",
            ["code", "number", "name", "frequency", "coverage"],
            _code_rows(category, concepts),
        )
    _write(
        folder / "merges.csv",
        ["number", "concept", "source", "category", "label", "published", "names", "images", "coverage", "why"],
        [_merge_row(decision) for decision in merge.decisions],
    )
    if skipped:
        _write(folder / "skipped.csv", ["image", "why"], skipped)


def _label_row(concept: MergedConcept) -> list[object]:
    categories = ";".join(f"{category}({images})" for category, images, _ in concept.categories)
    coverage = f"{concept.coverage:.6f}"
    return [concept.number, concept.name, categories, concept.images, coverage, ";".join(concept.synonyms)]


def _category_row(category: str, concepts: Sequence[MergedConcept]) -> list[object]:
    images = sum(_counts(concept, category)[0] for concept in concepts)
    return [category, concepts[0].number, concepts[-1].number, len(concepts), images]


def _code_rows(category: str, concepts: Sequence[MergedConcept]) -> list[list[object]]:
    """Sort concepts by falling images; codes number the concepts of a category without gaps."""
    rows = [(*_counts(concept, category), concept) for concept in concepts]
    rows.sort(key=lambda row: (-row[0], -row[1], row[2].number))
    return [
        [code + 1, concept.number, concept.name, images, f"{coverage:.12g}"]
        for code, (images, coverage, concept) in enumerate(rows)
    ]


def _counts(concept: MergedConcept, category: str) -> tuple[int, float]:
    return next((images, coverage) for name, images, coverage in concept.categories if name == category)


def _merge_row(decision: Decision) -> list[object]:
    label = decision.label
    return [
        decision.number,
        decision.concept,
        *label.key,
        label.published,
        ";".join(label.names),
        label.images,
        f"{label.coverage:.6f}",
        decision.why,
    ]


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_text(path, text.getvalue())
