"""The dataset of a dissection, opened and checked."""

from pathlib import Path

from netdissect.concepts import ConceptDataset, check_dataset, open_dataset, sample
from netdissect.settings import Settings
from netdissect.types import Concept, NetdissectError, sorted_categories

#: A dataset as a caller gives it.
DataChoice = ConceptDataset | str | Path


def open_data(data: DataChoice, settings: Settings) -> ConceptDataset:
    """Return the dataset, opened if it is a name, and checked; at most ``limit`` images of it.

    ``settings`` are complete: their size is that of images. Raises ``NetdissectError``.

    >>> len(open_data("scenes", Settings(size=32, limit=3)))
    3
    """
    assert settings.size is not None
    limit, seed, ignored = settings.limit, settings.seed, settings.ignore_index
    if isinstance(data, str | Path):
        data = open_dataset(
            data, size=settings.size, ignore_index=ignored, skip_bad=settings.skip_bad, limit=limit, seed=seed
        )
        check_dataset(data)
        return data
    check_dataset(data)
    if ignored:
        raise NetdissectError(f"{data.name}: indices to ignore make sense for a folder of masks given by name alone")
    return data if limit is None else sample(data, limit, seed)


def chosen_concepts(data: ConceptDataset, categories: tuple[str, ...] | None) -> list[Concept]:
    """Return the concepts of the categories, all concepts without any. Raises ``NetdissectError`` for an unknown one.

    >>> {concept.category for concept in chosen_concepts(open_data("scenes", Settings(size=32)), ("color",))}
    {'color'}
    """
    known = sorted_categories({concept.category for concept in data.concepts})
    for category in categories or ():
        if category not in known:
            raise NetdissectError(f"{data.name} has no category {category!r}: it has {', '.join(known)}")
    return [concept for concept in data.concepts if not categories or concept.category in categories]
