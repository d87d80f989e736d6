"""Activations that a pass keeps, without the rest of a dissection."""

import torch

from netdissect import KeptActivations
from netdissect.activations import ActivationWriter
from netdissect.bases import BasisView
from netdissect.measure import collect
from netdissect.networks.layers import find_layers


def kept_of(network, layers, reader, folder, *, quantile, **options):
    """Run ``network`` over the images of ``reader``, and return what ``collect`` keeps of ``layers`` in ``folder``."""
    views = [BasisView(layer.name, layer) for layer in find_layers(network, layers, reader.first().contiguous())]
    with ActivationWriter(folder, views, reader.data, reader.preprocess.size, quantile, {}) as writer:
        collect(network, views, reader, writer, quantile=quantile, device=torch.device("cpu"), **options)
    return KeptActivations(folder)
