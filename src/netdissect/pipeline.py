"""The whole way from a network and a dataset to a result, with a progress bar."""

import io
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from netdissect.concepts import ConceptDataset, check_dataset, open_dataset, sample
from netdissect.engine.batches import Reader
from netdissect.engine.measure import Measurement, OnProgress, measure
from netdissect.engine.tally import Concepts
from netdissect.networks.layers import check_layers
from netdissect.networks.load import Expected, LoadedModel, load_model
from netdissect.networks.weights import weights_hash
from netdissect.options import check_options, choose_device, choose_preprocess, real_number, whole_number
from netdissect.progress import Clock, progress_bar
from netdissect.results import LayerResult, Result, ShownImage
from netdissect.types import Concept, NetdissectError, sorted_categories

#: Shown images are at most this many pixels wide and high.
SHOWN_SIZE = 192


def dissect(
    model: nn.Module | LoadedModel | str,
    layers: str | Sequence[str],
    data: ConceptDataset | str | Path = "scenes",
    *,
    quantile: float = 0.005,
    iou_threshold: float = 0.04,
    align: str = "stretch",
    size: int | tuple[int, int] | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    batch_size: int = 32,
    device: str | torch.device | None = None,
    categories: str | Sequence[str] | None = None,
    ignore_index: Sequence[int] = (),
    limit: int | None = None,
    seed: int = 0,
    skip_bad: bool = False,
    top_images: int = 15,
    name: str | None = None,
    progress: bool = True,
) -> Result:
    """Names the units of ``layers`` of ``model`` by the concepts of ``data`` that they overlap.

    Args:
        model: any ``nn.Module`` that takes ``(n, 3, H, W)``, or the name of one (see ``load_model``).
        layers: names of modules, as in ``model.named_modules()``, or one name.
        data: a dataset, or the name of one (see ``open_dataset``).
        quantile: the fraction of all positions at which a unit exceeds its threshold.
        iou_threshold: a unit whose IoU with its concept is greater is a detector.
        align: how a map lies on the image; ``stretch`` stretches it over the whole.
        size: image pixels, one number or (H, W); else what the weights tell, or 224.
        mean: per channel of RGB in 0..1, one number or three; else what the weights tell, or ImageNet's.
        std: likewise the deviation.
        batch_size: images at a time.
        device: where to run; None where the model is, ``auto`` a GPU if there is one.
        categories: the categories whose concepts may name units; thresholds do not depend on it. None: all.
        ignore_index: further class indices without a concept, for a folder of masks.
        limit: at most this many images, drawn by ``seed``.
        seed: that of ``limit``, of scenes and, where ``model`` is a name, of its random weights.
        skip_bad: leave out images that cannot be read, and say so, instead of raising.
        top_images: how many images to keep for each unit.
        name: what to call the run.
        progress: show a progress bar on standard error.

    Raises:
        NetdissectError: bad options, layers, data or activations; its text is one line.
    """
    layers = [layers] if isinstance(layers, str) else list(layers)
    quantile, iou_threshold = real_number(quantile, "quantile"), real_number(iou_threshold, "IoU threshold")
    batch_size = whole_number(batch_size, "batch size")
    top_images = whole_number(top_images, "number of top images")
    limit = None if limit is None else whole_number(limit, "limit")
    check_options(quantile, iou_threshold, align)
    seed = int(seed)
    loaded = _loaded(model, seed)
    check_layers(loaded.model, layers)
    where = choose_device(loaded.model, device)
    preprocess = choose_preprocess(loaded.expected, size, mean, std)
    dataset = _dataset(data, preprocess.size, ignore_index, limit, seed, skip_bad)
    concepts = Concepts(_chosen(dataset, categories), dataset.label_shape)
    reader = Reader(dataset, preprocess, batch_size, skip_bad=skip_bad)
    fingerprint = dataset.fingerprint()
    clock = Clock()
    with progress_bar(progress) as bar:
        on_progress = clock.around(bar)
        measured = measure(
            loaded.model,
            layers,
            reader,
            concepts,
            quantile=quantile,
            align=align,
            device=where,
            top_images=top_images,
            on_progress=on_progress,
        )
        results = {
            layer: _layer_result(layer, of_layer, concepts, quantile, iou_threshold)
            for layer, of_layer in measured.items()
        }
        images = _shown_images(dataset, results, on_progress)
    options = {
        "quantile": quantile,
        "iou_threshold": iou_threshold,
        "align": align,
        "size": list(preprocess.size),
        "mean": list(preprocess.mean),
        "std": list(preprocess.std),
        "batch_size": batch_size,
        "device": str(where),
        "categories": None if categories is None else list(concepts.categories),
        "ignore_index": list(map(int, ignore_index)),
        "limit": limit,
        "seed": seed,
    }
    about = _about(loaded, reader, fingerprint, results)
    return Result(name or loaded.spec, results, images, about | {"options": options, "timings": clock.seconds()})


