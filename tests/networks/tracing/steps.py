"""Layers of one step each, and the fields that they are checked against."""

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from netdissect.networks.layers import list_layers
from tests.planted import Runs

#: The rows of maps as large as the image.
WHOLE = list(range(12))

EYE = torch.eye(12)
BACK = torch.arange(11, -1, -1)

#: Reasons for which a layer has no field.
MIXED = "it sees all of the image or of a window, by pooling or attention"
UNTRACED = "positions are not traced through "
ORDER = "its positions do not follow one another as those of the image do"


def layer(make, size=(12, 12), channels=4, **options):
    """Return the layer whose output is ``make(images)``."""
    return next(info for info in list_layers(Runs(make), size, channels=channels, **options) if info.name == "maps")


def check(make, rows, size=1, of=(12, 12), **options):
    """Check the centres of rows, and of columns, and the size of the field of ``make(images)``."""
    field = layer(make, of, **options).field
    assert field is not None
    assert field.rows == pytest.approx(rows) and field.columns == pytest.approx(rows)
    assert field.size == pytest.approx((size, size))


def conv(x, kernel, units=4, **options):
    return F.conv2d(x, torch.ones(units, x.shape[1] // options.get("groups", 1), kernel, kernel), **options)


def written(out, where, x):
    out[where] = x
    return out


def to_windows(x, side):
    """Return windows of tokens in the dimension of images, as in Swin."""
    x = x.permute(0, 2, 3, 1)
    _, height, width, units = x.shape
    x = x.view(1, height // side, side, width // side, side, units)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, side * side, units)


def from_windows(x, side, length):
    x = x.view(1, length // side, length // side, side, side, -1)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(1, length, length, -1).permute(0, 3, 1, 2)
