"""Activations that can be differentiated, and the network afterwards, whatever way goes back from it to pixels."""

from functools import partial

import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torch.overrides import _get_current_function_mode_stack

from netdissect.inference.preprocess import Preprocess
from netdissect.networks.load import load_model
from netdissect.types import NetdissectError
from netdissect.visualization import saliency
from netdissect.visualization.deconvnet import project_back
from netdissect.visualization.inception import excite
from netdissect.visualization.model_image import model_image
from netdissect.visualization.options import Excitation
from netdissect.visualization.pictures import pixels_of
from tests.shared import SHARED, needs_shared
from tests.visualization.small import close, noise, opened, state, triples


def asked(way):
    images, (units, positions) = noise(2, 3, 8, 8), triples((0, 0, 1), (1, 2, 0))
    return lambda activations: way(activations, images, units, positions)


WAYS = {
    **{way.__name__: asked(way) for way in (project_back, saliency.gradient, saliency.guided)},
    "smoothed": asked(partial(saliency.smoothed, noise=saliency.Noise(2))),
    "integrated": asked(partial(saliency.integrated, steps=2)),
    "model image": lambda activations: model_image(activations, 1, steps=2),
    "inceptionism": lambda activations: excite(activations, [1], Excitation(steps=2)).images,
}
ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


class Moody(nn.Module):
    """Some of its modules train and some do not; ``end`` is called with the maps of each batch."""

    def __init__(self, end=lambda maps: maps):
        super().__init__()
        torch.manual_seed(1)
        self.conv, self.norm, self.drop, self.maps = nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.Dropout(), nn.Identity()
        self.end = end
        self.train()
        self.norm.eval()
        self.conv.bias.requires_grad_(False)

    def forward(self, images):
        assert not any(module.training for module in self.modules())
        return self.maps(self.end(self.drop(F.relu(self.norm(self.conv(images)), inplace=True))))


def fails_at(count, error):
    """At the pass with this number, counted from the first after ``opened``."""
    passes = []

    def end(maps):
        if maps.requires_grad:
            passes.append(None)
            if len(passes) == count:
                raise error
        return maps

    return end


@ways
def test_the_network_is_left_as_it_was(way):
    model = Moody()
    before = state(model)
    with opened(model, "maps") as activations:
        assert not any(parameter.requires_grad for parameter in model.parameters())
        assert way(activations).isfinite().all()
    assert state(model) == before and not _get_current_function_mode_stack()


@ways
@pytest.mark.parametrize(
    ("error", "raised"), [(RuntimeError("no\nway"), NetdissectError), (KeyboardInterrupt(), KeyboardInterrupt)]
)
def test_the_network_is_left_as_it_was_after_an_exception(way, error, raised):
    model = Moody(fails_at(1 if way in (WAYS["project_back"], WAYS["gradient"], WAYS["guided"]) else 2, error))
    before = state(model)
    with pytest.raises(raised) as caught, opened(model, "maps") as activations:
        way(activations)
    assert "\n" not in str(caught.value)
    assert state(model) == before and not _get_current_function_mode_stack()


def fails_backward(error):
    """Maps as they are, whose gradient fails."""

    class Fails(torch.autograd.Function):
        @staticmethod
        def forward(ctx, maps):
            return maps.clone()

        @staticmethod
        def backward(ctx, signal):
            raise error

    return Fails.apply


@ways
@pytest.mark.parametrize(
    ("end", "said"),
    [
        (lambda maps: maps.detach(), "no gradient leads from it to the image"),
        (lambda maps: maps.argmax(1, keepdim=True).float().expand(-1, 2, -1, -1), "no gradient leads"),
        (lambda maps: torch.tensor(maps.tolist()), "no gradient leads"),
        (lambda maps: torch.igamma(maps + 1, maps + 1), "igamma"),
        (fails_backward(NotImplementedError("no\nway back")), "no way back"),
        (fails_backward(ValueError("odd\nindeed")), "odd indeed"),
    ],
)
def test_a_layer_that_cannot_be_differentiated(way, end, said):
    model = Moody(end)
    before = state(model)
    with pytest.raises(NetdissectError) as caught, opened(model, "maps") as activations:
        way(activations)
    assert str(caught.value).startswith("layer maps cannot be differentiated: ") and said in str(caught.value)
    assert "\n" not in str(caught.value) and state(model) == before


