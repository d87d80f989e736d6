"""The whole way from a network and a dataset to a result, with a progress bar."""

import io
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from netdissect.concepts import ConceptDataset, open_dataset, sample
from netdissect.engine.batches import Preprocess, Reader
from netdissect.engine.mask import ALIGNMENTS
from netdissect.engine.measure import Measurement, OnProgress, measure
from netdissect.engine.tally import Concepts
from netdissect.networks.layers import check_layers
from netdissect.networks.load import RANDOM_WEIGHTS, Expected, LoadedModel, load_model
from netdissect.networks.weights import weights_hash
from netdissect.results import LayerResult, Result, ShownImage
from netdissect.types import Concept, NetdissectError, one_line, sorted_categories

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
    categories: Sequence[str] | None = None,
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
    loaded = _loaded(model, seed)
    preprocess = _preprocess(loaded.expected, size, mean, std)
    _check_options(quantile, iou_threshold, align, batch_size, top_images)
    check_layers(loaded.model, layers)
    where = _device(loaded.model, device)
    if isinstance(data, str | Path):
        dataset = open_dataset(
            data, size=preprocess.size, ignore_index=ignore_index, skip_bad=skip_bad, limit=limit, seed=seed
        )
    else:
        dataset = data if limit is None else sample(data, limit, seed)
    if len(dataset) == 0:
        raise NetdissectError(f"{dataset.name}: the dataset has no images")
    concepts = Concepts(_chosen(dataset, categories), dataset.label_shape)
    reader = Reader(dataset, preprocess, batch_size, skip_bad=skip_bad)
    clock = _Clock()
    with _progress_bar(progress) as on_progress:
        measured = measure(
            loaded.model,
            layers,
            reader,
            concepts,
            quantile=quantile,
            align=align,
            device=where,
            top_images=top_images,
            on_progress=clock.around(on_progress),
        )
        results = {
            layer: _layer_result(layer, of_layer, concepts, quantile, iou_threshold)
            for layer, of_layer in measured.items()
        }
        images = _shown_images(dataset, results, clock.around(on_progress))
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
        "ignore_index": list(ignore_index),
        "limit": limit,
        "seed": seed,
    }
    about = _about(loaded, reader, results) | {"options": options, "timings": clock.seconds()}
    return Result(name or loaded.spec, results, images, about)


def _loaded(model: nn.Module | LoadedModel | str, seed: int) -> LoadedModel:
    if isinstance(model, str):
        return load_model(model, seed=seed)
    if isinstance(model, nn.Module):
        return LoadedModel(model, type(model).__name__, None, Expected())
    return model


def _preprocess(
    expected: Expected,
    size: int | tuple[int, int] | None,
    mean: float | Sequence[float] | None,
    std: float | Sequence[float] | None,
) -> Preprocess:
    """What the caller says, else what the weights tell, else ImageNet's."""
    default = Preprocess()
    pair = (size, size) if isinstance(size, int) else size or expected.size or default.size
    if min(pair) < 1:
        raise NetdissectError(f"images of {pair[0]}x{pair[1]} pixels have none")
    deviation = _three_channels(std, "std") or expected.std or default.std
    if min(deviation) <= 0:
        raise NetdissectError(f"a standard deviation of {min(deviation)} cannot be divided by")
    return Preprocess(pair, _three_channels(mean, "mean") or expected.mean or default.mean, deviation)


def _three_channels(values: float | Sequence[float] | None, what: str) -> tuple[float, float, float] | None:
    """One number for all channels, or three."""
    if values is None:
        return None
    values = (values,) if isinstance(values, int | float) else values
    if len(values) not in (1, 3):
        raise NetdissectError(f"{what} is one number or three, not {len(values)}")
    red, green, blue = values if len(values) == 3 else tuple(values) * 3
    return (float(red), float(green), float(blue))


