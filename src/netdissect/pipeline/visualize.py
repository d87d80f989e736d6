"""Looking at units as one function: measured, or found in a run, pictured, and shown on a page."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import attrs
from typing_extensions import Unpack

from netdissect.bases import BasisView
from netdissect.concepts import ConceptDataset
from netdissect.declarations import takes_settings
from netdissect.inference.reader import Reader
from netdissect.inference.runner import ModelChoice, NetworkRunner, prepare
from netdissect.networks.weights import weights_hash
from netdissect.pages.page import check_page
from netdissect.pipeline.data import DataChoice, open_data
from netdissect.pipeline.dissect import choose_looks, dissect
from netdissect.progress import progress_bar
from netdissect.results import Result
from netdissect.settings import Settings, SettingsKeywords
from netdissect.types import NetdissectError
from netdissect.visualization import VisualizationOptions
from netdissect.visualization.looking import check_looks, visualized
from netdissect.visualization.page import write_visualization_page

#: The settings that hold for looking at a saved run: all others are the run's own.
OWN_SETTINGS = ("batch_size", "device")


@takes_settings(Settings)
def visualize(
    model: ModelChoice,
    layers: str | Sequence[str],
    looks: VisualizationOptions | str | Sequence[str],
    data: DataChoice = "scenes",
    *,
    run: Result | str | Path | None = None,
    settings: Settings | None = None,
    out: str | Path | None = None,
    progress: bool = True,
    **options: Unpack[SettingsKeywords],
) -> Result:
    """Look at units of ``layers`` of ``model`` as ``looks`` say: ``result[layer].visualized`` are the pictures.

    Names of units, and the images that excite them, are found by dissecting the layers on ``data``; or in ``run``, a
    saved run of this network on this ``data``, whose settings then hold. In ``out``, a directory, a page with all
    pictures is written; a page there is replaced.

    Args:
        model: see ``dissect``.
        layers: see ``dissect``.
        looks: methods, for the units whose label passes the cut; ``VisualizationOptions`` say more.
        data: see ``dissect``.
        run: a run, or its directory. Of all settings batch_size and device alone may be given with it.
        settings: all settings at once, in place of ``options``.
        out: the directory to write.
        progress: show a progress bar on standard error.
        {settings}

    Raises:
        NetdissectError: a unit that does not exist, a layer that cannot be differentiated, a run of another network or
            other data, an ``out`` that cannot be written, and what ``dissect`` raises.
    """
    if out is not None:
        check_page(out)
    names = [layers] if isinstance(layers, str) else list(layers)
    looks, given = choose_looks(looks) or VisualizationOptions(()), Settings.of(settings, options)
    if run is None:
        result = dissect(model, names, data, visualize=looks, settings=given, progress=progress)
    elif foreign := [name for name in given.changed() if name not in OWN_SETTINGS]:
        raise NetdissectError(f"with a run, its own options hold: leave out {', '.join(foreign)}")
    else:
        looker = _open_run(run if isinstance(run, Result) else Result.load(run), model, data, given)
        result = looker.look(names, looks, progress)
    if out is not None:
        with progress_bar(progress) as bar:
            write_visualization_page(result, out, on_progress=bar)
    return result


@dataclass(frozen=True)
class _RunLooker:
    """A saved run with the network and the dataset that it is of, opened again."""

    result: Result
    runner: NetworkRunner
    data: ConceptDataset

    def look(self, names: Sequence[str], looks: VisualizationOptions, progress: bool) -> Result:
        """Return the result with the pictures of these layers, and no others."""
        settings = self.result.description.settings
        assert settings is not None
        if looks.images > settings.top_images:
            raise NetdissectError(
                f"run {self.result.name}: has {settings.top_images} images of a unit, not {looks.images}"
            )
        image = Reader(self.data, self.runner.preprocess, 1, skip_bad=True).first()
        views = [BasisView(info.name, info) for info in self.runner.find_layers(names, image)]
        for view in views:
            _check_measured(self.result, view, settings.align)
            check_looks(looks, self.runner, view)
        with progress_bar(progress) as bar:
            pictured = {
                view.name: visualized(self.runner, view, self.result[view.name], self.data, looks, bar)
                for view in views
            }
        return replace(self.result, layers=pictured)


def _open_run(result: Result, model: ModelChoice, data: DataChoice, given: Settings) -> _RunLooker:
    """Open the network and the dataset of a run. Raises ``NetdissectError`` if these are others."""
    description = result.description
    if description.settings is None:
        raise NetdissectError(f"{result.name}: is a table, which does not tell of the images that excite units")
    own = {name: getattr(given, name) for name in OWN_SETTINGS}
    settings = attrs.evolve(description.settings, skip_bad=True, **own)  # the fingerprint tells which were left out
    runner = prepare(model, settings, seed=settings.seed)
    if weights_hash(runner.model) != description.network.weights_sha256:
        raise NetdissectError(f"run {result.name}: is of another network, {description.network.name}, or other weights")
    try:
        dataset = open_data(data, settings)
    except NetdissectError as error:
        raise NetdissectError(f"run {result.name}: is of data {description.data.name}, but {error}") from error
    if dataset.fingerprint() != description.data.fingerprint:
        raise NetdissectError(f"run {result.name}: is of other data, {description.data.name}")
    return _RunLooker(result, runner, dataset)


def _check_measured(result: Result, view: BasisView, align: str) -> None:
    """Raise ``NetdissectError`` unless the run measured this view: equal weights may make other maps, by a stride."""
    if view.name not in result.layers:
        raise NetdissectError(f"run {result.name}: has no layer {view.name}: it has {', '.join(result.layers)}")
    measured = result.description.layers[view.name]
    if measured.basis is not None:
        raise NetdissectError(
            f"run {result.name}: layer {view.name} is {measured.basis.words}, which a run does not hold: look at its "
            "units where it is dissected, by visualize"
        )
    if view.describe(align) != measured:
        raise NetdissectError(f"run {result.name}: its layer {view.name} has other maps, or other receptive fields")
