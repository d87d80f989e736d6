"""Images made to excite units: planted ones, and those of networks that were trained."""

import pytest
import torch
from torch import nn

from netdissect import Scenes, dissect
from netdissect.inference.preprocess import Preprocess
from netdissect.networks.demo import DEMO_SIZE, demo_network
from netdissect.networks.load import load_model
from netdissect.types import NetdissectError
from netdissect.visualization.inception import excite
from netdissect.visualization.options import Excitation
from netdissect.visualization.priors import contrast, total_variation
from tests.shared import SHARED, needs_shared
from tests.unchecked import unchecked_types
from tests.visualization.small import close, opened, state

SIZE = (24, 20)
RGB = Preprocess(SIZE, (0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
QUICK = Excitation(steps=32)


class Colors(nn.Module):
    """Units of ``maps``: red, green, blue, red beside green, dead whatever comes, and no number."""

    def __init__(self):
        super().__init__()
        self.conv, self.maps, self.scores = nn.Conv2d(3, 5, 3, padding=1), nn.Identity(), nn.Linear(5, 2)
        with torch.no_grad():
            self.conv.weight.zero_()
            self.conv.weight[:3, :, 1, 1] = 1.5 * torch.eye(3) - 0.5
            self.conv.weight[3, 0, 1, 0] = self.conv.weight[3, 1, 1, 2] = 1
            self.conv.bias.copy_(torch.tensor([1, 1, 1, 0, -1e6]))
            self.scores.weight.zero_()
            self.scores.weight[1, 2] = 1

    def forward(self, x):
        maps = torch.relu(self.conv(x))
        return self.scores(self.maps(torch.cat([maps, torch.full_like(maps[:, :1], torch.nan)], 1))[:, :5].mean((2, 3)))


def made(units, how=QUICK, layer="maps", **options):
    with opened(Colors(), layer, RGB) as activations:
        return excite(activations, units, how, **options)


def means(image):
    return image.mean(dim=(1, 2))


def test_a_unit_planted_for_a_color_gives_that_color():
    """Whatever the network makes of pixels before: here they are normalized, each channel otherwise."""
    images = made([0, 1, 2], Excitation()).images
    assert images.shape == (3, 1, 3, *SIZE) and images.min() >= 0 and images.max() <= 1
    for color in range(3):
        mean = means(images[color, 0])
        others = [other for other in range(3) if other != color]
        assert mean[color] > 0.6 and mean[others].max() < 0.45


@pytest.mark.parametrize("parametrization", ["fourier", "pixels"])
@pytest.mark.parametrize("transformations", [True, False])
def test_the_planted_color_comes_in_every_way(parametrization, transformations):
    how = Excitation(steps=64, parametrization=parametrization, transformations=transformations)
    mean = means(made([0], how).images[0, 0])
    assert mean[0] > 0.7 and mean[0] > mean[1:].max() + 0.15


def test_a_class_is_excited_too():
    mean = means(made([1], layer="scores").images[0, 0])
    assert mean[2] > mean[:2].max() + 0.1


def test_activations_are_those_of_the_images_that_are_returned():
    excited = made([0, 3])
    model = Colors().eval()
    for unit, images, activations in zip([0, 3], excited.images, excited.activations, strict=True):
        assert (images * 255).sub((images * 255).round()).abs().max() < 1e-3  # so many as a file has
        with torch.no_grad():
            expected = torch.relu(model.conv(RGB.feed(images)))[:, unit].amax(dim=(1, 2))
        assert close(activations, expected)


def test_the_same_seed_makes_the_same_image_and_another_one_another():
    once, again = made([0, 3]), made([0, 3])
    assert torch.equal(once.images, again.images) and torch.equal(once.activations, again.activations)
    other = made([0, 3], Excitation(steps=32, seed=1))
    assert all((one - two).abs().max() > 0.05 for one, two in zip(once.images, other.images, strict=True))


def test_an_image_does_not_depend_on_the_other_units_or_the_batch():
    together = made([0, 1, 3], Excitation(steps=16))
    for place, unit in enumerate([0, 1, 3]):
        alone = made([unit], Excitation(steps=16), batch_size=1)
        assert (alone.images[0] - together.images[place]).abs().max() < 0.02
    assert torch.equal(together.images, made([0, 1, 3], Excitation(steps=16), batch_size=99).images)


def test_no_steps_leave_noise_around_gray():
    """The first image is the noise itself, which one small step hardly changes."""
    image = made([0], Excitation(steps=1, learning_rate=1e-9)).images[0, 0]
    assert abs(float(image.mean()) - 0.5) < 0.1 and 0.005 < float(image.std()) < 0.1


def test_the_center_alone():
    """Outside the receptive field of the middle of the map nothing is changed."""
    how = Excitation(steps=32, parametrization="pixels", transformations=False, position="center")
    start = made([0], Excitation(steps=1, learning_rate=1e-9, parametrization="pixels", transformations=False))
    change = (made([0], how).images - start.images).abs()[0, 0].amax(dim=0)
    assert change[12, 10] > 0.2
    change[12, 10] = 0
    assert change.max() < 0.01
    with opened(Colors(), "maps", RGB) as activations:
        excited = excite(activations, [0], how)
        maps = activations(excited.images[0])
        assert divmod(int(maps[0, 0].argmax()), SIZE[1]) == (12, 10)


def test_priors_hold_back_contrast_and_differences_of_neighbours():
    plain = {"steps": 48, "parametrization": "pixels", "transformations": False}

    def image(**priors):
        return made([3], Excitation(**plain, **priors)).images[0]

    free, faint, smooth = image(), image(l2=20), image(total_variation=20)
    assert contrast(faint)[0] < 0.6 * contrast(free)[0]
    assert total_variation(smooth)[0] < 0.6 * total_variation(free)[0]


def test_diverse_images_differ_more_than_seeds_make_them():
    torch.manual_seed(3)
    model = nn.Sequential(nn.Conv2d(3, 12, 5), nn.ReLU(), nn.Conv2d(12, 4, 5), nn.ReLU())

    def likeness(diversity):
        """The mean cosine of the images' Gram matrices in the layer."""
        with opened(model, "3", RGB) as activations:
            images = excite(activations, [1], Excitation(steps=48, diverse=3, diversity=diversity)).images[0]
            maps = activations(images).flatten(2)
            grams = [(one @ one.T).flatten() for one in maps]
        return sum(torch.cosine_similarity(grams[i], grams[j], 0) for i, j in ((0, 1), (0, 2), (1, 2))) / 3

    assert likeness(20) < likeness(0) - 0.05


def test_a_unit_that_is_silent_on_noise_is_reached():
    """It answers to images far from gray alone: where it starts it has no gradient."""
    model = Colors()
    with torch.no_grad():
        model.conv.bias[0] = -1
    with opened(model, "maps", RGB) as activations:
        gray = torch.full((1, 3, *SIZE), 0.5)
        assert not activations(gray)[0, 0].any()
        excited = excite(activations, [0], QUICK)
    assert excited.activations[0, 0] > 0.1 and excited.raised.all()


def test_a_layer_that_is_silent_on_noise_is_reached():
    """There is nothing by which to tell how large its activations are."""
    conv = nn.Conv2d(3, 1, 1)
    with torch.no_grad():
        conv.weight[:], conv.bias[:] = torch.tensor([1.0, -0.5, -0.5])[:, None, None], -1
    with opened(nn.Sequential(conv, nn.ReLU()), "1", RGB) as activations:
        assert not activations(torch.full((1, 3, *SIZE), 0.5)).any()
        excited = excite(activations, [0], Excitation(diverse=4))
    assert (excited.activations > 0.1).all() and excited.raised.all()


def test_a_dead_unit_is_said_to_be_so_and_others_go_on():
    excited = made([4, 1])
    assert excited.raised.tolist() == [False, True] and excited.activations[0, 0] == 0
    assert excited.images.isfinite().all() and excited.activations[1, 0] > 1


def test_numbers_that_are_none_do_not_spread():
    excited = made([5, 1])
    assert excited.raised.tolist() == [False, True] and excited.activations[0, 0].isnan()
    assert excited.images.isfinite().all() and excited.activations[1, 0] > 1


def test_progress_is_told_and_the_network_left_as_it_was():
    model, told = Colors().train(), []
    before = state(model)
    random = torch.get_rng_state()
    with opened(model, "maps", RGB) as activations:
        how = Excitation(steps=2)
        excite(activations, [0, 1, 2], how, lambda *each: told.append(each), batch_size=2)
        with pytest.raises(KeyboardInterrupt):
            excite(
                activations, [0], how, lambda _, done, __: (_ for _ in ()).throw(KeyboardInterrupt) if done else None
            )
    assert told == [("inceptionism", done, 4) for done in (0, 1, 2, 2, 3, 4)]
    assert state(model) == before and torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"steps": 0}, "the number of steps is at least 1, not 0"),
        ({"diverse": 0}, "the number of diverse images is at least 1"),
        ({"seed": -1}, "the seed of inceptionism is at least 0"),
        ({"learning_rate": 0}, "the learning rate is a finite number above 0"),
        ({"l2": -1}, "the weight l2 is a finite number at least 0"),
        ({"total_variation": float("nan")}, "the weight total_variation is a finite number"),
        ({"diversity": -0.5}, "the weight diversity is a finite number at least 0, not -0.5"),
        ({"parametrization": "wavelets"}, "no parametrization 'wavelets': it is fourier or pixels"),
        ({"position": "edge"}, "no position 'edge': it is center or mean"),
    ],
)
def test_options_that_make_no_sense(changes, said):
    with pytest.raises(NetdissectError) as caught:
        Excitation(**changes)
    assert said in str(caught.value)


