"""Networks made ready to run, for tests of the parts that run them."""

import torch

from netdissect.inference.runner import NetworkRunner
from netdissect.network_settings import NetworkSettings
from netdissect.networks.expected import Expected
from netdissect.networks.load import LoadedModel


def runner_of(model, preprocess, **settings):
    """Return the runner of a network on the CPU, whose images are preprocessed so."""
    loaded = LoadedModel(model, type(model).__name__, None, Expected())
    return NetworkRunner(loaded, preprocess, torch.device("cpu"), NetworkSettings(**settings))