@ways
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, lambda: torch.autocast("cpu", torch.bfloat16)])
def test_whatever_mode_the_caller_is_in(way, mode):
    model = Moody()
    with opened(model, "maps") as activations:
        expected = way(activations)
    with mode(), opened(model, "maps") as activations:
        assert torch.equal(way(activations), expected)


def test_images_and_units_that_were_made_in_inference_mode():
    with torch.inference_mode():
        given = noise(2, 3, 8, 8), *triples((0, 0, 1), (1, 2, 0))
    with opened(Moody(), "maps") as activations:
        for way in (project_back, saliency.gradient, partial(saliency.integrated, steps=2)):
            assert torch.equal(way(activations, *given), asked(way)(activations))


def test_a_network_that_was_made_in_inference_mode():
    """It cannot be differentiated, and what it asks for stays as it was."""
    with torch.inference_mode():
        model = Moody()
    asked = [parameter.requires_grad for parameter in model.parameters()]
    with opened(model, "maps") as activations:
        with pytest.raises(NetdissectError, match="with gradients: RuntimeError: Inference tensors cannot be saved"):
            WAYS["gradient"](activations)
        assert not activations(noise(1, 3, 8, 8)).requires_grad
    assert [parameter.requires_grad for parameter in model.parameters()] == asked


@ways
def test_whatever_numbers_are_made_of_by_default(way):
    with opened(Moody(), "maps") as activations:
        expected = way(activations)
        torch.set_default_dtype(torch.float64)
        try:
            assert torch.equal(way(activations), expected)
        finally:
            torch.set_default_dtype(torch.float32)


def test_maps_are_those_of_the_network():
    model, images, basis = Moody(), noise(4, 3, 8, 8), noise(3, 2)
    with torch.no_grad():
        model.eval()
        expected = F.relu(model.norm(model.conv(images)))
    with opened(model, "maps") as activations:
        maps = activations(images)
        assert torch.equal(maps, expected) and not maps.requires_grad
    with opened(model, "maps", basis=basis) as activations:
        assert activations.name == "maps"
        mixed = activations(images)
        assert close(
            mixed, torch.stack([sum(b * m for b, m in zip(row, expected.unbind(1), strict=True)) for row in basis], 1)
        )


def test_a_layer_that_a_later_pass_does_not_use():
    class Sometimes(Moody):
        def forward(self, images):
            return super().forward(images) if len(images) < 3 else images

    with opened(Sometimes(), "maps") as activations:
        activations(noise(2, 3, 8, 8))
        with pytest.raises(NetdissectError, match="layer maps is not used in every forward pass"):
            activations(noise(3, 3, 8, 8))
        with pytest.raises(NetdissectError, match=r"changes its shape from \(2, 6, 6\) to \(2, 7, 7\)"):
            activations(noise(2, 3, 9, 9))


@needs_shared
def test_a_real_network(large_networks):
    """Its rectifiers are ReLU6. What pictures show lies in the fields of the positions."""
    loaded = load_model(f"{SHARED / 'models/networks.py'}:mobilenet_v2_imagenet")
    preprocess = Preprocess((224, 224), (0.50196,) * 3, (0.50196,) * 3)
    photo = Image.open(SHARED / "data/camvid/train/images/0001TP_006690.jpg")
    units, images = torch.tensor([3, 7]), pixels_of(photo, (224, 224)).repeat(2, 1, 1, 1)
    for layer in ("features.4", "features.14"):
        with opened(loaded.model, layer, preprocess) as activations:
            largest = activations(images[:1])[0, units].flatten(1).argmax(1)
            width, field = activations.view.shape[2], activations.view.field
            positions = torch.stack([largest // width, largest % width], dim=1)
            found = [way(activations, images, units, positions) for way in (project_back, saliency.guided)]
        for pictures in found:
            assert pictures.isfinite().all()
            for picture, (row, column) in zip(pictures, positions.tolist(), strict=True):
                rows, columns = picture.any(dim=0).nonzero().unbind(1)
                assert len(rows)
                assert ((rows - field.rows[row]).abs() <= field.size[0] / 2).all()
                assert ((columns - field.columns[column]).abs() <= field.size[1] / 2).all()
        assert not close(*found, 0.01)