def _check_options(quantile: float, iou_threshold: float, align: str, batch_size: int, top_images: int) -> None:
    if not 0 < quantile < 1:
        raise NetdissectError(f"a quantile of {quantile} is not between 0 and 1")
    if not 0 <= iou_threshold < 1:
        raise NetdissectError(f"an IoU threshold of {iou_threshold} is not in 0..1")
    if align not in ALIGNMENTS:
        raise NetdissectError(f"no alignment {align!r}: it is {' or '.join(ALIGNMENTS)}")
    if batch_size < 1 or top_images < 1:
        raise NetdissectError("the batch size and the number of top images are at least 1")


def _device(model: nn.Module, device: str | torch.device | None) -> torch.device:
    """``None`` is where the model is, ``auto`` the GPU if there is one."""
    if device is None:
        return next((tensor.device for tensor in [*model.parameters(), *model.buffers()]), torch.device("cpu"))
    if device == "auto":
        kind = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device(kind)
    try:
        torch.zeros(1, device=device)
        return torch.device(device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise NetdissectError(f"device {device!r} cannot be used: {one_line(error)}") from error


def _chosen(data: ConceptDataset, categories: Sequence[str] | None) -> list[Concept]:
    known = sorted_categories({concept.category for concept in data.concepts})
    for category in categories or ():
        if category not in known:
            raise NetdissectError(f"{data.name} has no category {category!r}: it has {', '.join(known)}")
    chosen = [concept for concept in data.concepts if not categories or concept.category in categories]
    if not chosen:
        raise NetdissectError(f"{data.name}: lists no concepts")
    return chosen


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
        image = data.image(index)
        image.thumbnail((SHOWN_SIZE, SHOWN_SIZE), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=85)
        shown[index] = ShownImage(data.image_name(index), buffer.getvalue())
    on_progress("images", len(indices), len(indices))
    return shown


def _about(loaded: LoadedModel, reader: Reader, results: Mapping[str, LayerResult]) -> dict[str, Any]:
    data, skipped = reader.data, [reader.skipped[index] for index in sorted(reader.skipped)]
    notes = [note for result in results.values() for note in result.notes()]
    if (loaded.weights or "").startswith(RANDOM_WEIGHTS):
        notes.insert(0, "the network has random weights: --weights FILE or DEFAULT gives it trained ones")
    if skipped:
        notes.append(
            f"{len(skipped)} of {len(data)} images were left out, since they cannot be read; the first: {skipped[0]}"
        )
    return {
        "model": {"name": loaded.spec, "weights": loaded.weights, "weights_sha256": weights_hash(loaded.model)},
        "data": {
            "name": data.name,
            "fingerprint": data.fingerprint(),
            "images": len(data) - len(skipped),
            "skipped": skipped,
            "label_shape": list(data.label_shape),
        },
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in ("netdissect", "torch", "torchvision", "numpy")},
        },
        "notes": notes,
    }


class _Clock:
    """Seconds spent on each of the things that report progress."""

    def __init__(self) -> None:
        self._begun: dict[str, float] = {}
        self._ended: dict[str, float] = {}

    def around(self, on_progress: OnProgress) -> OnProgress:
        def timed(doing: str, done: int, total: int) -> None:
            self._ended[doing] = time.perf_counter()
            self._begun.setdefault(doing, self._ended[doing])
            on_progress(doing, done, total)

        return timed

    def seconds(self) -> dict[str, float]:
        return {doing: round(self._ended[doing] - begun, 3) for doing, begun in self._begun.items()}


@contextmanager
def _progress_bar(shown: bool) -> Iterator[OnProgress]:
    """A bar per thing that is done, on standard error."""
    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as progress:
        tasks: dict[str, Any] = {}

        def on_progress(doing: str, done: int, total: int) -> None:
            if doing not in tasks:
                tasks[doing] = progress.add_task(doing, total=total)
            progress.update(tasks[doing], completed=done, total=total)

        yield on_progress
