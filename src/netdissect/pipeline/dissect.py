"""The main job as one function: options checked, things opened, run, saved."""

import platform
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import attrs
import numpy as np
from typing_extensions import Unpack

from netdissect.bases import BasisChoice, BasisView, choose_views
from netdissect.concepts import ConceptDataset
from netdissect.declarations import takes_settings
from netdissect.engine.tally import Concepts
from netdissect.inference.reader import Reader
from netdissect.inference.runner import ModelChoice, NetworkRunner, prepare
from netdissect.networks.load import LoadedModel
from netdissect.networks.weights import weights_hash
from netdissect.parallel import background_threads
from netdissect.pipeline.data import DataChoice, chosen_concepts, open_data
from netdissect.pipeline.directory import check_directory, run_into
from netdissect.pipeline.job import DissectionJob
from netdissect.progress import progress_bar
from netdissect.results import Result
from netdissect.results.criteria import criterion_called
from netdissect.results.description import DataDescription, NetworkDescription, RunDescription
from netdissect.settings import Settings, SettingsKeywords
from netdissect.types import NetdissectError
from netdissect.visualization import VisualizationOptions
from netdissect.visualization.looking import check_looks


@takes_settings(Settings)
def dissect(
    model: ModelChoice,
    layers: str | Sequence[str],
    data: DataChoice = "scenes",
    *,
    settings: Settings | None = None,
    basis: BasisChoice | Sequence[BasisChoice] = None,
    visualize: VisualizationOptions | str | Sequence[str] = (),
    name: str | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    keep_activations: bool = False,
    progress: bool = True,
    **options: Unpack[SettingsKeywords],
) -> Result:
    """Name the units of ``layers`` of ``model`` by the concepts of ``data`` that they overlap.

    Args:
        model: any ``nn.Module`` that takes ``(n, 3, H, W)``, or the name of one (see ``load_model``).
        layers: names as ``list_layers`` gives them, patterns of them (``layer*.2``), or ``paper`` for the layers that
            the paper dissects in the architecture; or one such name.
        data: a dataset, or the name of one (see ``open_dataset``).
        settings: all settings at once, in place of ``options``.
        basis: the directions that are dissected. None: the channels; ``pca``: the principal components of the layer's
            activations, which a pass of its own finds; a matrix, or a ``.npy`` or ``.safetensors`` file with one, whose
            rows are directions; ``Rotated(amount, seed)``; any ``Basis``. Several, a list, are all measured in one
            pass, and the layer's name in each says which it is.
        visualize: ways to look at the units whose label passes the cut: ``top``, ``deconvnet``, ``backprop``,
            ``inceptionism``, or several; ``VisualizationOptions`` say more, and name other units. The result has the
            pictures.
        name: the run's name.
        out: the directory in which to save the run, with its report. Finished work is kept beside it, in
            ``OUT.unfinished``, until the run is whole. None: nothing is saved; what memory need not hold goes to a
            temporary folder (``TMPDIR`` says where).
        overwrite: replace the run in ``out``, or an unfinished one.
        resume: go on with the finished work of the same run, if there is any.
        keep_activations: leave the activations kept in ``out/activations`` (see ``KeptActivations``).
        progress: show a progress bar on standard error.
        {settings}

    Raises:
        NetdissectError: bad options, layers, data or activations; a disk that is full; another run in ``out``. Its
            text is one line.

    >>> result = dissect("netdissect.networks.demo:demo_network", "relu2", limit=4, size=56, progress=False)
    >>> result["relu2"].unit_count
    64
    """
    given = Settings.of(settings, options)
    if out is None:
        if resume or keep_activations:
            raise NetdissectError("only a run that is saved can be resumed, or keep its activations: say where (out)")
    else:
        check_directory(Path(out), overwrite=overwrite, resume=resume)
    criterion_called(given.criterion)  # raises for a criterion that does not exist
    looks = choose_looks(visualize)
    if looks is not None:
        given = attrs.evolve(given, top_images=max(given.top_images, looks.images))
    runner = prepare(model, given, seed=given.seed)
    opened = _Opened.of(runner, data, runner.completed(given))
    found = runner.find_layers([layers] if isinstance(layers, str) else layers, opened.reader.first())
    with progress_bar(progress) as bar:
        views = choose_views(found, basis, bar)
    job = opened.job(views, looks, name or runner.loaded.spec)
    if out is None:
        with tempfile.TemporaryDirectory(prefix="netdissect-", ignore_cleanup_errors=True) as folder:
            return job.run(Path(folder), progress=progress)
    return run_into(
        job, Path(out), overwrite=overwrite, resume=resume, keep_activations=keep_activations, progress=progress
    )


def choose_looks(visualize: VisualizationOptions | str | Sequence[str]) -> VisualizationOptions | None:
    """Return the ways to look at units, None if there are none."""
    if isinstance(visualize, VisualizationOptions):
        return visualize
    return VisualizationOptions(cast(Any, visualize)) if visualize else None


@dataclass(frozen=True)
class _Opened:
    """The network, the concepts and the reader of a dissection, with its complete settings."""

    runner: NetworkRunner
    concepts: Concepts
    reader: Reader
    settings: Settings

    @classmethod
    def of(cls, runner: NetworkRunner, data: DataChoice, settings: Settings) -> "_Opened":
        """Open the dataset."""
        dataset = open_data(data, settings)
        concepts = Concepts(chosen_concepts(dataset, settings.categories), dataset.label_shape)
        if settings.categories is not None:
            settings = attrs.evolve(settings, categories=concepts.categories)
        return cls(runner, concepts, _reader(runner, dataset, settings), settings)

    def job(self, views: tuple[BasisView, ...], looks: VisualizationOptions | None, name: str) -> DissectionJob:
        """Return the dissection of ``views``. Raises ``NetdissectError`` for views that ``looks`` cannot look at."""
        if looks is not None:
            for view in views:
                check_looks(looks, self.runner, view)
        data = self.reader.data
        description = RunDescription(
            network=_describe_network(self.runner.loaded),
            data=DataDescription(name=data.name, fingerprint=data.fingerprint(), label_shape=data.label_shape),
            layers={view.name: view.describe(self.settings.align) for view in views},
            settings=self.settings,
            looks=None if looks is None else looks.plain(),
            versions=_versions(),
        )
        return DissectionJob(name, self.runner, views, self.reader, self.concepts, self.settings, description, looks)


def _reader(runner: NetworkRunner, data: ConceptDataset, settings: Settings) -> Reader:
    # In an order of chance, since images alike, of a film, say, often lie side by side: bounds of thresholds would
    # rise late, and more be kept for long.
    order = np.random.default_rng(settings.seed).permutation(len(data)).tolist()
    workers = background_threads() if settings.workers is None else settings.workers
    return Reader(
        data, runner.preprocess, settings.batch_size, order=order, workers=workers, skip_bad=settings.skip_bad
    )


def _describe_network(loaded: LoadedModel) -> NetworkDescription:
    return NetworkDescription(
        name=loaded.spec,
        arguments={name: repr(value) for name, value in loaded.arguments.items()},
        weights=loaded.weights,
        weights_sha256=weights_hash(loaded.model),
    )


def _versions() -> dict[str, str]:
    packages = ("netdissect", "torch", "torchvision", "numpy", "pillow")
    return {"python": platform.python_version(), **{package: version(package) for package in packages}}
