"""The image that a unit is a model of."""

import pytest
import torch
from torch import nn

from netdissect.inference.preprocess import Preprocess
from netdissect.types import NetdissectError
from netdissect.visualization.model_image import model_image
from tests.visualization.small import close, opened

SIZE = (9, 8)
MEANS = {
    "rgb": Preprocess(SIZE, (0.2, 0.5, 0.7), (0.2, 0.3, 0.4)),
    "bgr": Preprocess(SIZE, (0.7 * 255, 0.5 * 255, 0.2 * 255), (1.0, 2.0, 3.0), "bgr", 255),
    "gray": Preprocess(SIZE, (0.3,), (0.25,), "gray"),
}


def red(rectifier=None):
    """Its first unit is the mean of red, less half of green and of blue; its second the opposite."""
    conv = nn.Conv2d(3, 2, 3)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([[1, -0.5, -0.5], [-1, 0.5, 0.5]])[:, :, None, None] / 9)
        conv.bias.zero_()
    return nn.Sequential(conv, rectifier or nn.Identity())


@pytest.mark.parametrize("channels", MEANS)
def test_it_starts_from_the_mean_image(channels):
    preprocess = MEANS[channels]
    model = nn.Conv2d(preprocess.channel_count, 2, 3)
    with opened(nn.Sequential(model), "0", preprocess) as activations:
        image = model_image(activations, 0, steps=0)
    color = [0.3] * 3 if channels == "gray" else [0.2, 0.5, 0.7]
    assert close(image, torch.tensor(color)[:, None, None].expand(3, *SIZE))
    assert preprocess.feed(image[None]).abs().max() < 1e-4


def test_a_unit_that_is_red_turns_the_field_at_the_middle_of_its_map_red():
    preprocess = MEANS["rgb"]
    with opened(red(), "1", preprocess) as activations:
        image = model_image(activations, 0, steps=40)
        again = model_image(activations, 0, steps=40)
        opposite = model_image(activations, 1, steps=40)
        faint = model_image(activations, 0, steps=40, penalty=0.6)
    mean = torch.tensor(preprocess.mean)[:, None, None].expand(3, *SIZE)
    field = torch.zeros(SIZE, dtype=torch.bool)
    field[3:6, 3:6] = True  # of the position (3, 3) of 7 x 6
    change = image - mean
    assert torch.equal(image, again) and image.min() >= 0 and image.max() <= 1
    assert (change[0, field] > 0.1).all() and (change[1:, field] < -0.05).all() and not change[:, ~field].any()
    assert ((opposite - mean)[0, field] < -0.1).all()
    assert (faint - mean).norm() < 0.8 * change.norm()


def test_a_step_is_along_the_gradient_less_the_penalty():
    """The first has full length, the second half of it."""
    preprocess = MEANS["rgb"]
    with opened(red(), "1", preprocess) as activations:
        image = model_image(activations, 0, steps=2, length=0.04, penalty=0.3)
    slope = torch.tensor([1 / 0.2, -0.5 / 0.3, -0.5 / 0.4])
    upward = 0.04 * slope / slope.square().mean().sqrt()
    expected = upward + 0.5 * (upward - 0.3 * upward)
    assert close(image[:, 4, 4] - torch.tensor(preprocess.mean), expected, 1e-4)


class Dead(nn.Module):
    """The rectifier's input is far below zero on the mean image."""

    def forward(self, x):
        return torch.relu(x - 1)


def test_ascent_leaves_a_dead_start():
    with opened(red(Dead()), "1", MEANS["rgb"]) as activations:
        image = model_image(activations, 0, steps=40)
        assert not activations(torch.tensor(MEANS["rgb"].mean)[None, :, None, None].expand(1, 3, *SIZE)).any()
        assert activations(image[None])[0, 0, 3, 3] > 0.1


def test_a_class_is_a_unit_of_a_vector_and_progress_is_told():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(168, 5))
    told = []
    with opened(model, "3", MEANS["rgb"]) as activations:
        image = model_image(activations, 4, steps=20, on_progress=lambda *each: told.append(each))
        before, after = (
            float(activations(picture[None])[0, 4, 0, 0]) for picture in (model_image(activations, 4, steps=0), image)
        )
    assert after > before + 0.5
    assert told == [("model image", step, 20) for step in range(21)]


def test_a_unit_that_is_not_there():
    with opened(red(), "1") as activations, pytest.raises(NetdissectError, match="layer 1 has no unit 2 "):
        model_image(activations, 2)
