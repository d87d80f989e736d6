"""Crops lie where the receptive field lies."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from netdissect.bases import BasisView
from netdissect.engine.field import Field
from netdissect.inference.differentiate import differentiating
from netdissect.inference.preprocess import Preprocess
from netdissect.networks.demo import demo_network
from netdissect.networks.layers import find_layers
from netdissect.visualization.crops import WHOLE, centre_of, crop, marked, receptive_box
from tests.runners import runner_of

FIELD = Field(rows=(3.5, 7.5), columns=(1.0, 5.0, 9.0), size=(8.0, 5.0), step=(4.0, 4.0))


def seen_box(model, layer, size, row, column):
    """The smallest box around the pixels whose change changes the layer at a position, found by its gradient."""
    info = find_layers(model, [layer], torch.zeros(1, 3, *size))[0]
    with differentiating(runner_of(model, Preprocess(size=size)), BasisView(layer, info)) as activations:
        image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0), requires_grad=True)
        # Of all units together, whose gradients do not cancel.
        total = (activations(image)[0, :, row, column] * torch.rand(info.units)).sum()
        seen = activations.gradient(total, image)[0].abs().amax(dim=0) > 0
    rows, columns = (seen.any(dim=axis).nonzero()[:, 0].tolist() for axis in (1, 0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    box = receptive_box(info.field, row, column, size)
    return (left / size[1], top / size[0], right / size[1], bottom / size[0]), box


def smooth(model):
    """Without rectifiers, which block gradients at random, and without choices between neighbours."""
    for name, module in model.named_children():
        if isinstance(module, nn.ReLU):
            setattr(model, name, nn.Softplus())
        elif isinstance(module, nn.MaxPool2d):
            setattr(model, name, nn.AvgPool2d(module.kernel_size, module.stride))
        else:
            smooth(module)
    return model


@pytest.mark.parametrize("position", [(0, 0), (3, 5), (6, 13)])
@pytest.mark.parametrize("layer", ["relu1", "relu3", "relu4"])
def test_the_box_holds_what_changes_the_layer_and_no_more(layer, position):
    seen, box = seen_box(smooth(demo_network()), layer, (56, 112), *position)
    assert box == pytest.approx(seen)


def test_a_field_is_cut_off_at_the_edges():
    assert receptive_box(FIELD, 0, 0, (12, 12)) == (0, 0, 4 / 12, 8 / 12)  # columns -1 to 3
    assert receptive_box(FIELD, 1, 2, (12, 12)) == (7 / 12, 4 / 12, 1, 1)


def test_a_field_beside_the_image_sees_its_edge():
    beside = Field(rows=(-9.0, 30.0), columns=(2.0,), size=(3.0, 3.0), step=(39.0, 1.0))
    assert receptive_box(beside, 0, 0, (10, 10)) == (0.1, 0, 0.4, 0.1)
    assert receptive_box(beside, 1, 0, (10, 10)) == (0.1, 0.9, 0.4, 1)


def test_without_a_field_it_is_the_whole_image():
    image = Image.new("RGB", (30, 20))
    assert receptive_box(None, 4, 4, (8, 8)) == WHOLE
    assert crop(image, WHOLE).size == image.size
    assert marked(image, WHOLE, None).tobytes() == image.tobytes()
    assert centre_of(None, 1, 0, (4, 2), (8, 8)) == (0.25, 0.375)
    assert centre_of(None, 0, 0, (), (8, 8)) is None


def test_where_the_field_is_the_whole_image_a_ring_marks_its_centre():
    field = Field(rows=(3.5, 19.5), columns=(7.5, 23.5), size=(99.0, 99.0), step=(16.0, 16.0))
    assert receptive_box(field, 0, 1, (32, 32)) == WHOLE
    place = centre_of(field, 0, 1, (2, 2), (32, 32))
    assert place == (0.75, 0.125)
    drawn = np.array(marked(Image.new("RGB", (400, 200), "red"), WHOLE, place))
    rows, columns = (drawn == 255).all(axis=2).nonzero()
    assert (columns.min() + columns.max()) / 2 == pytest.approx(300, abs=1)
    assert (rows.min() + rows.max()) / 2 == pytest.approx(25, abs=1)
    assert (drawn[25, 300] == (255, 0, 0)).all()


def test_a_frame_does_not_cover_a_small_field():
    """It lies around it; within a larger one, where a ring has room."""
    image = Image.new("RGB", (200, 200), "red")
    box = (0.5, 0.5, 0.55, 0.55)
    drawn = np.array(marked(image, box, (0.525, 0.525)))
    assert (drawn[100:110, 100:110] == (255, 0, 0)).all()
    assert (drawn[98:100, 100:110] == 0).all() and (drawn[96:98, 100:110] == 255).all()
    drawn = np.array(marked(image, (0.0, 0.0, 0.6, 0.8), (0.3, 0.4)))
    assert (drawn[0, :120] == 255).all() and (drawn[159, :120] == 255).all() and (drawn[160:] == (255, 0, 0)).all()
    rows, columns = (drawn[10:150, 10:110] == 255).all(axis=2).nonzero()
    assert (rows.mean() + 10, columns.mean() + 10) == pytest.approx((80, 60), abs=1)


def test_a_piece_of_an_image_of_another_size():
    """The field is told in the network's pixels, the piece cut from the image as it is."""
    pixels = np.zeros((40, 60, 3), dtype=np.uint8)
    pixels[10:30, 15:30] = 255
    image = Image.fromarray(pixels)
    box = receptive_box(Field((3.5,), (2.0,), (4.0, 2.0), (1.0, 1.0)), 0, 0, (8, 8))
    assert box == (1.5 / 8, 2 / 8, 3.5 / 8, 6 / 8)
    piece = np.array(crop(image, box))
    assert piece.shape == (20, 16, 3)  # columns 11.25 to 26.25 touch those from 11 to 26
    assert (piece[:, 4:] == 255).all() and (piece[:, :4] == 0).all()
    frame = np.array(marked(image, box, None))
    assert (frame[10, 11:27] == 255).all() and (frame[9, 12:26] == pixels[9, 12:26]).all()
    assert image.tobytes() == pixels.tobytes()
