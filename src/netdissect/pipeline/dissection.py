"""A dissection that is ready to run, and the way from counts to a result."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from netdissect.activations import ActivationWriter, KeptActivations, kept_plan
from netdissect.engine.basis import Components
from netdissect.engine.batches import Reader
from netdissect.engine.tally import Concepts
from netdissect.engine.view import View, layers_of
from netdissect.measure import CHUNK_SECONDS, Measurement, collect, count, find_components
from netdissect.networks.load import LoadedModel
from netdissect.options import choose_precision
from netdissect.pipeline.bases import Chosen, read_components, sha256_of, with_components, write_components
from netdissect.pipeline.pictures import shown_images
from netdissect.progress import Clock, progress_bar
from netdissect.results import Activations, Counts, LayerResult, LayerTopImages, Result, Sample
from netdissect.results.description import check_same_plan
from netdissect.results.formats import description_from_format_5
from netdissect.types import NetdissectError, OnProgress, plain_text
from netdissect.visualization import VisualizationOptions, visualized

#: Bins of the histograms in a result.
HISTOGRAM_BINS = 64


@dataclass(frozen=True, repr=False, eq=False)
class Dissection:
    """What is to be run: ``about`` tells it as plain data; ``looks`` say what is visualized, None if nothing is."""

    name: str
    loaded: LoadedModel
    chosen: tuple[Chosen, ...]
    reader: Reader
    concepts: Concepts
    device: torch.device
    about: Mapping[str, Any]
    looks: VisualizationOptions | None = None

    @property
    def plan(self) -> dict[str, Any]:
        """All that the result follows from, as plain data: runs of equal plans give equal results."""
        return description_from_format_5(self.about).plan()

    def run(
        self, folder: Path, *, resume: bool = False, progress: bool = True, chunk_seconds: float = CHUNK_SECONDS
    ) -> Result:
        """Dissects, keeping activations in ``folder``; with ``resume`` goes on with what is finished there.

        Raises ``NetdissectError`` if the folder holds activations, unless ``resume`` and they are of the same plan.
        """
        self._check_folder(folder, resume)
        clock, options = Clock(), self.about["options"]
        # Whatever mode the caller is in: what is gathered is changed in place in several.
        with progress_bar(progress) as bar, torch.inference_mode(False), torch.no_grad():
            on_progress = clock.around(bar)
            components = self._components(folder, on_progress)
            views = with_components(self.chosen, components)
            with ActivationWriter(
                folder, views, self.reader.data, self.reader.preprocess.size, options["quantile"], self.plan
            ) as writer:
                collect(
                    self.loaded.model,
                    views,
                    self.reader,
                    writer,
                    quantile=options["quantile"],
                    device=self.device,
                    precision=choose_precision(options["precision"], self.device),
                    top_images=options["top_images"],
                    chunk_seconds=chunk_seconds,
                    on_progress=on_progress,
                )
            kept = KeptActivations(folder, check=False)  # those of before were checked when the writer opened them
            measured = count(
                kept,
                self.concepts,
                device=self.device,
                resume=True,
                chunk_seconds=chunk_seconds,
                on_progress=on_progress,
            )
            sample = tuple(plain_text(self.reader.data.image_name(index)) for index in kept.sample.tolist())
            results = {
                layer: _layer_result(
                    layer, of_layer, sample, self.concepts, options["quantile"], options["iou_threshold"]
                )
                for layer, of_layer in measured.items()
            }
            images, examples = shown_images(self.reader, results, on_progress)
            if self.looks is not None:
                results = {view.name: self._visualized(view, results[view.name], on_progress) for view in views}
        about = self._described(results) | {"timings": clock.seconds()}
        if components:
            about["components"] = {
                layer: {"sha256": sha256_of(found.rows), "variance": found.variance.tolist()}
                for layer, found in components.items()
            }
        return Result(self.name, results, images, description_from_format_5(about), examples)

    def _visualized(self, view: View, layer: LayerResult, on_progress: OnProgress) -> LayerResult:
        """The layer's result with the pictures of its units."""
        assert self.looks is not None
        reader = self.reader
        return visualized(
            self.loaded.model,
            view,
            layer,
            reader.data,
            reader.preprocess,
            self.looks,
            device=self.device,
            batch_size=reader.batch_size,
            on_progress=on_progress,
        )

    def _components(self, folder: Path, on_progress: OnProgress) -> dict[str, Components]:
        """Of the layers that are dissected in them: those of the run that is resumed, or found now."""
        layers = layers_of([one.view for one in self.chosen if one.in_components])
        if not layers:
            return {}
        if kept_plan(folder) is not None:
            return read_components(folder)
        found = find_components(
            self.loaded.model,
            layers,
            self.reader,
            device=self.device,
            precision=choose_precision(self.about["options"]["precision"], self.device),
            on_progress=on_progress,
        )
        write_components(folder, found)
        return found

    def _check_folder(self, folder: Path, resume: bool) -> None:
        finished = kept_plan(folder)
        if finished is None:
            return
        if not resume:
            raise NetdissectError(
                f"{folder}: holds the activations of a run already; resume it, or name another folder"
            )
        check_same_plan(folder, finished, self.plan)

    def _described(self, results: Mapping[str, LayerResult]) -> dict[str, Any]:
        """``about``, and what became of it."""
        images, skipped = len(self.reader.data), [self.reader.skipped[index] for index in sorted(self.reader.skipped)]
        data = self.about["data"] | {"images": images - len(skipped), "skipped": skipped}
        return {**self.about, "data": data, "notes": self._notes(results, images, skipped)}

    def _notes(self, results: Mapping[str, LayerResult], images: int, skipped: list[str]) -> list[str]:
        """What a reader of the result should know, a line each."""
        notes = []
        if self.loaded.is_random:
            notes.append("the network has random weights: --weights FILE or DEFAULT gives it trained ones")
        notes += self._stretched()
        # Of a layer in several bases the first speaks for all: for rotations it would be the same many times.
        first = {one.view.layer.name: one.view.name for one in reversed(self.chosen)}
        notes += [note for name in reversed(first.values()) for note in results[name].notes()]
        if skipped:
            notes.append(
                f"{len(skipped)} of {images} images were left out, since they cannot be read; the first: {skipped[0]}"
            )
        return notes

    def _stretched(self) -> list[str]:
        """Layers whose maps could not be laid where their receptive fields lie, by the reason; vectors have none."""
        reasons: dict[str, list[str]] = {}
        for layer in layers_of([one.view for one in self.chosen]):
            if layer.field is None and layer.layout.name != "nu" and self.about["options"]["align"] == "receptive":
                reasons.setdefault(layer.no_field, []).append(layer.name)
        return [
            f"maps of {', '.join(layers)} are stretched over the image, since no receptive field is known: {reason}"
            for reason, layers in reasons.items()
        ]


