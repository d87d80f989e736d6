"""Priors: penalties of images, whichever unit they excite."""

import torch
from jaxtyping import Float
from torch import Tensor


def contrast(images: Float[Tensor, "n 3 H W"]) -> Float[Tensor, " n"]:
    """Return the mean squared distance of pixels, in 0..1, from gray (Simonyan et al. 2014).

    >>> contrast(torch.ones(1, 3, 2, 2)).tolist()
    [0.25]
    """
    return (images - 0.5).square().mean(dim=(1, 2, 3))


def total_variation(images: Float[Tensor, "n 3 H W"]) -> Float[Tensor, " n"]:
    """Return the mean squared difference of neighbours, along both axes (Mahendran and Vedaldi 2015, beta = 2).

    >>> total_variation(torch.ones(1, 3, 2, 2)).tolist()
    [0.0]
    """
    down, across = images.diff(dim=2), images.diff(dim=3)
    return down.square().mean(dim=(1, 2, 3)) + across.square().mean(dim=(1, 2, 3))


def similarity(maps: Float[Tensor, "g d u h w"]) -> Float[Tensor, " g"]:
    """Return the similarity of the ``d`` images of a group: the mean cosine of Gram matrices (Olah et al. 2017).

    An image's Gram matrix, ``u x u``, shows which units respond together, whatever the position.
    """
    count = maps.shape[1]
    flat = maps.flatten(3)
    if flat.shape[3] < flat.shape[2]:  # the same products of matrices, by smaller ones
        products = torch.einsum("gaup,gbuq->gabpq", flat, flat).square().sum(dim=(3, 4))
    else:
        gram = torch.einsum("gdup,gdvp->gduv", flat, flat).flatten(2)
        products = gram @ gram.mT
    norms = products.diagonal(dim1=1, dim2=2).clamp(min=torch.finfo(maps.dtype).tiny).sqrt()
    cosines = products / norms[:, :, None] / norms[:, None]
    others = ~torch.eye(count, dtype=torch.bool, device=maps.device)
    return (cosines * others).sum(dim=(1, 2)) / others.sum().clamp(min=1)