def _loaded(model: nn.Module | LoadedModel | str, seed: int) -> LoadedModel:
    if isinstance(model, str):
        return load_model(model, seed=seed)
    if isinstance(model, nn.Module):
        return LoadedModel(model, type(model).__name__, None, Expected())
    return model


def _dataset(
    data: ConceptDataset | str | Path,
    size: tuple[int, int],
    ignore_index: Sequence[int],
    limit: int | None,
    seed: int,
    skip_bad: bool,
) -> ConceptDataset:
    if isinstance(data, str | Path):
        data = open_dataset(data, size=size, ignore_index=ignore_index, skip_bad=skip_bad, limit=limit, seed=seed)
        check_dataset(data)
        return data
    check_dataset(data)
    if ignore_index:
        raise NetdissectError(f"{data.name}: indices to ignore make sense for a folder of masks given by name alone")
    return data if limit is None else sample(data, limit, seed)


def _chosen(data: ConceptDataset, categories: str | Sequence[str] | None) -> list[Concept]:
    """The concepts of the chosen categories; all of them if none are chosen."""
    categories = [categories] if isinstance(categories, str) else categories
    known = sorted_categories({concept.category for concept in data.concepts})
    for category in categories or ():
        if category not in known:
            raise NetdissectError(f"{data.name} has no category {category!r}: it has {', '.join(known)}")
    return [concept for concept in data.concepts if not categories or concept.category in categories]


def _layer_result(
    layer: str, measured: Measurement, concepts: Concepts, quantile: float, iou_threshold: float
) -> LayerResult:
    tally, top, histogram = measured.tally, measured.top, measured.histogram
    taken = int((top.image[0] >= 0).sum())  # fewer than asked for, where images were left out
    arrays = {
        "thresholds": measured.thresholds,
        "intersection": tally.intersection,
        "unit_area": tally.unit_area,
        "concept_area": tally.concept_area,
        "concept_images": tally.concept_images,
        "top_image": top.image[:, :taken],
        "top_activation": top.activation[:, :taken],
        "top_maps": top.maps[:, :taken],
        "histogram": histogram.counts,
        "low": histogram.low,
        "high": histogram.high,
    }
    return LayerResult(
        layer=layer,
        concepts=concepts.concepts,
        quantile=quantile,
        iou_threshold=iou_threshold,
        **{name: tensor.cpu().numpy() for name, tensor in arrays.items()},
    )


def _shown_images(
    data: ConceptDataset, results: Mapping[str, LayerResult], on_progress: OnProgress
) -> dict[int, ShownImage]:
    """A small JPEG of each image that is among the top ones of some unit."""
    indices = np.unique(np.concatenate([result.top_image.ravel() for result in results.values()]))
    shown = {}
    for done, index in enumerate(indices.tolist()):
        on_progress("images", done, len(indices))
        image = data.image(index).convert("RGB")  # a copy: the dataset may keep its own
        image.thumbnail((SHOWN_SIZE, SHOWN_SIZE), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=85)
        shown[index] = ShownImage(data.image_name(index), buffer.getvalue())
    on_progress("images", len(indices), len(indices))
    return shown


def _about(loaded: LoadedModel, reader: Reader, fingerprint: str, results: Mapping[str, LayerResult]) -> dict[str, Any]:
    data, skipped = reader.data, [reader.skipped[index] for index in sorted(reader.skipped)]
    return {
        "model": {"name": loaded.spec, "weights": loaded.weights, "weights_sha256": weights_hash(loaded.model)},
        "data": {
            "name": data.name,
            "fingerprint": fingerprint,
            "images": len(data) - len(skipped),
            "skipped": skipped,
            "label_shape": list(data.label_shape),
        },
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in ("netdissect", "torch", "torchvision", "numpy")},
        },
        "notes": _notes(loaded, results, len(data), skipped),
    }


def _notes(loaded: LoadedModel, results: Mapping[str, LayerResult], images: int, skipped: list[str]) -> list[str]:
    """What a reader of the result should know, a line each."""
    notes = []
    if loaded.is_random:
        notes.append("the network has random weights: --weights FILE or DEFAULT gives it trained ones")
    notes += [note for result in results.values() for note in result.notes()]
    if skipped:
        notes.append(
            f"{len(skipped)} of {images} images were left out, since they cannot be read; the first: {skipped[0]}"
        )
    return notes
