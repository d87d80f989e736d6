"""Looking at units as one function: measured, or found in a run, pictured, and shown on a page."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from netdissect.concepts import ConceptDataset
from netdissect.engine.batches import Preprocess, Reader
from netdissect.engine.view import View
from netdissect.networks.layers import find_layers
from netdissect.networks.load import LoadedModel
from netdissect.networks.weights import weights_hash
from netdissect.options import choose_device
from netdissect.pipeline.dissect import dissect
from netdissect.pipeline.inputs import open_data, open_model
from netdissect.progress import progress_bar
from netdissect.report.page import write_page
from netdissect.report.visualizations import plain_visualizations, visualization_sections
from netdissect.results import Result, basis_in_words
from netdissect.types import NetdissectError
from netdissect.visualization import VisualizationOptions, check_looks, visualized


def visualize(
    model: nn.Module | LoadedModel | str,
    layers: str | Sequence[str],
    looks: VisualizationOptions,
    data: ConceptDataset | str | Path = "scenes",
    *,
    run: str | Path | None = None,
    out: str | Path | None = None,
    device: str | torch.device | None = None,
    progress: bool = True,
    **options: Any,
) -> Result:
    """Looks at units of ``layers`` of ``model`` as ``looks`` say: ``result[layer].visualizations`` are the pictures.

    What units are called, and which images excite them, is found by dissecting the layers on ``data``, with the
    ``options`` of ``dissect``; or in ``run``, the directory of a saved run of this network on this ``data``, of which
    all other options are taken. In ``out``, a directory, a page with all pictures is written; one that is there is
    replaced.

    Raises ``NetdissectError`` for a unit that is not there, a layer that cannot be differentiated, a run of another
    network or other data, and what ``dissect`` raises.
    """
    names = [layers] if isinstance(layers, str) else list(layers)
    if run is None:
        result = dissect(model, names, data, visualize=looks, device=device, progress=progress, **options)
    elif options:
        raise NetdissectError(f"with a run, its own options hold: leave out {', '.join(options)}")
    else:
        result = _of_run(Result.load(run), Path(run), model, names, looks, data, device, progress)
    if out is not None:
        told = result.about["data"]
        with progress_bar(progress) as bar:
            write_page(
                out,
                f"{result.name}: what units look for",
                visualization_sections(result),
                facts=[
                    ("Network", result.about["model"]["name"]),
                    ("Data", f"{told['images']:,} images of {told['name']}"),
                ],
                data=plain_visualizations(result),
                on_progress=bar,
            )
    return result


def _of_run(
    result: Result,
    run: Path,
    model: nn.Module | LoadedModel | str,
    layers: Sequence[str],
    looks: VisualizationOptions,
    data: ConceptDataset | str | Path,
    device: str | torch.device | None,
    progress: bool,
) -> Result:
    """The result with the pictures of these layers, and no others."""
    about, options = result.about, result.about["options"]
    loaded = open_model(model, options["seed"])
    if weights_hash(loaded.model) != about["model"]["weights_sha256"]:
        raise NetdissectError(f"{run}: is of another network, {about['model']['name']}, or of other weights")
    preprocess = Preprocess(
        tuple(options["size"]),
        tuple(options["mean"]),
        tuple(options["std"]),
        options["channels"],
        options["value_range"],
    )
    dataset = open_data(
        data,
        preprocess.size,
        options["ignore_index"],
        options["limit"],
        options["seed"],
        bool(about["data"]["skipped"]),
    )
    if dataset.fingerprint() != about["data"]["fingerprint"]:
        raise NetdissectError(f"{run}: is of other data, {about['data']['name']}")
    where = choose_device(loaded.model, device)
    image = Reader(dataset, preprocess, 1, skip_bad=bool(about["data"]["skipped"])).first()
    found = find_layers(loaded.model, layers, image.contiguous(), layout=options["layout"], spec=loaded.spec)
    views = [View(info.name, info) for info in found]
    for view in views:
        if view.name not in result.layers:
            raise NetdissectError(f"{run}: has no layer {view.name}: it has {', '.join(result.layers)}")
        if (basis := result.basis_of(view.name)) is not None:
            raise NetdissectError(
                f"{run}: layer {view.name} is {basis_in_words(basis)}, which a run does not hold: look at its units "
                "where it is dissected, by visualize"
            )
        check_looks(looks, loaded.model, view, preprocess, where)
    with progress_bar(progress) as bar:
        pictured = {
            view.name: visualized(
                loaded.model, view, result[view.name], dataset, preprocess, looks, device=where, on_progress=bar
            )
            for view in views
        }
    return replace(result, layers=pictured)
