"""A slow oracle: CaffeNet in numpy, written from the definitions of Caffe's layers, one image, in float64.

It shares no code with the package.
"""

import math

import numpy as np


def convolution(x, weight, bias, stride=1, pad=0, groups=1):
    """``(channels, h, w)`` to ``(units, oh, ow)``; each group of units sees its group of channels."""
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    units, channels, size, _ = weight.shape
    height, width = ((length - size) // stride + 1 for length in x.shape[1:])
    out = np.empty((units, height, width))
    for group in range(groups):
        its_units = slice(group * units // groups, (group + 1) * units // groups)
        its_channels = slice(group * channels, (group + 1) * channels)
        matrix = weight[its_units].astype(np.float64).reshape(units // groups, -1)
        for row in range(height):
            for column in range(width):
                top, left = row * stride, column * stride
                patch = x[its_channels, top : top + size, left : left + size]
                out[its_units, row, column] = matrix @ patch.reshape(-1) + bias[its_units]
    return out


def pooling(x, size=3, stride=2):
    """Maxima; as many windows as touch the map, the last cut off at its edge (no padding, so none starts outside)."""
    units, height, width = x.shape
    out_height, out_width = (math.ceil((length - size) / stride) + 1 for length in (height, width))
    out = np.empty((units, out_height, out_width))
    for row in range(out_height):
        for column in range(out_width):
            window = x[:, row * stride : row * stride + size, column * stride : column * stride + size]
            out[:, row, column] = window.max(axis=(1, 2))
    return out


def normalization(x, size=5, alpha=1e-4, beta=0.75):
    """Across channels: each over ``(1 + alpha / size * sum of squares of the size channels around it) ** beta``."""
    out = np.empty_like(x)
    for unit in range(len(x)):
        around = x[max(unit - size // 2, 0) : unit + size // 2 + 1]
        scale = 1 + alpha / size * (around**2).sum(axis=0)
        out[unit] = x[unit] * scale**-beta
    return out


def inner_product(x, weight, bias):
    return weight.astype(np.float64) @ x.reshape(-1) + bias


def rectified(x):
    return np.maximum(x, 0)


def slow_caffenet(image, weights, norm_first=False):
    """The output of every named layer for one image ``(3, H, W)``; ``weights`` by name, such as ``conv1.weight``."""

    def parameters(layer):
        return weights[f"{layer}.weight"], weights[f"{layer}.bias"]

    def pooled_and_normalized(x, number):
        layers = [("pool", pooling), ("norm", normalization)]
        for name, function in reversed(layers) if norm_first else layers:
            x = outputs[f"{name}{number}"] = function(x)
        return x

    outputs = {}
    outputs["conv1"] = rectified(convolution(image.astype(np.float64), *parameters("conv1"), stride=4))
    x = pooled_and_normalized(outputs["conv1"], 1)
    outputs["conv2"] = rectified(convolution(x, *parameters("conv2"), pad=2, groups=2))
    x = pooled_and_normalized(outputs["conv2"], 2)
    for name, groups in (("conv3", 1), ("conv4", 2), ("conv5", 2)):
        x = outputs[name] = rectified(convolution(x, *parameters(name), pad=1, groups=groups))
    x = outputs["pool5"] = pooling(x)
    for name in ("fc6", "fc7"):
        x = outputs[name] = rectified(inner_product(x, *parameters(name)))
    outputs["fc8"] = inner_product(x, *parameters("fc8"))
    return outputs
