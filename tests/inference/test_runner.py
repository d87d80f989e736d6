"""A network that is prepared to run: device, preprocessing, and the network as it was afterwards."""

import pytest
import torch
from torch import nn

from netdissect.inference.runner import prepare
from netdissect.network_settings import NetworkSettings
from netdissect.settings import Settings
from netdissect.types import NetdissectError

DEMO = "netdissect.networks.demo:demo_network"


def test_settings_are_completed():
    runner = prepare(DEMO, NetworkSettings(mean=0.5))
    complete = runner.completed(Settings(quantile=0.1))
    assert (complete.size, complete.mean, complete.channels, complete.value_range) == (
        runner.preprocess.size,
        runner.preprocess.mean,
        "rgb",
        1,
    )
    assert complete.device == "cpu" and complete.quantile == 0.1
    again = prepare(DEMO, complete)
    assert again.preprocess == runner.preprocess and again.completed(complete) == complete


def test_the_network_is_put_back():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    model[1].eval()
    runner = prepare(model, NetworkSettings(size=8))
    with runner.ready():
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == [True, True, False]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"device": "cuda:99"}, "device 'cuda:99' cannot be used"),
        ({"device": "nowhere"}, "device 'nowhere' cannot be used"),
        ({"precision": "float16"}, "float16 is for GPUs; a CPU takes bfloat16"),
        ({"mean": (0.1, 0.2)}, "mean is one number or three, not 2"),
    ],
)
def test_what_cannot_be_run(given, said):
    with pytest.raises(NetdissectError, match=said) as caught:
        prepare(nn.ReLU(), NetworkSettings(**given))
    assert "\n" not in str(caught.value)


def test_seeds_of_random_weights():
    first, same, other = (prepare("torchvision:squeezenet1_1", NetworkSettings(), seed=seed) for seed in (3, 3, 4))
    weights = [next(runner.model.parameters()) for runner in (first, same, other)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])
