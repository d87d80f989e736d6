"""Builds a Broden: counts the labels of all sources, merges them, and writes images, label maps and tables."""

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

#: What an unfinished build follows from.
STATE = "plan.json"

#: Tells, beside it, that the build is to replace a dataset.
_OVERWRITES = "overwrites"

#: Pixels on a side of the images that are written.
LARGEST_SIZE = 2**14

#: Of what is kept of an unfinished build. One of another version is not gone on with.
FORMAT_VERSION = 1

#: Control characters, bytes of file names that are no text, and what separates items of a table's field.
_NO_NAME = re.compile("[\x00-\x1f\x7f;\ud800-\udfff]")


@dataclass(frozen=True)
class Build:
    """What was built: the merge of its labels, how many images, and those left out with what is wrong with them."""

    merge: Merge
    images: int
    skipped: tuple[tuple[str, str], ...]


def build_broden(
    sources: Sequence[Source],
    out: Path,
    *,
    size: tuple[int, int] = (224, 224),
    colors: bool = True,
    color_table: Path | None = None,
    min_images: int = 10,
    min_coverage: float = 0.5,
    skip_bad: bool = False,
    overwrite: bool = False,
    resume: bool = False,
    workers: int | None = None,
    on_progress: OnProgress = no_progress,
) -> Build:
    """Builds a directory in Broden's layout of ``sources``; it appears whole or not at all.

    ``size`` (H, W) is that of the images, which are squashed to it; label maps have half of it. With ``colors`` each
    pixel is named by ``color_table``, a file that ``read_color_table`` reads, or by our own. Concepts have at least
    ``min_images`` images and a coverage of ``min_coverage`` images. ``workers`` processes do the work, by default one
    per core; a script that is not guarded by ``if __name__ == "__main__"`` can have no more than one.

    What is finished outlives a kill, in a folder beside ``out``: ``resume`` goes on with it. With ``skip_bad``, images
    that cannot be read are left out. Raises ``NetdissectError``.
    """
    _check_options(size, min_images, min_coverage, workers)
    folder = unfinished_folder(out)
    overwrite = overwrite or (resume and (folder / _OVERWRITES).is_file())
    check_destination(out, overwrite)
    _check_apart(sources, out)
    check_unfinished(folder, STATE, overwrite=overwrite, resume=resume)
    table = _color_table(color_table) if colors else None
    names = image_names(sources)
    label_shape = (max(size[0] // 2, 1), max(size[1] // 2, 1))
    job = Job(tuple(sources), names, folder, size, label_shape, table, skip_bad)
    with alone(folder, STATE):
        try:
            _begin(job, overwrite, resume)
            with Workers(job, workers or core_count()) as processes:
                build = _build(job, min_images, min_coverage, processes, on_progress)
            check_destination(out, overwrite)
            put_in_place(job.dataset, out.absolute())
            clear(folder, STATE)
        except (OSError, NotWritableError) as error:
            failure = not_writable(out, error) if isinstance(error, OSError) else error
            raise NetdissectError(f"{failure}; --resume goes on with what is finished") from error
    return build


def _check_options(size: tuple[int, int], min_images: int, min_coverage: float, workers: int | None) -> None:
    if min(size) < 2 or max(size) > LARGEST_SIZE:
        raise NetdissectError(f"images of {size[0]}x{size[1]} pixels: from 2 to {LARGEST_SIZE} on each side")
    if min_images < 1 or not min_coverage >= 0:
        raise NetdissectError("a concept needs at least 1 image, and a coverage of at least 0")
    if workers is not None and workers < 1:
        raise NetdissectError(f"{workers} workers can do nothing")


def _check_apart(sources: Sequence[Source], out: Path) -> None:
    """Raises ``NetdissectError`` if ``out`` would replace a source, or be found among its images."""
    place = out.resolve()
    for source in sources:
        if isinstance(source, ImageFolder) and source.root.resolve() in place.parents:
            raise NetdissectError(f"{out}: lies in the source {source.root}, and would be one of its concepts")
        if len(source) and place in (*source.image_path(0).absolute().parents, *source.image_path(0).resolve().parents):
            raise NetdissectError(f"{out}: holds images of the source {source.name}, and is not overwritten")


def _color_table(path: Path | None) -> UInt8[np.ndarray, "32 32 32"]:
    return survey_color_table() if path is None else read_color_table(path)


def image_names(sources: Sequence[Source]) -> tuple[str, ...]:
    """The path below ``images/`` of each image: its source and file name, with a number where that is taken.

    What is no text, or would separate items in ``index.csv``, is replaced by ``_``.
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
    """Leaves the folder as a build of the same plan has left it, or makes an empty one of it."""
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
    """What the work on all images follows from, as text. Each chunk tells of its own files."""
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


def _build(job: Job, min_images: int, min_coverage: float, workers: Workers, on_progress: OnProgress) -> Build:
    _count_all(job, workers, on_progress)
    labels, skipped = _counted(job)
    if len(skipped) == len(job.names):
        raise NetdissectError(f"no image can be read; the first: {skipped[0][1]}")
    merge = merge_labels(labels, min_images=min_images, min_coverage=min_coverage)
    for path in job.images.glob("*/*.png"):
        path.unlink()  # of a build that was stopped, and may have dropped other concepts
    rows: list[dict[str, str]] = []
    done = 0
    for chunk, of_chunk in workers.each(work.number_chunk, job.chunks, _numbers(merge)):
        rows += of_chunk
        done += len(job.items(chunk))
        on_progress("label maps", done, len(job.names))
    write_tables(job.dataset, merge, rows, skipped)
    return Build(merge, len(rows), tuple(skipped))


def _count_all(job: Job, workers: Workers, on_progress: OnProgress) -> None:
    """The first step for all chunks that are not there yet."""
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
    """All labels that occur, and the images that were skipped."""
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
    """Per source and category that has concepts, the number of each of the source's labels."""
    kept = {category for concept in merge.concepts for category, _, _ in concept.categories}
    tables: dict[tuple[str, str], dict[int, int]] = {}
    for key, number in merge.numbers().items():
        if key.category in kept:
            tables.setdefault((key.source, key.category), {})[key.label] = number
    numbers = {}
    for where, table in tables.items():
        numbers[where] = np.zeros(max(table) + 1, dtype=np.uint16)
        numbers[where][list(table)] = list(table.values())
    return numbers
