"""Bases of a layer's activation space: rotations, principal components, and activations along other directions."""

from collections.abc import Iterator, Mapping
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

    The columns of ``vectors`` are an orthonormal basis. Columns ``first[p]`` and ``second[p]`` span plane ``p``, which
    is turned by ``angle[p]``. Other columns stay fixed.

    >>> quarter = Rotation.of(np.array([[0.0, -1.0], [1.0, 0.0]]))
    >>> quarter.power(2).round(12)
    array([[-1., -0.],
           [ 0., -1.]])
    """

    vectors: Float64[np.ndarray, "u u"]
    first: Int64[np.ndarray, " p"]
    second: Int64[np.ndarray, " p"]
    angle: Float64[np.ndarray, " p"]

    @classmethod
    def random(cls, units: int, seed: int) -> "Rotation":
        """Draw a rotation uniformly, by seed."""
        return cls.of(random_rotation(units, seed))

    @classmethod
    def of(cls, matrix: Float64[np.ndarray, "u u"]) -> "Rotation":
        """Find the planes of a rotation matrix by its real Schur form. Raises ``ValueError`` if it is no rotation."""
        units = len(matrix)
        if not np.allclose(matrix @ matrix.T, np.eye(units), atol=1e-8):
            raise ValueError("no rotation: its rows are not orthonormal")
        schur, vectors = scipy.linalg.schur(matrix, output="real")
        below = np.diagonal(schur, -1)
        first = np.flatnonzero(below)  # first rows of the blocks of two rows: the rest below the diagonal is 0
        second = first + 1
        # Each block is a rotation, but for rounding.
        angle = np.arctan2(below[first] - schur[first, second], schur[first, first] + schur[second, second])
        alone = np.setdiff1d(np.arange(units), np.concatenate([first, second]))
        turned = alone[np.diagonal(schur)[alone] < 0]
        if len(turned) % 2:
            raise ValueError("no rotation: its determinant is -1")
        # Two reversed directions are a plane that is turned by half a turn.
        return cls(
            vectors,
            np.concatenate([first, turned[::2]]),
            np.concatenate([second, turned[1::2]]),
            np.concatenate([angle, np.full(len(turned) // 2, np.pi)]),
        )

    def power(self, amount: float | int) -> Float64[np.ndarray, "u u"]:
        """Return ``Q^amount``: each plane is turned by ``amount`` times its angle."""
        turned = self.vectors.copy()
        cosine, sine = np.cos(amount * self.angle), np.sin(amount * self.angle)
        first, second = self.vectors[:, self.first], self.vectors[:, self.second]
        turned[:, self.first] = cosine * first + sine * second
        turned[:, self.second] = cosine * second - sine * first
        return turned @ self.vectors.T


def random_rotation(units: int, seed: int) -> Float64[np.ndarray, "u u"]:
    """Draw a rotation uniformly: QR of a Gaussian matrix, the signs of R's diagonal moved into Q.

    One row is negated if the determinant is -1. (Mezzadri, How to generate random matrices from the classical compact
    groups, 2007.)

    >>> rotation = random_rotation(units=3, seed=0)
    >>> np.allclose(rotation @ rotation.T, np.eye(3))
    True
    """
    orthogonal, triangular = np.linalg.qr(np.random.default_rng(seed).standard_normal((units, units)))
    orthogonal *= np.where(np.diagonal(triangular) < 0, -1.0, 1.0)
    if np.linalg.slogdet(orthogonal)[0] < 0:
        orthogonal[0] *= -1
    return orthogonal


@dataclass(eq=False)
class Moments:
    """The number of positions of a layer's activations, their mean, and their scatter around it; an accumulator.

    Sums are of the distances from the batch's mean, so that a mean far from 0 costs no digits. (Chan, Golub and
    LeVeque, Updating formulae and a pairwise algorithm for computing sample variances, 1979.)

    Sums in double precision are rounded, and so depend on their order by about 1e-15 of their size: another order or
    grouping of the images gives the same to rounding only. The other laws of accumulators hold to the last bit.

    >>> moments = Moments.empty(units=2)
    >>> moments.update(torch.tensor([[[[1.0, 3.0]], [[0.0, 0.0]]]]))
    >>> moments.mean, moments.compute().variance
    (tensor([2., 0.], dtype=torch.float64), array([1., 0.], dtype=float32))
    """

    count: int
    mean: Float64[Tensor, " u"]
    scatter: Float64[Tensor, "u u"]

    @classmethod
    def empty(cls, units: int, device: torch.device | None = None) -> "Moments":
        """Return the moments of no positions."""
        kind: dict[str, Any] = {"dtype": torch.float64, "device": device}
        return cls(0, torch.zeros(units, **kind), torch.zeros(units, units, **kind))

    def update(self, maps: Float[Tensor, "n u h w"]) -> None:
        """Take in all positions of the maps of ``n`` more images."""
        for positions in maps.permute(0, 2, 3, 1).flatten(1, 2):  # one by one: in double precision they take memory
            values = positions.double()
            mean = values.mean(dim=0)
            values = values - mean
            self._add(len(values), mean, values.T @ values)

    def _add(self, count: int, mean: Float64[Tensor, " u"], scatter: Float64[Tensor, "u u"]) -> None:
        """Take in the moments of ``count`` more positions."""
        total = self.count + count
        apart = mean - self.mean
        self.scatter += scatter + torch.outer(apart, apart) * (self.count * count / total)
        self.mean += apart * (count / total)
        self.count = total

    def __add__(self, other: "Moments") -> "Moments":
        """Return the moments of the positions of both."""
        total = Moments(self.count, self.mean.clone(), self.scatter.clone())
        if other.count:
            total._add(other.count, other.mean, other.scatter)
        return total

    def compute(self) -> "Components":
        """Return the principal components so far."""
        variance, vectors = np.linalg.eigh((self.scatter / self.count).cpu().numpy())
        rows = vectors.T[::-1]
        largest = np.take_along_axis(rows, np.abs(rows).argmax(axis=1, keepdims=True), axis=1)
        rows = rows * np.where(largest < 0, -1.0, 1.0)
        return Components(rows.astype(np.float32), variance[::-1].clip(min=0).astype(np.float32))

    def state(self) -> dict[str, Tensor]:
        """Return the count, mean and scatter by name, not copied."""
        return {"count": torch.tensor(self.count), "mean": self.mean, "scatter": self.scatter}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> "Moments":
        """Return the moments whose state was saved."""
        return cls(int(state["count"]), state["mean"], state["scatter"])


@dataclass(frozen=True, eq=False)
class Components:
    """Principal components, a row each, and the variance along each, the largest first.

    The entry of largest magnitude of each row is positive.
    """

    rows: Float32[np.ndarray, "u u"]
    variance: Float32[np.ndarray, " u"]


def in_basis(maps: Float[Tensor, "n u h w"], basis: Float[Tensor, "v u"]) -> Float[Tensor, "n v h w"]:
    """Return ``basis @ activations`` at every position, channels-last in memory.

    A product rounds differently in another shape, number of threads or layout in memory. So images are multiplied one
    by one, each by one thread and in memory of its own: the numbers of an image depend neither on the other images nor
    on the number of threads.

    >>> maps = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])
    >>> in_basis(maps, torch.tensor([[1.0, 1.0], [1.0, -1.0]]))
    tensor([[[[ 4.,  6.]],
    <BLANKLINE>
             [[-2., -2.]]]])
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
    """Forbid products of float32 with fewer bits (TF32, bfloat16) meanwhile, though the caller may allow them."""
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
