"""Bases of a layer's activation space: directions other than its channels, whose activations are dissected likewise."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import torch
from jaxtyping import Float, Float32, Float64, Int64
from torch import Tensor

from netdissect.engine.threads import all_cores, one_thread_per_operation
from netdissect.parallel import in_order


@dataclass(frozen=True, eq=False)
class Rotation:
    """A rotation ``Q`` of a ``u``-dimensional space, as turns of planes that are perpendicular to one another.

    Columns of ``vectors`` are an orthonormal basis; plane ``p`` is that of columns ``first[p]`` and ``second[p]``, and
    is turned by ``angle[p]``. Other columns stay where they are.
    """

    vectors: Float64[np.ndarray, "u u"]
    first: Int64[np.ndarray, " p"]
    second: Int64[np.ndarray, " p"]
    angle: Float64[np.ndarray, " p"]

    @classmethod
    def random(cls, units: int, seed: int) -> "Rotation":
        """The rotation of a seed: all are equally likely."""
        return cls.of(random_rotation(units, seed))

    @classmethod
    def of(cls, matrix: Float64[np.ndarray, "u u"]) -> "Rotation":
        """Taken apart by its real Schur form. Raises ``ValueError`` if it is no rotation."""
        units = len(matrix)
        if not np.allclose(matrix @ matrix.T, np.eye(units), atol=1e-8):
            raise ValueError("no rotation: its rows are not orthonormal")
        schur, vectors = scipy.linalg.schur(matrix, output="real")
        below = np.diagonal(schur, -1)
        first = np.flatnonzero(below)  # where the blocks of two rows begin: the rest below the diagonal is 0
        second = first + 1
        # Each is a rotation, but for rounding.
        angle = np.arctan2(below[first] - schur[first, second], schur[first, first] + schur[second, second])
        alone = np.setdiff1d(np.arange(units), np.concatenate([first, second]))
        turned = alone[np.diagonal(schur)[alone] < 0]
        if len(turned) % 2:
            raise ValueError("no rotation: its determinant is -1")
        # Two directions that are reversed are a plane that is turned by half a turn.
        return cls(
            vectors,
            np.concatenate([first, turned[::2]]),
            np.concatenate([second, turned[1::2]]),
            np.concatenate([angle, np.full(len(turned) // 2, np.pi)]),
        )

    def power(self, amount: float | int) -> Float64[np.ndarray, "u u"]:
        """``Q^amount``: each plane is turned by so much of its angle, at most half a turn."""
        turned = self.vectors.copy()
        cosine, sine = np.cos(amount * self.angle), np.sin(amount * self.angle)
        one, other = self.vectors[:, self.first], self.vectors[:, self.second]
        turned[:, self.first] = cosine * one + sine * other
        turned[:, self.second] = cosine * other - sine * one
        return turned @ self.vectors.T


def random_rotation(units: int, seed: int) -> Float64[np.ndarray, "u u"]:
    """A rotation drawn uniformly: QR of a Gaussian matrix with the signs of R's diagonal moved into Q.

    One row is negated where the determinant is -1. (Mezzadri, How to generate random matrices from the classical
    compact groups, 2007.)
    """
    orthogonal, triangular = np.linalg.qr(np.random.default_rng(seed).standard_normal((units, units)))
    orthogonal *= np.where(np.diagonal(triangular) < 0, -1.0, 1.0)
    if np.linalg.slogdet(orthogonal)[0] < 0:
        orthogonal[0] *= -1
    return orthogonal


@dataclass
class Moments:
    """Of the activations of a layer: how many positions there were, their mean, and the scatter around it.

    Sums are of what is left of the batch's mean, so that a mean far from 0 costs no digits. (Chan, Golub and LeVeque,
    Updating formulae and a pairwise algorithm for computing sample variances, 1979.)
    """

    count: int
    mean: Float64[Tensor, " u"]
    scatter: Float64[Tensor, "u u"]

    @classmethod
    def empty(cls, units: int, device: torch.device | None = None) -> "Moments":
        kind: dict[str, Any] = {"dtype": torch.float64, "device": device}
        return cls(0, torch.zeros(units, **kind), torch.zeros(units, units, **kind))

    def update(self, maps: Float[Tensor, "n u h w"]) -> None:
        """Takes in all positions of the maps of ``n`` more images."""
        for positions in maps.permute(0, 2, 3, 1).flatten(1, 2):  # one by one: in double precision they take memory
            self._update(positions.double())

    def _update(self, values: Float64[Tensor, "positions u"]) -> None:
        mean = values.mean(dim=0)
        values = values - mean
        total = self.count + len(values)
        apart = mean - self.mean
        self.scatter += values.T @ values + torch.outer(apart, apart) * (self.count * len(values) / total)
        self.mean += apart * (len(values) / total)
        self.count = total

    def compute(self) -> "Components":
        """The principal components so far."""
        variance, vectors = np.linalg.eigh((self.scatter / self.count).cpu().numpy())
        rows = vectors.T[::-1]
        largest = np.take_along_axis(rows, np.abs(rows).argmax(axis=1, keepdims=True), axis=1)
        rows = rows * np.where(largest < 0, -1.0, 1.0)
        return Components(rows.astype(np.float32), variance[::-1].clip(min=0).astype(np.float32))


@dataclass(frozen=True, eq=False)
class Components:
    """Principal components, a row each, and the variance along them, the largest first.

    The entry of largest magnitude is positive in each.
    """

    rows: Float32[np.ndarray, "u u"]
    variance: Float32[np.ndarray, " u"]


def in_basis(maps: Float[Tensor, "n u h w"], basis: Float[Tensor, "v u"]) -> Float[Tensor, "n v h w"]:
    """``basis @ activations`` at every position, channels-last in memory.

    Numbers do not depend on which other images come with an image, nor on how many threads there are: a product of
    another shape, otherwise divided, or that lies otherwise in memory, may round otherwise. So images are multiplied
    one by one, each by one thread, in memory of its own.
    """
    images, units, height, width = maps.shape
    rows = maps.permute(0, 2, 3, 1).reshape(images, height * width, units)
    found = rows.new_empty(images, height * width, len(basis))

    def multiply(image: int) -> None:
        found[image] = torch.mm(rows[image].clone(), basis.T)

    workers = all_cores() if maps.device.type == "cpu" else 0
    with _full_precision(), one_thread_per_operation():
        for _ in in_order(multiply, range(images), workers, 2 * workers):
            pass
    return found.view(images, height, width, len(basis)).permute(0, 3, 1, 2)


@contextmanager
def _full_precision() -> Iterator[None]:
    """Products of float32 are not of fewer bits meanwhile (TF32, bfloat16), though the caller may allow that."""
    backends: list[Any] = [torch.backends.cuda, torch.backends.mkldnn]
    settings = [backend.matmul for backend in backends if hasattr(backend, "matmul")]
    if all(hasattr(setting, "fp32_precision") for setting in settings):
        before = [setting.fp32_precision for setting in settings]
        try:
            for setting in settings:
                setting.fp32_precision = "ieee"
            yield
        finally:
            for setting, precision in zip(settings, before, strict=True):
                setting.fp32_precision = precision
    else:  # torch before 2.9
        allowed = torch.get_float32_matmul_precision()
        try:
            torch.set_float32_matmul_precision("highest")
            yield
        finally:
            torch.set_float32_matmul_precision(allowed)
