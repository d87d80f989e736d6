"""Rotation: layers rotated by degrees, dissected in one pass, to see whether concepts belong to the axes.

(Bau et al., Network Dissection, CVPR 2017, section 3.2.)
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from netdissect.bases import BasisChoice, Rotated
from netdissect.concepts import ConceptDataset
from netdissect.experiments.rotation.page import write_rotation_page
from netdissect.networks.load import LoadedModel
from netdissect.numbers import real_number
from netdissect.pipeline import dissect
from netdissect.progress import progress_bar
from netdissect.results import Result
from netdissect.settings import Settings
from netdissect.types import NetdissectError

#: Amounts of rotation, and seeds of random rotations.
AMOUNTS, SEEDS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0), (0, 1, 2)

#: The number of top images per unit, few since there are many units.
TOP_IMAGES = 4

#: The folder of the page within a run.
PAGE = "rotation"


def rotate(
    model: nn.Module | LoadedModel | str,
    layers: str | Sequence[str],
    data: ConceptDataset | str | Path = "scenes",
    *,
    amounts: Sequence[float | int] = AMOUNTS,
    seeds: Sequence[int] = SEEDS,
    bases: Sequence[BasisChoice] = (),
    settings: Settings | None = None,
    out: str | Path | None = None,
    progress: bool = True,
    **options: Any,
) -> Result:
    """Dissects each layer as it is, rotated by each of ``amounts`` of the rotation of each seed, and in ``bases``.

    In one pass of the network for all of them. The run's layers are called ``relu4``, ``relu4 rotated 0.2 seed 1``,
    ``relu4 in pca``; by an amount of 0 a layer is as it is. See ``rotation_curves`` for what follows. ``bases`` are
    such as ``dissect`` takes, and ``options`` its others. In ``out``, a run like any other, a page is added.

    Raises ``NetdissectError`` for an amount that is not in 0..1, and what ``dissect`` raises.
    """
    for what, several in (("amounts", amounts), ("seeds", seeds), ("bases", bases)):
        if isinstance(several, str) or not isinstance(several, Sequence):
            raise NetdissectError(f"{what} are several, such as a list, not {several!r}")
    if "basis" in options:
        raise NetdissectError("further bases of a layer that is rotated are named in a list (bases)")
    rotations = [Rotated(real_number(amount, "amount of a rotation"), seed) for amount in amounts for seed in seeds]
    if not any(rotation.amount for rotation in rotations):
        raise NetdissectError("nothing is rotated: name amounts greater than 0, and seeds")
    if settings is None:
        options = {"top_images": TOP_IMAGES} | options
    axes = [None] if 0 in amounts else []
    turned = dict.fromkeys(rotation for rotation in rotations if rotation.amount)  # each once, in order
    result = dissect(
        model,
        layers,
        data,
        basis=[*axes, *turned, *bases],
        settings=settings,
        out=out,
        progress=progress,
        **options,
    )
    if out is not None:
        with progress_bar(progress) as bar:
            write_rotation_page(result, Path(out) / PAGE, on_progress=bar)
    return result
