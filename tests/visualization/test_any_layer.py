"""Layers that are listed can be looked at, whatever they return, in networks of all kinds."""

import pytest
import torch

from netdissect.bases import BasisView
from netdissect.inference.differentiate import differentiating
from netdissect.inference.preprocess import Preprocess
from netdissect.networks.layers import find_layers
from netdissect.networks.load import load_model
from netdissect.visualization import saliency
from netdissect.visualization.deconvnet import project_back
from netdissect.visualization.inception import excite
from netdissect.visualization.model_image import model_image
from netdissect.visualization.options import Excitation
from tests.pipeline.test_tokens import Transformer
from tests.runners import runner_of
from tests.unchecked import unchecked_types
from tests.visualization.small import noise, state

#: By the network, the size it takes, and names beyond those that a pattern finds. All have maps and vectors.
NETWORKS = {
    "timm:test_resnet": (64, ("fc@input", "layer3.0@input")),  # in place
    "timm:test_convnext": (64, ()),  # units last
    "timm:test_vit": (160, ()),  # tokens
    "timm:test_efficientnet": (64, ()),  # gates
}


@pytest.mark.parametrize("spec", NETWORKS)
def test_every_fourth_layer_can_be_looked_at(spec):
    size, further = NETWORKS[spec]
    with unchecked_types():
        model, image = load_model(spec).model, torch.zeros(1, 3, size, size)
        listed = find_layers(model, ["**"], image)
        layers = [*listed[::4], listed[-1], *(find_layers(model, further, image) if further else ())]
        before = state(model)
        for layer in layers:
            look_at(model, layer, Preprocess((size, size)))
        assert state(model) == before


@pytest.mark.parametrize("name", ["attention@heads", "attention[0]", "attention[1]", "norm", "head@input"])
def test_attention_heads_and_items_of_tuples_and_dicts(name):
    model, image = Transformer(dictionary=True).eval(), torch.zeros(1, 3, 24, 32)
    before = state(model)
    (layer,) = find_layers(model, [name], image)
    look_at(model, layer, Preprocess((24, 32)))
    assert state(model) == before


def look_at(model, layer, preprocess):
    """In all ways, at the last of its units, in the middle of its map."""
    images, (height, width) = noise(1, 3, *preprocess.size), (*layer.shape, 1, 1)[1:3]
    there = torch.tensor([layer.units - 1]), torch.tensor([[height // 2, width // 2]])
    with differentiating(runner_of(model, preprocess), BasisView(layer.name, layer)) as activations:
        for way in (saliency.gradient, saliency.guided, project_back):
            assert way(activations, images, *there).isfinite().all(), layer.name
        excited = excite(activations, [layer.units - 1], Excitation(steps=1))
        assert excited.images.shape == (1, 1, *images.shape[1:]) and excited.images.isfinite().all(), layer.name
        assert model_image(activations, layer.units - 1, steps=1).isfinite().all(), layer.name
