"""Transformers: tokens of patches that are wired by hand get the right names, on grids that are not square too."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from netdissect import dissect
from netdissect.labels import Labels
from netdissect.networks.layers import list_layers
from netdissect.types import Concept
from tests.planted import MemoryDataset

PATCH = 8

#: Concepts, their colors, and what the tokens of such patches are to have most of: red, green, blue, or all of them.
COLORS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}


class Blocks(MemoryDataset):
    """Images of ``grid`` (rows, columns) patches, each of a color of ``COLORS``, more or less bright."""

    def __init__(self, grid, images=40):
        random = np.random.default_rng(0)
        self.blocks = random.integers(0, len(COLORS), (images, *grid))
        self.brightness = random.uniform(0.5, 1, (images, *grid, 1))
        large = self.blocks.repeat(PATCH, axis=1).repeat(PATCH, axis=2)
        labels = [Labels(1 + of_image[None, ::2, ::2].astype(np.int32)) for of_image in large]
        concepts = [Concept(1 + place, name, "color") for place, name in enumerate(COLORS)]
        super().__init__(labels, concepts, (grid[0] * PATCH // 2, grid[1] * PATCH // 2))

    def image(self, index):
        colors = np.array(list(COLORS.values()), dtype=np.uint8)[self.blocks[index]]
        colors = (colors * self.brightness[index]).astype(np.uint8)
        return Image.fromarray(colors.repeat(PATCH, axis=0).repeat(PATCH, axis=1))


class Transformer(nn.Module):
    """Tokens that copy the mean color of their patch, after ``extra`` tokens of no place, and attention that adds 0."""

    def __init__(self, extra=1, at_end=False, dictionary=False):
        super().__init__()
        self.patches = nn.Conv2d(3, 4, PATCH, stride=PATCH)
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.norm = nn.Identity()
        self.head = nn.Linear(4, 7)
        self.extra = nn.Parameter(torch.full((1, extra, 4), 5.0))
        self.at_end, self.dictionary = at_end, dictionary
        with torch.no_grad():
            self.patches.weight.zero_()
            self.patches.bias.zero_()
            for unit, (wanted, others) in enumerate([(0, (1, 2)), (1, (0, 2)), (2, (0, 1))]):
                self.patches.weight[unit, wanted] = 1 / PATCH**2
                self.patches.weight[unit, others] = -1 / PATCH**2
            self.patches.weight[3] = 1 / PATCH**2
            self.attention.out_proj.weight.zero_()
            self.attention.out_proj.bias.zero_()

    def forward(self, images):
        tokens = self.patches(images).flatten(2).transpose(1, 2)
        extra = self.extra.expand(len(images), -1, -1)
        tokens = torch.cat([tokens, extra] if self.at_end else [extra, tokens], dim=1)
        tokens = tokens + self.attention(tokens, tokens, tokens)[0]
        found = self.norm({"tokens": tokens, "count": len(images)} if self.dictionary else tokens)
        return self.head((found["tokens"] if self.dictionary else found).mean(1))


OPTIONS = {"quantile": 0.15, "mean": 0.0, "std": 1.0, "batch_size": 7, "progress": False}


@pytest.mark.parametrize("grid", [(6, 6), (3, 9), (8, 2), (1, 5)])
@pytest.mark.parametrize("network", [{}, {"extra": 5}, {"extra": 0}, {"at_end": True}, {"dictionary": True}])
def test_units_of_tokens_get_the_colors_that_they_copy(grid, network):
    data = Blocks(grid)
    size = (grid[0] * PATCH, grid[1] * PATCH)
    result = dissect(Transformer(**network), "norm", data, size=size, **OPTIONS)
    told = result.description.layers["norm"]
    extra = network.get("extra", 1)
    count = grid[0] * grid[1]
    left_out = list(range(count, count + extra)) if network.get("at_end") else list(range(extra))
    assert (told.layout, told.shape, told.tokens_left_out) == ("ntu", (4, *grid), tuple(left_out))
    assert told.align == "stretch" and told.field is None
    assert any("norm are stretched over the image" in note and "attention" in note for note in result.notes)
    layer = result["norm"]
    assert layer.top.maps.shape[2:] == grid
    labels = layer.labels.set_index("unit")
    assert labels["concept"].sort_index().tolist() == list(COLORS)
    assert (layer.scores.diagonal() > 4 * (layer.scores - np.diag(layer.scores.diagonal())).max(axis=1)).all()


def test_tokens_before_any_attention_have_the_field_of_their_patch():
    found = {info.name: info for info in list_layers(Transformer().eval(), (24, 40))}
    patches, tokens = found["patches"], found["attention@heads"]
    assert patches.field.summary() == {"size": 8, "step": 8, "first": 3.5}
    assert (tokens.layout.grid, tokens.units, tokens.field) == ((3, 5), 4, None)
    assert found["head"].layout.name == "nu"


def test_heads_are_what_is_projected():
    """Known by another way: a projection that changes nothing returns them."""
    torch.manual_seed(0)
    data = Blocks((3, 4))
    model = Transformer()
    with torch.no_grad():
        model.attention.in_proj_weight.normal_()
    heads = dissect(model, "attention@heads", data, size=(24, 32), **OPTIONS)["attention@heads"]
    with torch.no_grad():
        model.attention.out_proj.weight.copy_(torch.eye(4))
    expected = dissect(model, "attention[0]", data, size=(24, 32), **OPTIONS)["attention[0]"]
    assert np.array_equal(heads.activations.thresholds, expected.activations.thresholds)
    assert np.array_equal(heads.counts.intersection, expected.counts.intersection)
    assert heads.activations.thresholds.any()


def test_what_a_module_is_given():
    data = Blocks((3, 4))
    given = dissect(Transformer(), "norm@input", data, size=(24, 32), **OPTIONS)["norm@input"]
    returned = dissect(Transformer(), "norm", data, size=(24, 32), **OPTIONS)["norm"]
    assert np.array_equal(given.counts.intersection, returned.counts.intersection)


class Sequence(nn.Module):
    """Tokens that torch cannot be watched making: what is known of them is how many there are."""

    def __init__(self, tokens):
        super().__init__()
        self.maps = nn.Identity()
        self.tokens = tokens

    def forward(self, images):
        known = torch.from_numpy(images.numpy().copy()).mean()
        return self.maps(torch.arange(self.tokens * 2.0).view(1, self.tokens, 2).repeat(len(images), 1, 1) + known)


@pytest.mark.parametrize(
    ("tokens", "size", "grid", "left_out"),
    [
        (12, (24, 32), (3, 4), 0),
        (13, (24, 32), (3, 4), 1),
        (197, (224, 224), (14, 14), 1),
        (201, (64, 64), (14, 14), 5),
    ],
)
def test_tokens_are_counted_where_they_cannot_be_traced(tokens, size, grid, left_out):
    (found,) = list_layers(Sequence(tokens), size)
    assert (found.layout.name, found.layout.grid) == ("ntu", grid)
    assert found.layout.tokens == tuple(range(left_out, tokens))


def test_tokens_that_may_be_several_grids_are_not_guessed():
    assert list_layers(Sequence(17), (32, 32)) == []  # 16 of 4x4 after one, 9 of 3x3 after eight ...
    (found,) = list_layers(Sequence(17), (32, 32), layout="ntu")
    assert found.layout.grid == (4, 4)
    assert list_layers(Sequence(7), (1000, 999), layout="ntu") == []
