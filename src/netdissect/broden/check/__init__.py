"""Check a directory in Broden's layout: read all of it, and list all that is wrong."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

import numpy as np

from netdissect.broden.check.agreement import judge_agreement, judge_counts
from netdissect.broden.check.findings import Findings, Problem
from netdissect.broden.check.images import look
from netdissect.broden.check.index import Entry, read_index
from netdissect.broden.check.tables import Tables, read_tables
from netdissect.parallel import in_order, reading_threads
from netdissect.types import NetdissectError, OnProgress, no_progress

__all__ = ["Checked", "Problem", "check_broden"]


@dataclass(frozen=True)
class Checked:
    """The result of a check: ``problems`` by table, then by image in the index's order.

    ``images`` of the ``listed`` were read, with ``label_maps``. ``notes`` name information that the tables leave out:
    it was not checked, but the reader of Broden does not need it.
    """

    images: int
    listed: int
    label_maps: int
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...]


def check_broden(
    root: Path,
    *,
    fast: bool = False,
    sample: int = 200,
    seed: int = 0,
    workers: int | None = None,
    on_progress: OnProgress = no_progress,
) -> Checked:
    """Read every table, image and label map of ``root``; with ``fast`` only ``sample`` images, drawn by ``seed``.

    ``workers`` threads read, by default one per core. Memory does not grow with the number of label maps. The order of
    the findings depends on the directory alone.

    Raises ``NetdissectError`` if ``root`` is no directory, or has neither an ``index.csv`` nor a ``label.csv``.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "label.csv").write_text("number,name\\n1,sky\\n")
    ...     print(check_broden(Path(folder)).problems[0])
    category.csv: is missing
    """
    if not root.is_dir():
        raise NetdissectError(f"{root}: no such directory")
    if not any((root / table).exists() for table in ("index.csv", "label.csv")):
        raise NetdissectError(f"{root}: not a Broden directory: it has neither index.csv nor label.csv")
    found = Findings(root)
    tables = read_tables(found)
    judge_agreement(found, tables)
    entries = read_index(found, tables)
    drawn = _draw(entries, sample, seed) if fast else entries
    if drawn and not (root / "images").is_dir():
        found.problem("images", "is missing")
        drawn = []
    if entries and not fast:
        _note_unlisted(found, entries)
    image_problems = _look_at(found, drawn, tables, workers, on_progress, every_image=len(drawn) == len(entries) > 0)
    by_file = attrgetter("file")
    return Checked(
        images=len(drawn),
        listed=len(entries),
        label_maps=sum(len(entry.maps) for entry in drawn),
        problems=(*sorted(found.problems, key=by_file), *image_problems),
        notes=tuple(sorted(found.notes, key=by_file)),
    )


def _draw(entries: Sequence[Entry], count: int, seed: int) -> Sequence[Entry]:
    if count < 1 or seed < 0:
        raise NetdissectError(f"a sample of {count} images by seed {seed}: at least 1, and a seed of 0 or greater")
    if count >= len(entries):
        return entries
    drawn = np.random.default_rng(seed).choice(len(entries), size=count, replace=False)
    return [entries[index] for index in sorted(drawn)]


def _look_at(
    found: Findings,
    entries: Sequence[Entry],
    tables: Tables,
    workers: int | None,
    on_progress: OnProgress,
    *,
    every_image: bool,
) -> list[Problem]:
    """Return the problems of images and label maps; problems of counts are added to the tables'."""
    problems: list[Problem] = []
    shown = {category: Counter[int]() for category in tables.shares}
    anywhere = Counter[int]()
    threads = reading_threads() if workers is None else workers
    seen_in_order = in_order(lambda entry: look(found.root, entry, tables), entries, threads, ahead=8 * threads)
    for done, (_, seen) in enumerate(seen_in_order, 1):
        problems += seen.problems
        for category, numbers in seen.shown.items():
            shown[category].update(numbers)
        anywhere.update(set().union(*seen.shown.values()))
        on_progress("images", done, len(entries))
    judge_counts(found, tables, shown, anywhere, every_image=every_image)
    return problems


def _note_unlisted(found: Findings, entries: Sequence[Entry]) -> None:
    """Note files that no row of the index lists: rows may be missing."""
    listed = {file for entry in entries for file in (entry.image, *(file for _, file in entry.maps))}
    images = found.root / "images"
    files = (path.relative_to(images).as_posix() for path in images.rglob("*") if path.is_file())
    unlisted = sorted(file for file in files if file not in listed and not file.split("/")[-1].startswith("."))
    if unlisted:
        found.note("images", f"{len(unlisted)} files are not in index.csv, the first {unlisted[0]}")
