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
    """Dissect each layer in its channels, rotated by each of ``amounts`` for each seed, and in ``bases``.

    The network runs once for all of them. The layers of the run are called ``relu4``, ``relu4 rotated 0.2 seed 1``,
    ``relu4 in pca``; an amount of 0 stands for the channels. ``rotation_curves`` counts the result.

    Args:
        model: the network, as in ``dissect``.
        layers: the layers, as in ``dissect``.
        data: the dataset, as in ``dissect``.
        amounts: amounts of rotation, in 0..1.
        seeds: seeds of random rotations.
        bases: further bases to compare with, as in ``dissect``.
        settings: all settings at once, in place of ``options``.
        out: the directory of the run, to which a page is added. None: nothing is saved.
        progress: show a progress bar on standard error.
        options: other options of ``dissect``.

    Raises:
        NetdissectError: an amount that is not in 0..1, and what ``dissect`` raises.
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
