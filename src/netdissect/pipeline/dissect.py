"""The main job as one function: options checked, things opened, run, saved."""

import platform
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from netdissect.concepts import ConceptDataset
from netdissect.engine.batches import Reader
from netdissect.engine.tally import Concepts
from netdissect.networks.layers import find_layers
from netdissect.networks.layouts import check_layout
from netdissect.networks.load import LoadedModel
from netdissect.networks.weights import weights_hash
from netdissect.numbers import real_number, whole_number
from netdissect.options import (
    check_options,
    choose_device,
    choose_precision,
    choose_preprocess,
    choose_workers,
)
from netdissect.pipeline.bases import BasisChoice, Chosen, choose_views
from netdissect.pipeline.directory import check_directory, run_into
from netdissect.pipeline.dissection import Dissection
from netdissect.pipeline.inputs import open_data, open_model
from netdissect.progress import progress_bar
from netdissect.results import Result
from netdissect.types import Concept, NetdissectError, sorted_categories
from netdissect.visualization import VisualizationOptions
from netdissect.visualization.looking import check_looks


def dissect(
    model: nn.Module | LoadedModel | str,
    layers: str | Sequence[str],
    data: ConceptDataset | str | Path = "scenes",
    *,
    basis: BasisChoice | Sequence[BasisChoice] = None,
    quantile: float = 0.005,
    iou_threshold: float = 0.04,
    align: str = "receptive",
    layout: str | None = None,
    size: int | tuple[int, int] | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    channels: str | None = None,
    value_range: int | None = None,
    batch_size: int = 32,
    device: str | torch.device | None = None,
    precision: str = "float32",
    categories: str | Sequence[str] | None = None,
    ignore_index: Sequence[int] = (),
    limit: int | None = None,
    seed: int = 0,
    skip_bad: bool = False,
    workers: int | None = None,
    top_images: int = 15,
    visualize: VisualizationOptions | str | Sequence[str] = (),
    name: str | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    keep_activations: bool = False,
    progress: bool = True,
) -> Result:
    """Names the units of ``layers`` of ``model`` by the concepts of ``data`` that they overlap.

    Args:
        model: any ``nn.Module`` that takes ``(n, 3, H, W)``, or the name of one (see ``load_model``).
        layers: names as ``list_layers`` gives them, patterns of them (``layer*.2``), or ``paper`` for those that the
            paper dissects in the architecture; or one such name.
        data: a dataset, or the name of one (see ``open_dataset``).
        basis: the directions that are dissected. None: the channels; ``pca``: the principal components of the layer's
            activations, which a pass of its own finds; a matrix, or a ``.npy`` or ``.safetensors`` file with one, whose
            rows are directions; ``Rotated(amount, seed)``. Of several, a list, all are measured in one pass, and the
            layer's name in each says which it is.
        quantile: the fraction of all positions at which a unit exceeds its threshold.
        iou_threshold: a unit whose IoU with its concept is greater is a detector.
        align: how a map lies on the image: ``receptive``, each position at the centre of its receptive field, or
            ``stretch``, stretched over the whole, as layers are in any case that have no such field.
        layout: how a layer's output is laid out, ``nuhw``, ``nhwu``, ``ntu`` or ``nu`` (n images, u units, h w
            positions, t tokens), where that is not to be inferred.
        size: image pixels, one number or (H, W); else what the weights tell, or 224.
        mean: per channel, in the order of ``channels`` and in 0..``value_range``, one number or three; else what the
            weights tell, or ImageNet's.
        std: likewise the deviation; else what the weights tell, or ImageNet's, or 1 where ``value_range`` is 255.
        channels: ``rgb``, ``bgr`` or ``gray`` (luminance: the network takes ``(n, 1, H, W)``); else what the weights
            tell, or ``rgb``. A mean that the weights tell for others is put in order, or averaged for gray.
        value_range: what white is, 1 or 255; else what the weights tell, or 1. A mean that the weights tell for the
            other is scaled; a deviation is not.
        batch_size: images at a time.
        device: where to run; None where the model is, ``auto`` a GPU if there is one.
        precision: ``float32``, or ``bfloat16`` or ``float16``, in which the network is run where it can be.
        categories: the categories whose concepts may name units; thresholds do not depend on it. None: all.
        ignore_index: further class indices without a concept, for a folder of masks.
        limit: at most this many images, drawn by ``seed``.
        seed: that of ``limit``, of scenes, of the images' order and, where ``model`` is a name, of its random weights.
        skip_bad: leave out images that cannot be read, and say so, instead of raising.
        workers: threads that read images ahead; 0 reads them in between. None: half as many as the machine has cores,
            at most 8.
        top_images: how many images to keep for each unit; as many as are to be visualized, if these are more.
        visualize: ways to look at the units whose label passes the cut: ``top``, ``deconvnet``, ``backprop``,
            ``inceptionism``, or several; ``VisualizationOptions`` say more, and name other units. The result has the
            pictures.
        name: what to call the run.
        out: the directory in which to save the run, with its report. What is finished is kept beside it, in
            ``OUT.unfinished``, until all is. None: nothing is saved; what memory need not hold goes to a temporary
            folder (``TMPDIR`` says where).
        overwrite: replace the run in ``out``, or an unfinished one.
        resume: go on with what is finished of the same run, if anything is.
        keep_activations: leave in ``out/activations`` what was kept of the activations (see ``KeptActivations``).
        progress: show a progress bar on standard error.

    Raises:
        NetdissectError: bad options, layers, data or activations; a disk that is full; another run in ``out``. Its
            text is one line.
    """
    if out is None:
        if resume or keep_activations:
            raise NetdissectError("only a run that is saved can be resumed, or keep its activations: say where (out)")
    else:
        out = Path(out)
        check_directory(out, overwrite=overwrite, resume=resume)
    layers = [layers] if isinstance(layers, str) else list(layers)
    quantile, iou_threshold = real_number(quantile, "quantile"), real_number(iou_threshold, "IoU threshold")
    batch_size = whole_number(batch_size, "batch size")
    top_images = whole_number(top_images, "number of top images")
    looks = choose_looks(visualize)
    if looks is not None:
        top_images = max(top_images, looks.images)
    limit = None if limit is None else whole_number(limit, "limit")
    check_options(quantile, iou_threshold, align)
    seed = whole_number(seed, "seed", least=0)
    loaded = open_model(model, seed)
    check_layout(layout)
    where = choose_device(loaded.model, device)
    choose_precision(precision, where)
    preprocess = choose_preprocess(loaded.expected, size, mean, std, channels, value_range)
    dataset = open_data(data, preprocess.size, ignore_index, limit, seed, skip_bad)
    concepts = Concepts(_chosen(dataset, categories), dataset.label_shape)
    # In an order of chance, since images alike, of a film, say, often lie side by side: bounds of thresholds would
    # rise late, and more be kept for long.
    order = np.random.default_rng(seed).permutation(len(dataset)).tolist()
    reader = Reader(dataset, preprocess, batch_size, order=order, workers=choose_workers(workers), skip_bad=skip_bad)
    chosen = find_layers(loaded.model, layers, reader.first().contiguous(), layout=layout, spec=loaded.spec)
    with progress_bar(progress) as bar:
        views = choose_views(chosen, basis, bar)
    options = {
        "quantile": quantile,
        "iou_threshold": iou_threshold,
        "align": align,
        "layout": layout,
        "size": list(preprocess.size),
        "mean": list(preprocess.mean),
        "std": list(preprocess.std),
        "channels": preprocess.channels,
        "value_range": preprocess.value_range,
        "batch_size": batch_size,
        "device": str(where),
        "precision": precision,
        "categories": None if categories is None else list(concepts.categories),
        "ignore_index": list(map(int, ignore_index)),
        "limit": limit,
        "seed": seed,
        "top_images": top_images,
    }
    told = {one.view.name: told_of(one, align) for one in views}
    about = _about(loaded, dataset) | {"layers": told, "options": options}
    if looks is not None:
        options["visualize"] = looks.plain()
        for one in views:
            check_looks(looks, loaded.model, one.view, preprocess, where, batch_size)
    dissection = Dissection(name or loaded.spec, loaded, tuple(views), reader, concepts, where, about, looks)
    if out is not None:
        return run_into(
            dissection,
            out,
            overwrite=overwrite,
            resume=resume,
            keep_activations=keep_activations,
            progress=progress,
        )
    with tempfile.TemporaryDirectory(prefix="netdissect-", ignore_cleanup_errors=True) as folder:
        return dissection.run(Path(folder), progress=progress)


