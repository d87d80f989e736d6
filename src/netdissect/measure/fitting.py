"""A pass over the images before the one that dissects: it fits the bases that follow from activations."""

from collections.abc import Sequence
from typing import Any

from netdissect.bases import BasisView, layers_of
from netdissect.bases.base import Fit, Fitted
from netdissect.engine.extremes import Extremes
from netdissect.inference.maps import check_usable, maps_of
from netdissect.inference.reader import Batch, Reader
from netdissect.inference.runner import NetworkRunner
from netdissect.types import OnProgress, no_progress


def fit_bases(
    runner: NetworkRunner,
    views: Sequence[BasisView],
    reader: Reader,
    on_progress: OnProgress = no_progress,
) -> dict[str, Fitted]:
    """Return the arrays that the bases of ``views`` need, by the views' names, from all images of ``reader``.

    Runs the network as ``collect`` does, and raises the same errors.
    """
    total = len(reader.order)
    fitting = _Fitting(runner, views, reader)
    on_progress("fitting bases", 0, total)
    with runner.capturing(layers_of(views), reader, fitting.take) as run:
        for batch in reader.batches():
            fitting.batch = batch
            run(batch)
            on_progress("fitting bases", batch.end, total)
    on_progress("fitting bases", total, total)
    return {name: vars(fit.compute()) for name, fit in fitting.fits.items()}


class _Fitting:
    """Updates the accumulators of bases with the outputs of layers on ``batch``."""

    batch: Batch

    def __init__(self, runner: NetworkRunner, views: Sequence[BasisView], reader: Reader) -> None:
        self.views = views
        self.layers = {view.layer.name: view.layer for view in views}
        self.reader = reader
        self.device = runner.counting_device
        self.fits: dict[str, Fit] = {}
        for view in views:
            assert view.basis is not None
            self.fits[view.name] = view.basis.fit(view.layer, self.device)

    def take(self, layer: str, output: Any) -> None:
        """Take the output of a layer on the batch."""
        indices = self.batch.indices
        maps = maps_of(self.layers[layer], output, len(indices), self.device)
        check_usable(layer, maps, Extremes.of(maps), lambda position: self.reader.data.image_name(indices[position]))
        for view in self.views:
            if view.layer.name == layer:
                self.fits[view.name].update(maps)
