"""Activations that a pass keeps, without the rest of a dissection."""

from netdissect import KeptActivations
from netdissect.activations import ActivationWriter
from netdissect.bases import BasisView
from netdissect.measure import collect
from netdissect.settings import Settings
from tests.runners import runner_of


def kept_of(network, layers, reader, folder, **settings):
    """Run ``network`` over the images of ``reader``, and return what ``collect`` keeps of ``layers`` in ``folder``."""
    runner = runner_of(network, reader.preprocess)
    given = runner.completed(Settings(**settings))
    views = [BasisView(layer.name, layer) for layer in runner.find_layers(layers, reader.first())]
    with ActivationWriter(folder, views, reader.data, given, {}) as writer:
        collect(runner, views, reader, writer, given)
    return KeptActivations(folder)
