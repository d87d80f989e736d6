"""Rotations, their powers, and principal components, against their definitions."""

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netdissect.engine.basis import Moments, Rotation, in_basis, random_rotation
from tests.engine.accumulator_laws import check_laws
from tests.engine.activations import batches

#: Rounding of float64 in products of 40 units.
NEAR = {"rtol": 0, "atol": 1e-11}

units = st.integers(1, 40)
seeds = st.integers(0, 2**32)
amounts = st.floats(0, 1)
few = settings(max_examples=40, deadline=None)


def planted(angles, reversed_pairs, still, seed):
    """Return a rotation that turns planes by ``angles``, reverses some pairs of directions, and fixes some."""
    turns = [[[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]] for angle in angles]
    blocks = [*turns, *[-np.eye(2)] * reversed_pairs, *[np.eye(1)] * still]
    matrix = scipy.linalg.block_diag(*blocks)
    vectors = np.linalg.qr(np.random.default_rng(seed).standard_normal(matrix.shape))[0]
    return vectors @ matrix @ vectors.T


@few
@given(units, seeds)
def test_random_rotations_are_rotations(units, seed):
    matrix = random_rotation(units, seed)
    assert np.allclose(matrix @ matrix.T, np.eye(units), **NEAR)
    assert np.linalg.det(matrix) == pytest.approx(1)
    assert np.array_equal(matrix, random_rotation(units, seed))
    assert units < 2 or not np.array_equal(matrix, random_rotation(units, seed + 1))


def test_random_rotations_are_uniform():
    """In the plane angles are uniform. In space the trace is ``1 + 2 cos`` of angles of density ``(1 - cos) / pi``."""
    of_plane = [random_rotation(2, seed) for seed in range(2000)]
    angles = [np.arctan2(matrix[1, 0], matrix[0, 0]) for matrix in of_plane]
    assert scipy.stats.kstest(angles, scipy.stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 0.01
    traces = np.array([np.trace(random_rotation(3, seed)) for seed in range(2000)])
    angles = np.arccos(np.clip((traces - 1) / 2, -1, 1))
    assert scipy.stats.kstest(angles, lambda angle: (angle - np.sin(angle)) / np.pi).pvalue > 0.01


@few
@given(units, seeds, amounts, amounts)
def test_powers_of_random_rotations(units, seed, first, second):
    check_powers(random_rotation(units, seed), first, second)


@few
@given(
    st.lists(st.sampled_from([0.3, 0.3, 1.0, -2.0, np.pi / 2, np.pi - 1e-9, 1e-9]), max_size=8),
    st.integers(0, 6),
    st.integers(0, 3),
    seeds,
    amounts,
    amounts,
)
def test_powers_of_rotations_with_planted_eigenvalues(angles, reversed_pairs, still, seed, first, second):
    """Equal angles, half turns, and directions that stand still: eigenvalues that are not simple."""
    matrix = planted(angles, reversed_pairs, still + (not angles and not reversed_pairs), seed)
    check_powers(matrix, first, second)


def check_powers(matrix, first, second):
    rotation, identity = Rotation.of(matrix), np.eye(len(matrix))
    assert np.allclose(rotation.power(1), matrix, **NEAR)
    assert np.allclose(rotation.power(0), identity, **NEAR)
    power = rotation.power(first)
    assert np.allclose(power @ power.T, identity, **NEAR)
    assert np.linalg.det(power) == pytest.approx(1)
    assert np.allclose(power @ rotation.power(second), rotation.power(first + second), **NEAR)


def test_a_half_turn_goes_by_the_plane_and_an_angle_by_the_shorter_way():
    quarter = Rotation.of(-np.eye(2)).power(0.5)
    assert np.allclose(quarter @ quarter, -np.eye(2))
    assert np.allclose(np.diagonal(quarter), 0)
    angle = 0.9 * np.pi
    half = Rotation.of(planted([angle], 0, 0, 0)).power(0.5)
    assert np.trace(half) == pytest.approx(2 * np.cos(angle / 2))


@pytest.mark.parametrize(
    ("matrix", "message"),
    [(np.diag([1.0, -1.0]), "determinant is -1"), (np.array([[1.0, 1.0], [0.0, 1.0]]), "not orthonormal")],
)
def test_what_is_no_rotation_has_no_powers(matrix, message):
    with pytest.raises(ValueError, match=message):
        Rotation.of(matrix)


def test_components_are_those_of_numpy():
    random = np.random.default_rng(0)
    directions = random_rotation(6, 1)
    deviations = np.array([8.0, 4.0, 2.0, 1.0, 0.5, 0.25])
    values = (random.standard_normal((400, 6)) * deviations) @ directions + 1e4  # far from 0, which costs digits
    maps = torch.from_numpy(values.reshape(10, 8, 5, 6)).permute(0, 3, 1, 2).to(torch.float32)
    moments = Moments.empty(6)
    for batch in maps.split([1, 4, 5]):
        moments.update(batch)
    found = moments.compute()
    float32 = maps.permute(0, 2, 3, 1).reshape(-1, 6).double().numpy()
    variance, vectors = np.linalg.eigh(np.cov(float32.T, bias=True))
    assert np.allclose(found.variance, variance[::-1], rtol=1e-5)
    assert np.allclose(np.abs((found.rows * vectors.T[::-1]).sum(axis=1)), 1, atol=1e-5)
    assert np.allclose(np.abs(found.rows @ directions.T), np.eye(6), atol=0.2)  # those planted
    assert np.allclose(moments.mean, float32.mean(axis=0), rtol=1e-12)
    largest = found.rows[np.arange(6), np.abs(found.rows).argmax(axis=1)]
    assert (largest > 0).all()


def near(moments, other):
    """Return whether moments are equal but for a few hundred roundings of the largest number."""
    size = max(1e-300, float(other.mean.abs().max()), float(other.scatter.abs().max()) ** 0.5)
    return (
        moments.count == other.count
        and bool(((moments.mean - other.mean).abs() <= 1e-13 * size).all())
        and bool(((moments.scatter - other.scatter).abs() <= 1e-12 * other.count * size**2).all())
    )


@settings(max_examples=30, deadline=None)
@given(batches(units=3, largest=1e6))
def test_laws_of_moments(maps):
    """Any order gives the same to rounding; the other laws hold to the last bit."""
    check_laws(lambda: Moments.empty(3), [(batch,) for batch in maps], same_in_any_order=near)


@pytest.mark.parametrize(("units", "directions", "side"), [(37, 53, 3), (100, 33, 1), (13, 7, 5)])
def test_maps_in_a_basis_do_not_depend_on_their_batch(units, directions, side):
    random = torch.Generator().manual_seed(0)
    maps = torch.randn(9, units, side, side, generator=random).contiguous(memory_format=torch.channels_last)
    basis = torch.randn(directions, units, generator=random)
    found = in_basis(maps, basis)
    exact = torch.einsum("vu,nuhw->nvhw", basis.double(), maps.double())
    assert torch.allclose(found.double(), exact, atol=1e-4)
    assert found.is_contiguous(memory_format=torch.channels_last)
    for begin, end in ((0, 1), (3, 4), (2, 9)):
        assert torch.equal(in_basis(maps[begin:end], basis), found[begin:end])


def test_products_have_all_bits_of_float32_though_the_caller_wants_fewer():
    maps, basis = torch.randn(2, 64, 4, 4), torch.randn(64, 64)
    found = in_basis(maps, basis)
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        assert torch.equal(in_basis(maps, basis), found)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