def test_a_unit_that_is_not_there():
    with pytest.raises(NetdissectError, match=r"^layer maps has the units 0 to 5: there is no unit 6$"):
        made([0, 6])
    with pytest.raises(NetdissectError, match="no unit of layer maps is named"):
        made([])


def raised(model, layer, units, preprocess, highest, how):
    """The share of the units that their images excite more than any image of the data."""
    with unchecked_types(), opened(model, layer, preprocess) as activations:
        reached = excite(activations, units, how).activations[:, 0]
    return sum(float(a) > highest[unit] for unit, a in zip(units, reached, strict=True)) / len(units)


def test_most_units_of_the_demo_network_rise_above_the_highest_of_the_data(unchecked):
    model, size = demo_network(), (DEMO_SIZE, DEMO_SIZE)
    result = dissect(model, "relu4", Scenes(50, size=size), size=DEMO_SIZE, progress=False)
    preprocess = Preprocess(size, result.description.settings.mean, result.description.settings.std)
    highest = result["relu4"].top.activation[:, 0]
    units = [unit for unit in range(0, len(highest), 20) if highest[unit] > 0]
    assert len(units) >= 5
    assert raised(model, "relu4", units, preprocess, highest, Excitation(steps=48)) >= 0.75


@needs_shared
def test_most_units_of_a_real_network_rise_above_the_highest_of_the_data(unchecked):
    model = load_model(f"{SHARED / 'models/networks.py'}:mobilenet_v2_imagenet").model
    options = {"size": 224, "mean": 0.50196, "std": 0.50196, "quantile": 0.05}
    result = dissect(model, "features.14", SHARED / "data/camvid/val", limit=40, progress=False, **options)
    preprocess = Preprocess((224, 224), (0.50196,) * 3, (0.50196,) * 3)
    highest = result["features.14"].top.activation[:, 0]
    units = list(range(0, 160, 40))
    assert raised(model, "features.14", units, preprocess, highest, Excitation(steps=32)) >= 0.75