def _layer_result(
    layer: str,
    measured: Measurement,
    sample: tuple[str, ...],
    concepts: Concepts,
    quantile: float,
    iou_threshold: float,
) -> LayerResult:
    tally, top, histogram = measured.tally, measured.top, measured.histogram
    taken = int((top.image[0] >= 0).sum())  # fewer than asked for, where images were left out
    bin_start, bin_width, counts = histogram.merged(HISTOGRAM_BINS)
    return LayerResult(
        layer=layer,
        counts=Counts(
            concepts.concepts,
            tally.intersection.cpu().numpy(),
            tally.unit_area.cpu().numpy(),
            tally.concept_area.cpu().numpy(),
            tally.concept_images.cpu().numpy(),
        ),
        quantile=quantile,
        iou_threshold=iou_threshold,
        activations=Activations(
            measured.thresholds.cpu().numpy(),
            counts.cpu().numpy(),
            bin_start.cpu().numpy(),
            bin_width.cpu().numpy(),
            histogram.low.cpu().numpy(),
            histogram.high.cpu().numpy(),
        ),
        top=LayerTopImages(
            top.image[:, :taken].cpu().numpy(),
            top.activation[:, :taken].cpu().numpy(),
            measured.top_maps[:, :taken].cpu().numpy(),
        ),
        sample=Sample(sample, measured.peaks.cpu().numpy()),
    )
