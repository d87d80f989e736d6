"""Open a dataset by its name or path."""

from collections.abc import Sequence
from pathlib import Path

from netdissect.concepts.base import ConceptDataset, sample
from netdissect.concepts.kinds import DATASET_KINDS, DatasetKind, DatasetRequest, describe_kinds
from netdissect.types import NetdissectError


def open_dataset(
    spec: str | Path,
    *,
    size: tuple[int, int] = (224, 224),
    ignore_index: Sequence[int] = (),
    skip_bad: bool = False,
    limit: int | None = None,
    seed: int = 0,
) -> ConceptDataset:
    """Open the dataset that ``spec`` names: ``scenes``, a Broden directory, or a folder of masks.

    ``size`` (H, W) is that of the images the network will see. Label maps of a folder are read at half of it, as Broden
    stores them; scenes are painted at it; a Broden directory has its own. At most ``limit`` images are drawn by
    ``seed``, which for scenes is the seed of the scenes themselves. ``ignore_index`` is for a folder of masks alone.
    Raises ``NetdissectError``.

    >>> data = open_dataset("scenes", limit=2, size=(32, 48))
    >>> len(data), data.image(0).size, data.label_shape
    (2, (48, 32), (32, 48))
    """
    if limit is not None and limit < 1:
        raise NetdissectError(f"a limit of {limit} leaves no images")
    kind = _find_kind(spec)
    if ignore_index and not kind.takes_ignore_index:
        raise NetdissectError(f"{spec}: indices to ignore make sense for {_kinds_with_indices()} alone")
    data = kind.open(spec, DatasetRequest(size, tuple(ignore_index), skip_bad, limit, seed))
    return data if limit is None else sample(data, limit, seed)


def _find_kind(spec: str | Path) -> DatasetKind:
    kinds: list[DatasetKind] = [DATASET_KINDS[name]() for name in DATASET_KINDS]
    for kind in kinds:
        if kind.recognizes(spec):
            return kind
    if not Path(spec).exists():
        raise NetdissectError(f"{spec}: no such dataset: it is {describe_kinds()}")
    raise NetdissectError(f"{spec}: neither {' nor '.join(map(DATASET_KINDS.help_of, DATASET_KINDS))}")


def _kinds_with_indices() -> str:
    """Name the kinds that take indices to ignore: their help texts up to the bracket."""
    names = [name for name in DATASET_KINDS if DATASET_KINDS[name]().takes_ignore_index]
    return " or ".join(DATASET_KINDS.help_of(name).partition(" (")[0] for name in names)
