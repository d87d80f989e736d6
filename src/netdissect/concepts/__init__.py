"""Where pixels get meaning: datasets of images whose pixels are labelled with concepts."""

from collections.abc import Sequence
from pathlib import Path

from netdissect.concepts.base import ConceptDataset, check_dataset, sample
from netdissect.concepts.broden import BrodenDataset
from netdissect.concepts.folder import FolderDataset
from netdissect.concepts.scenes import Scenes
from netdissect.types import NetdissectError

__all__ = ["BrodenDataset", "ConceptDataset", "FolderDataset", "Scenes", "check_dataset", "open_dataset", "sample"]

#: How many scenes there are unless a limit says otherwise.
SCENES_COUNT = 1000


def open_dataset(
    spec: str | Path,
    *,
    size: tuple[int, int] = (224, 224),
    ignore_index: Sequence[int] = (),
    skip_bad: bool = False,
    limit: int | None = None,
    seed: int = 0,
) -> ConceptDataset:
    """The dataset that ``spec`` names: ``scenes``, a Broden directory, or a folder of masks.

    ``size`` (H, W) is that of the images the network will see. Label maps of a folder are read at half of it, as Broden
    stores them; scenes are drawn at it; a Broden directory has its own. At most ``limit`` images are drawn by ``seed``,
    which for scenes is the seed of the scenes themselves. ``ignore_index`` is for a folder of masks alone.
    Raises ``NetdissectError``.
    """
    if limit is not None and limit < 1:
        raise NetdissectError(f"a limit of {limit} leaves no images")
    if spec == "scenes":
        data: ConceptDataset = Scenes(limit or SCENES_COUNT, size=size, seed=seed)
    else:
        data = _open_directory(Path(spec), size, ignore_index, skip_bad)
    if ignore_index and not isinstance(data, FolderDataset):
        raise NetdissectError(f"{spec}: indices to ignore make sense for a folder of masks alone")
    return data if limit is None else sample(data, limit, seed)


def _open_directory(
    root: Path, size: tuple[int, int], ignore_index: Sequence[int], skip_bad: bool
) -> BrodenDataset | FolderDataset:
    if not root.exists():
        raise NetdissectError(f"{root}: no such dataset (a Broden directory, a folder of masks, or 'scenes')")
    if (root / "index.csv").is_file():
        return BrodenDataset(root)
    if (root / "images").is_dir() and (root / "labels").is_dir():
        label_shape = (max(size[0] // 2, 1), max(size[1] // 2, 1))
        return FolderDataset(root, label_shape=label_shape, ignore_index=ignore_index, skip_bad=skip_bad)
    raise NetdissectError(
        f"{root}: neither a Broden directory (index.csv, label.csv, category.csv, images/) "
        "nor a folder of masks (images/, labels/, classes.csv)"
    )
