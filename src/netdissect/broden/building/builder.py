"""Build a Broden: count the labels of all sources, merge them, and write images, label maps and tables."""

import hashlib
import json
import pickle
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8, UInt16

from netdissect.broden.building import work
from netdissect.broden.building.build_options import BuildOptions
from netdissect.broden.building.color import COLOR_NAMES, read_color_table, survey_color_table
from netdissect.broden.building.merge import LabelKey, Merge, SourceLabel, merge_labels
from netdissect.broden.building.processes import Workers, core_count
from netdissect.broden.building.source import Source
from netdissect.broden.building.sources.imagefolder import ImageFolder
from netdissect.broden.building.tables import write_tables
from netdissect.broden.building.work import Job
from netdissect.broden.destination import check_destination
from netdissect.storage import (
    NotWritableError,
    alone,
    check_unfinished,
    clear,
    not_writable,
    put_in_place,
    unfinished_folder,
    write_text,
)
from netdissect.types import BadSampleError, NetdissectError, OnProgress, no_progress

#: The file with the plan of an unfinished build.
STATE = "plan.json"

#: An empty file beside it, if the build is to replace a dataset.
_OVERWRITES = "overwrites"

#: The version of the files of an unfinished build. Builds of another version are not resumed.
FORMAT_VERSION = 1

#: Control characters, bytes of file names that are no text, and the separator of items in a table's field.
_NO_NAME = re.compile("[\x00-\x1f\x7f;\ud800-\udfff]")


@dataclass(frozen=True)
class Build:
    """A finished build: the merge of its labels, the number of images, and the images left out with their errors."""

    merge: Merge
    images: int
    skipped: tuple[tuple[str, str], ...]


def build_broden(
    sources: Sequence[Source],
    out: Path,
    options: BuildOptions = BuildOptions(),  # noqa: B008
    *,
    overwrite: bool = False,
    resume: bool = False,
    on_progress: OnProgress = no_progress,
) -> Build:
    """Build a directory in Broden's layout from ``sources``; it appears whole or not at all.

    Finished work outlives a kill, in a folder beside ``out``: ``resume`` goes on with it. ``overwrite`` replaces a
    Broden directory or an unfinished build. Progress is reported as ``images`` and ``label maps``. Raises
    ``NetdissectError``.

    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> from netdissect.broden.building.sources import open_sources
    >>> with TemporaryDirectory() as folder:
    ...     beach = Path(folder) / "photos" / "beach"
    ...     beach.mkdir(parents=True)
    ...     Image.new("RGB", (8, 8), "blue").save(beach / "1.png")
    ...     sources = open_sources([f"imagefolder={folder}/photos"])
    ...     built = build_broden(sources, Path(folder) / "broden", BuildOptions(min_images=1, workers=1))
    >>> [concept.name for concept in built.merge.concepts]
    ['beach-s', 'blue-c']
    """
    folder = unfinished_folder(out)
    overwrite = overwrite or (resume and (folder / _OVERWRITES).is_file())
    check_destination(out, overwrite)
    _check_apart(sources, out)
    check_unfinished(folder, STATE, overwrite=overwrite, resume=resume)
    table = _color_table(options.color_table) if options.colors else None
    names = image_names(sources)
    job = Job(tuple(sources), names, folder, options.size, options.label_shape, table, options.skip_bad)
    with alone(folder, STATE):
        try:
            _begin(job, overwrite, resume)
            with Workers(job, options.workers or core_count()) as workers:
                build = _build(job, options, workers, on_progress)
            check_destination(out, overwrite)
            put_in_place(job.dataset, out.absolute())
            clear(folder, STATE)
        except (OSError, NotWritableError) as error:
            failure = not_writable(out, error) if isinstance(error, OSError) else error
            raise NetdissectError(f"{failure}; --resume goes on with what is finished") from error
    return build


def _check_apart(sources: Sequence[Source], out: Path) -> None:
    """Raise ``NetdissectError`` if ``out`` would replace a source, or be found among its images."""
    resolved = out.resolve()
    for source in sources:
        if isinstance(source, ImageFolder) and source.root.resolve() in resolved.parents:
            raise NetdissectError(f"{out}: lies in the source {source.root}, and would be one of its concepts")
        if len(source) == 0:
            continue
        first = source.image_path(0)
        if resolved in (*first.absolute().parents, *first.resolve().parents):
            raise NetdissectError(f"{out}: holds images of the source {source.name}, and is not overwritten")


def _color_table(path: Path | None) -> UInt8[np.ndarray, "32 32 32"]:
    return survey_color_table() if path is None else read_color_table(path)


def image_names(sources: Sequence[Source]) -> tuple[str, ...]:
    """Return the path below ``images/`` of each image: its source and file name, with a number if the name is taken.

    Letters that are no text, or would separate items in ``index.csv``, are replaced by ``_``.
    """
    taken: set[str] = set()
    tried: dict[str, int] = {}
    names = []
    for source in sources:
        for index in range(len(source)):
            stem = f"{source.name}/{_NO_NAME.sub('_', source.image_path(index).stem)}"
            plain = stem.lower()  # some file systems do not tell upper from lower case
            number = tried.get(plain, 1)
            name = f"{stem}.jpg" if number == 1 else f"{stem}{number}.jpg"
            while name.lower() in taken:
                number += 1
                name = f"{stem}{number}.jpg"
            tried[plain] = number
            taken.add(name.lower())
            names.append(name)
    if not names:
        raise NetdissectError("the sources have no images")
    return tuple(names)


