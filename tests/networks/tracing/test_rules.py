"""Operations without a rule: they may move elements, and are not traced."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from tests.networks.tracing.steps import (
    BACK,
    EYE,
    UNTRACED,
    layer,
    written,
)

NEVER_TRACED = {
    "sort": lambda x: x.sort(3).values,
    "topk": lambda x: x.topk(12, 3).values,
    "msort": lambda x: x.msort(),
    "by_argsort": lambda x: x[:, :, x[0, 0, 0].argsort()],
    "cumsum": lambda x: x.cumsum(3),
    "cumprod": lambda x: x.cumprod(2),
    "cummax": lambda x: x.cummax(3).values,
    "cummin": lambda x: x.cummin(2).values,
    "logcumsumexp": lambda x: x.logcumsumexp(2),
    "gather": lambda x: x.gather(3, BACK.expand(1, 4, 12, 12)),
    "take_along": lambda x: torch.take_along_dim(x, BACK.view(1, 1, 1, 12), 3),
    "take": lambda x: x.take(torch.arange(575, -1, -1).view(1, 4, 12, 12)),
    "scatter": lambda x: torch.zeros_like(x).scatter(3, BACK.expand(1, 4, 12, 12), x),
    "scatter_add": lambda x: torch.zeros_like(x).scatter_add(3, BACK.expand(1, 4, 12, 12), x),
    "scatter_reduce": lambda x: torch.zeros_like(x).scatter_reduce(3, BACK.expand(1, 4, 12, 12), x, "amax"),
    "masked_scatter": lambda x: torch.zeros_like(x).masked_scatter(torch.ones_like(x) > 0, x.flip(2)),
    "masked_select": lambda x: x.masked_select(torch.ones_like(x) > 0).view(x.shape),
    "index_put": lambda x: written(x.clone(), (slice(None), slice(None), BACK), x),
    "index_add": lambda x: torch.zeros_like(x).index_add(3, BACK, x),
    "index_copy": lambda x: torch.zeros_like(x).index_copy(3, BACK, x),
    "index_reduce": lambda x: torch.zeros_like(x).index_reduce(3, BACK, x, "amax"),
    "put": lambda x: torch.zeros_like(x).put(torch.arange(575, -1, -1).view(1, 4, 12, 12), x),
    "unfold_and_fold": lambda x: F.fold(F.unfold(x, 2, stride=2), (12, 12), 2, stride=2),
    "max_unpool": lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2),
    "tril": lambda x: x.tril(),
    "addmv": lambda x: torch.addmv(x[0, 0, 0], x[0, 0], x[0, 1, 0]).expand(1, 4, 12, 12),
    "addbmm": lambda x: torch.addbmm(x[0, 0], x[0], x[0]).expand(1, 4, 12, 12),
    "addr": lambda x: torch.addr(x[0, 0], x[0, 0, 0], x[0, 0, 1]).expand(1, 4, 12, 12),
    "cdist": lambda x: torch.cdist(x, x),
    "bilinear": lambda x: F.bilinear(x, x, torch.ones(12, 12, 12)),
    "inverse": lambda x: invertible(x).inverse(),
    "solve": lambda x: torch.linalg.solve(EYE[BACK] + 9 * EYE, x),
    "solve_triangle": lambda x: torch.linalg.solve_triangular(EYE, x, upper=False),
    "matrix_exp": lambda x: torch.linalg.matrix_exp(x),
    "qr": lambda x: torch.linalg.qr(invertible(x)).Q,
    "svd": lambda x: torch.linalg.svd(invertible(x)).U,
    "sparse": lambda x: torch.sparse.mm(EYE[BACK].to_sparse(), x[0, 0]).expand(1, 4, 12, 12),
    "roi_align": lambda x: __import__("torchvision").ops.roi_align(x, [torch.tensor([[0.0, 0, 11, 11]])], 12),
    "deformable_conv": lambda x: __import__("torchvision").ops.deform_conv2d(
        x, torch.zeros(1, 18, 12, 12), torch.ones(4, 4, 3, 3), padding=1
    ),
    "lstm": lambda x: nn.LSTM(4, 2, bidirectional=True)(x[0].permute(2, 1, 0))[0].permute(2, 1, 0)[None],
    "conv_tbc": lambda x: (
        torch.conv_tbc(x[0].permute(2, 1, 0).contiguous(), torch.ones(3, 4, 4), torch.zeros(4), 1)
        .permute(2, 1, 0)
        .expand(1, 4, 12, 12)
    ),
}


def invertible(x):
    return x + 9 * EYE


@pytest.mark.filterwarnings("ignore:index_reduce:UserWarning")
@pytest.mark.parametrize("name", NEVER_TRACED)
def test_what_may_move_elements_and_is_not_traced_says_so(name):
    info = layer(NEVER_TRACED[name])
    assert info.field is None
    assert info.no_field.startswith(UNTRACED)


@torch.library.custom_op("netdissect_tests::mirror", mutates_args=())
def mirror(x: torch.Tensor) -> torch.Tensor:
    return x.flip(3)


def test_operations_that_others_add_are_not_traced():
    assert layer(mirror).no_field == UNTRACED + "netdissect_tests::mirror"


def test_recurrent_cells_see_all_that_came_before():
    def make(x):
        cell = nn.RNN(4, 4)
        return cell(x[0].permute(2, 1, 0))[0].permute(2, 1, 0)[None]

    assert layer(make).field is None


NO_FIELD = {
    "grid_sample": (
        lambda x: F.grid_sample(x, torch.ones(1, 12, 12, 2), align_corners=False),
        UNTRACED + "aten::grid_sampler_2d",
    ),
    "fft": (lambda x: torch.fft.fft2(x).real, UNTRACED + "aten::_fft"),
}


@pytest.mark.parametrize("name", NO_FIELD)
def test_reason_for_no_field(name):
    make, reason = NO_FIELD[name]
    info = layer(make)
    assert info.field is None
    assert info.no_field.startswith(reason)
