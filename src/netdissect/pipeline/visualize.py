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
from netdissect.numbers import whole_number
from netdissect.options import choose_device
from netdissect.pipeline.bases import Chosen
from netdissect.pipeline.dissect import choose_looks, dissect, told_of
from netdissect.pipeline.inputs import open_data, open_model
from netdissect.progress import progress_bar
from netdissect.report.page import check_page, write_page
from netdissect.report.visualizations import plain_visualizations, visualization_notes, visualization_sections
from netdissect.results import Result
from netdissect.results.description import LayerDescription
from netdissect.types import NetdissectError
from netdissect.visualization import VisualizationOptions, check_looks, visualized


def visualize(
    model: nn.Module | LoadedModel | str,
    layers: str | Sequence[str],
    looks: VisualizationOptions | str | Sequence[str],
    data: ConceptDataset | str | Path = "scenes",
    *,
    run: Result | str | Path | None = None,
    out: str | Path | None = None,
    batch_size: int = 32,
    device: str | torch.device | None = None,
    progress: bool = True,
    **options: Any,
) -> Result:
    """Looks at units of ``layers`` of ``model`` as ``looks`` say: ``result[layer].visualized`` are the pictures.

    ``looks`` may be methods alone, for the units whose label passes the cut. What units are called, and which images
    excite them, is found by dissecting the layers on ``data``, with the ``options`` of ``dissect``; or in ``run``, a
    saved run of this network on this ``data``, of which all other options are taken. In ``out``, a directory, a page
    with all pictures is written; one that is there is replaced.

    Raises ``NetdissectError`` for a unit that is not there, a layer that cannot be differentiated, a run of another
    network or other data, an ``out`` that cannot be written, and what ``dissect`` raises.
    """
    if out is not None:
        check_page(out)
    names = [layers] if isinstance(layers, str) else list(layers)
    looks, batch_size = choose_looks(looks) or VisualizationOptions(()), whole_number(batch_size, "batch size")
    if run is None:
        options |= {"batch_size": batch_size, "device": device, "progress": progress}
        result = dissect(model, names, data, visualize=looks, **options)
    elif options:
        raise NetdissectError(f"with a run, its own options hold: leave out {', '.join(options)}")
    else:
        saved = run if isinstance(run, Result) else Result.load(run)
        result = _of_run(saved, model, names, looks, data, batch_size, device, progress)
    if out is not None:
        data_description = result.description.data
        with progress_bar(progress) as bar:
            write_page(
                out,
                f"{result.name}: what units look for",
                visualization_sections(result),
                facts=[
                    ("Network", result.description.network.name),
                    ("Data", f"{data_description.images:,} images of {data_description.name}"),
                ],
                notes=visualization_notes(result),
                data=plain_visualizations(result),
                on_progress=bar,
            )
    return result


def _of_run(
    result: Result,
    model: nn.Module | LoadedModel | str,
    layers: Sequence[str],
    looks: VisualizationOptions,
    data: ConceptDataset | str | Path,
    batch_size: int,
    device: str | torch.device | None,
    progress: bool,
) -> Result:
    """The result with the pictures of these layers, and no others."""
    if result.is_table:
        raise NetdissectError(f"{result.name}: is a table, which does not tell of the images that excite units")
    description, settings = result.description, result.description.settings
    assert settings is not None and settings.size and settings.mean and settings.std  # only a table has none
    assert settings.channels is not None and settings.value_range is not None
    loaded = open_model(model, settings.seed)
    if weights_hash(loaded.model) != description.network.weights_sha256:
        raise NetdissectError(f"run {result.name}: is of another network, {description.network.name}, or other weights")
    if looks.images > settings.top_images:
        raise NetdissectError(f"run {result.name}: has {settings.top_images} images of a unit, not {looks.images}")
    preprocess = Preprocess(settings.size, settings.mean, settings.std, settings.channels, settings.value_range)
    try:  # whether images were left out is told by the fingerprint
        dataset = open_data(data, preprocess.size, settings.ignore_index, settings.limit, settings.seed, True)
    except NetdissectError as error:
        raise NetdissectError(f"run {result.name}: is of data {description.data.name}, but {error}") from error
    if dataset.fingerprint() != description.data.fingerprint:
        raise NetdissectError(f"run {result.name}: is of other data, {description.data.name}")
    where = choose_device(loaded.model, device)
    image = Reader(dataset, preprocess, 1, skip_bad=True).first()
    found = find_layers(loaded.model, layers, image.contiguous(), layout=settings.layout, spec=loaded.spec)
    views = [View(info.name, info) for info in found]
    for view in views:
        _check_measured(result, view)
        check_looks(looks, loaded.model, view, preprocess, where, batch_size)
    with progress_bar(progress) as bar:
        pictured = {
            view.name: visualized(
                loaded.model,
                view,
                result[view.name],
                dataset,
                preprocess,
                looks,
                device=where,
                batch_size=batch_size,
                on_progress=bar,
            )
            for view in views
        }
    return replace(result, layers=pictured)


def _check_measured(result: Result, view: View) -> None:
    """Raises ``NetdissectError`` unless the run measured this view: equal weights may make other maps, by a stride."""
    if view.name not in result.layers:
        raise NetdissectError(f"run {result.name}: has no layer {view.name}: it has {', '.join(result.layers)}")
    if (basis := result.basis_of(view.name)) is not None:
        raise NetdissectError(
            f"run {result.name}: layer {view.name} is {basis.words}, which a run does not hold: look at its "
            "units where it is dissected, by visualize"
        )
    settings = result.description.settings
    assert settings is not None  # only a table has none
    here = LayerDescription.from_plain(told_of(Chosen(view), settings.align))
    if here != result.description.layers[view.name]:
        raise NetdissectError(f"run {result.name}: its layer {view.name} has other maps, or other receptive fields")