def _begin(job: Job, overwrite: bool, resume: bool) -> None:
    """Keep the folder of a build with the same plan, or empty it."""
    plan = _plan(job)
    path = job.folder / STATE
    if resume and path.is_file() and job.images.is_dir():
        if path.read_text(encoding="utf-8") == plan:
            return
        if not overwrite:
            raise NetdissectError(f"{job.folder}: is of other sources, another size or colors; --overwrite begins anew")
    clear(job.folder, STATE)
    for source in job.sources:
        (job.images / source.name).mkdir(parents=True)
    job.chunk_path(0).parent.mkdir()
    if overwrite:
        (job.folder / _OVERWRITES).touch()
    write_text(path, plan)


def _plan(job: Job) -> str:
    """Return, as text, all that the work on images depends on, but for the files: each chunk has a stamp of its own."""
    sources = [
        {
            "name": source.name,
            "kind": type(source).__name__,
            "images": len(source),
            # With its paths, categories and tables.
            "sha256": hashlib.sha256(pickle.dumps(source, protocol=4)).hexdigest(),
        }
        for source in job.sources
    ]
    colors = None if job.color_table is None else hashlib.sha256(job.color_table.tobytes()).hexdigest()
    return json.dumps(
        {"format_version": FORMAT_VERSION, "sources": sources, "size": job.size, "colors": colors}, indent=1
    )


def _build(job: Job, options: BuildOptions, workers: Workers, on_progress: OnProgress) -> Build:
    _count_all(job, workers, on_progress)
    labels, skipped = _counted(job)
    if len(skipped) == len(job.names):
        raise NetdissectError(f"no image can be read; the first: {skipped[0][1]}")
    merge = merge_labels(labels, min_images=options.min_images, min_coverage=options.min_coverage)
    for path in job.images.glob("*/*.png"):
        path.unlink()  # a stopped build may have dropped other concepts
    rows: list[dict[str, str]] = []
    done = 0
    for chunk, chunk_rows in workers.each(work.number_chunk, job.chunks, _numbers(merge)):
        rows += chunk_rows
        done += len(job.items(chunk))
        on_progress("label maps", done, len(job.names))
    write_tables(job.dataset, merge, rows, skipped)
    return Build(merge, len(rows), tuple(skipped))


def _count_all(job: Job, workers: Workers, on_progress: OnProgress) -> None:
    """Take the first step for all chunks that are not there yet."""
    left = [chunk for chunk in job.chunks if not work.is_counted(job, chunk)]
    done = len(job.names) - sum(len(job.items(chunk)) for chunk in left)
    on_progress("images", done, len(job.names))
    try:
        for _, images in workers.each(work.count_chunk, left):
            done += images
            on_progress("images", done, len(job.names))
    except BadSampleError as error:
        raise BadSampleError(f"{error} (--skip-bad leaves it out; --resume goes on with what is finished)") from error


def _counted(job: Job) -> tuple[list[SourceLabel], list[tuple[str, str]]]:
    """Return all labels that occur, and the images that were skipped."""
    images: dict[LabelKey, int] = {}
    coverage: dict[LabelKey, float] = {}
    skipped = []
    for record in _records(job):
        if "bad" in record:
            skipped.append((job.names[record["item"]], record["bad"]))
            continue
        source, _ = job.source_of(record["item"])
        for category, label, share in record["coverage"]:
            key = LabelKey(source.name, category, label)
            images[key] = images.get(key, 0) + 1
            coverage[key] = coverage.get(key, 0.0) + share
    sources = {source.name: source for source in job.sources}
    labels = []
    for key in images:
        named = job.color_table is not None and key.category == "color"
        if named:
            published = COLOR_NAMES[key.label - 1]
            names: tuple[str, ...] = (published,)
        else:
            names = sources[key.source].names(key.category, key.label)
            published = sources[key.source].published_name(key.category, key.label)
        labels.append(SourceLabel(key, names, images[key], coverage[key], published))
    return labels, skipped


def _records(job: Job) -> Iterator[dict[str, Any]]:
    for chunk in job.chunks:
        yield from work.read_counts(job, chunk)


def _numbers(merge: Merge) -> dict[tuple[str, str], UInt16[np.ndarray, " labels"]]:
    """Return the number of each label of a source, per source and category with concepts."""
    kept = {category for concept in merge.concepts for category, _, _ in concept.categories}
    tables: dict[tuple[str, str], dict[int, int]] = {}
    for key, number in merge.numbers().items():
        if key.category in kept:
            tables.setdefault((key.source, key.category), {})[key.label] = number
    numbers = {}
    for source_category, table in tables.items():
        numbers[source_category] = np.zeros(max(table) + 1, dtype=np.uint16)
        numbers[source_category][list(table)] = list(table.values())
    return numbers