def told_of(chosen: Chosen, align: str) -> dict[str, Any]:
    """What a run tells of a layer, as plain data."""
    info = chosen.view.layer
    told = {
        "type": info.type,
        "shape": list(chosen.view.shape),
        **info.layout.plain(info.output),
        "align": "stretch" if info.field is None else align,
        "field": None if info.field is None else info.field.plain(),
        "no_field": info.no_field,
    }
    return told if chosen.told is None else {**told, "basis": dict(chosen.told)}


def choose_looks(visualize: VisualizationOptions | str | Sequence[str]) -> VisualizationOptions | None:
    """None if nothing is to be visualized."""
    if isinstance(visualize, VisualizationOptions):
        return visualize
    return VisualizationOptions(visualize) if visualize else None


def _chosen(data: ConceptDataset, categories: str | Sequence[str] | None) -> list[Concept]:
    """The concepts of the chosen categories; all of them if none are chosen."""
    categories = [categories] if isinstance(categories, str) else categories
    known = sorted_categories({concept.category for concept in data.concepts})
    for category in categories or ():
        if category not in known:
            raise NetdissectError(f"{data.name} has no category {category!r}: it has {', '.join(known)}")
    return [concept for concept in data.concepts if not categories or concept.category in categories]


def _about(loaded: LoadedModel, data: ConceptDataset) -> dict[str, Any]:
    return {
        "model": {
            "name": loaded.spec,
            "arguments": {name: repr(value) for name, value in loaded.arguments.items()},
            "weights": loaded.weights,
            "weights_sha256": weights_hash(loaded.model),
        },
        "data": {"name": data.name, "fingerprint": data.fingerprint(), "label_shape": list(data.label_shape)},
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in ("netdissect", "torch", "torchvision", "numpy", "pillow")},
        },
    }
