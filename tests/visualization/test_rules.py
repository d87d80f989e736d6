"""How rectifiers propagate gradients, in whatever way a network calls them, against definitions written out."""

from functools import cache

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torch.overrides import _get_current_function_mode_stack

from netdissect.visualization import rules
from tests.visualization.small import close

#: The same rectifier in several forms, the first the ordinary one; those that work in place are given a copy.
FORMS = {
    "relu": [
        F.relu,
        nn.ReLU(),
        torch.relu,
        torch.Tensor.relu,
        lambda x: torch.relu(input=x),
        lambda x: F.relu(input=x),
        lambda x: torch.clamp(x, 0),
        lambda x: x.clamp(min=0.0),
        lambda x: x.clip(0, None),
        lambda x: x.clamp_min(0),
        lambda x: F.threshold(x, 0, 0),
        nn.Threshold(0.0, 0.0),
        torch.ops.aten.relu,
        torch.ops.aten.relu.default,
    ],
    "relu6": [
        F.relu6,
        nn.ReLU6(),
        nn.Hardtanh(0.0, 6.0),
        torch._C._nn.relu6,
        lambda x: x.clamp(0, 6),
        lambda x: F.hardtanh(x, 0, 6),
        lambda x: torch.clamp(x, min=0, max=6),
    ],
    "leaky": [F.leaky_relu, nn.LeakyReLU(), nn.PReLU(init=0.01), lambda x: torch.prelu(x, torch.tensor(0.01))],
    "rrelu": [F.rrelu, nn.RReLU().eval(), torch.rrelu],
    "elu": [F.elu, nn.ELU()],
    "selu": [F.selu, nn.SELU(), torch.selu],
    "celu": [F.celu, nn.CELU(), torch.celu],
    "silu": [F.silu, nn.SiLU()],
    "gelu": [F.gelu, nn.GELU(), torch._C._nn.gelu],
    "hardswish": [F.hardswish, nn.Hardswish()],
    "mish": [F.mish, nn.Mish()],
    "softplus": [F.softplus, nn.Softplus()],
}
IN_PLACE = {
    "relu": [
        F.relu_,
        torch.relu_,
        torch.Tensor.relu_,
        nn.ReLU(inplace=True),
        lambda x: F.relu(x, True),
        lambda x: x.clamp_(min=0),
        lambda x: torch.clamp_min_(x, 0),
        lambda x: F.threshold_(x, 0, 0),
        torch.ops.aten.relu_,
    ],
    "relu6": [nn.ReLU6(inplace=True), lambda x: F.hardtanh_(x, 0, 6), lambda x: torch.clip_(x, 0, 6)],
    "leaky": [F.leaky_relu_, nn.LeakyReLU(inplace=True)],
    "rrelu": [F.rrelu_, nn.RReLU(inplace=True).eval()],
    "elu": [F.elu_, nn.ELU(inplace=True)],
    "selu": [F.selu_, nn.SELU(inplace=True)],
    "celu": [F.celu_, nn.CELU(inplace=True)],
    "silu": [nn.SiLU(inplace=True)],
    "hardswish": [nn.Hardswish(inplace=True)],
    "mish": [nn.Mish(inplace=True)],
}
KINDS = [(name, form) for name, forms in FORMS.items() for form in forms]
IN_PLACE_KINDS = [(name, form) for name, forms in IN_PLACE.items() for form in forms]


def numbers(seed):
    return 3 * torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(seed))


def slope(name, x):
    """That of the rectifier."""
    x = x.clone().requires_grad_()
    return torch.autograd.grad(FORMS[name][0](x).sum(), x)[0]


def given_numbers():
    """In one of the images all is dead that can be."""
    x = numbers(1)
    x[1] = -x[1].abs() - 4
    return x


@cache
def expected(rule, name):
    """The gradient at ``given_numbers`` of a signal that is ``numbers(2)``, by the definitions, number by number."""
    slopes, signal = slope(name, given_numbers()).tolist(), numbers(2).tolist()
    result = torch.zeros(3, 4, 5)
    for image in range(3):
        dead = not any(
            slopes[image][row][column] * signal[image][row][column] for row in range(4) for column in range(5)
        )
        for row in range(4):
            for column in range(5):
                s, g = slopes[image][row][column], signal[image][row][column]
                if rule is rules.guided:
                    result[image, row, column] = s * g if g > 0 else 0
                elif rule is rules.deconvnet or dead:
                    result[image, row, column] = g if g > 0 else 0
                else:
                    result[image, row, column] = s * g
    return result


def check(rule, name, form, call):
    """``call`` is given x and the form, and returns what depends on the rectified x."""
    x = given_numbers().requires_grad_()
    with rule():
        result = call(x, form)
    assert torch.equal(result, FORMS[name][0](x))
    (gradient,) = torch.autograd.grad((result * numbers(2)).sum(), x)
    assert close(gradient, expected(rule, name))


RULES = pytest.mark.parametrize("rule", [rules.guided, rules.deconvnet, rules.redirected])


@RULES
def test_every_form_of_every_rectifier(rule):
    for name, form in KINDS:
        check(rule, name, form, lambda x, form: form(x))


def ignoring_what_is_returned(x, form):
    x = x * 1
    form(x)
    return x


def returned(x, form):
    return form(x * 1)


def on_a_view(x, form):
    """The base is used, not the view."""
    base = torch.cat([x, x], dim=1)
    form(base[:, 4:])
    return base[:, 4:] * 1


def on_a_view_then_seen_through_another(x, form):
    base = (x * 1).flatten(1)
    form(base.view(3, 2, 10))
    return base.unflatten(1, (4, 5))


@RULES
@pytest.mark.parametrize("call", [returned, ignoring_what_is_returned, on_a_view, on_a_view_then_seen_through_another])
def test_every_rectifier_in_place(rule, call):
    for name, form in IN_PLACE_KINDS:
        check(rule, name, form, call)


def test_results_that_are_changed_in_place_afterwards():
    """Where autograd allows for it: ReLU's own gradient needs what it returned."""
    for name in ("relu6", "silu"):
        for form in (FORMS[name][0], IN_PLACE[name][0]):
            x = given_numbers().requires_grad_()
            with rules.deconvnet():
                result = form(x * 1)
                result += 1
                result *= 2
            (gradient,) = torch.autograd.grad((result * numbers(2)).sum(), x)
            assert close(gradient, 2 * expected(rules.deconvnet, name))


def test_one_rectifier_after_another_in_place():
    """Each lets its own positive signals through."""
    x, signal = numbers(3), numbers(4)
    given = x.clone().requires_grad_()
    with rules.deconvnet():
        y = given * 1
        y.relu_()
        y.mul_(-1)
        y.relu_()
    (gradient,) = torch.autograd.grad((y * signal).sum(), given)
    assert not gradient.any()  # the second lets through what is positive, which is negative at the first
    with rules.deconvnet():
        y = given * 1
        y.relu_()
        y.mul_(2)
        y.relu_()
    (gradient,) = torch.autograd.grad((y * signal).sum(), given)
    assert torch.equal(gradient, 2 * signal.clamp(min=0))


def test_rectifiers_of_a_number_for_each_image_or_for_all():
    """A gate, say. For each image the dead one is redirected, and the others are not."""
    signal = torch.tensor([2.0, -3.0, 5.0])
    x = torch.tensor([1.0, -1.0, -1.0], requires_grad=True)
    with rules.redirected():
        result = F.relu(x)
    assert torch.autograd.grad((result * signal).sum(), x)[0].tolist() == [2, 0, 5]
    one = torch.tensor(-1.0, requires_grad=True)
    with rules.redirected():
        result = F.relu(one)
    assert torch.autograd.grad(4 * result, one)[0] == 4


class NoGradient(torch.autograd.Function):
    """As autograd allows, its first input gets none."""

    @staticmethod
    def forward(ctx, one, other):
        return one + other

    @staticmethod
    def backward(ctx, signal):
        return None, signal


@RULES
def test_rectifiers_that_no_gradient_comes_to(rule):
    x = torch.ones(3, 2, requires_grad=True)
    with rule():
        result = NoGradient.apply(F.relu(x), 2 * x)
    assert torch.equal(torch.autograd.grad(result.sum(), x)[0], torch.full((3, 2), 2.0))


def test_what_is_no_rectifier_keeps_its_gradient():
    calls = [
        torch.tanh,
        torch.sigmoid,
        lambda x: x * torch.sigmoid(x),
        F.hardtanh,
        nn.Hardtanh(),
        lambda x: x.clamp(-1, 1),
        lambda x: x.clamp(min=0.5),
        lambda x: x.clamp(max=0),
        lambda x: x.clamp_min(torch.tensor(-1.0)),
        lambda x: F.softmax(x, 1),
        lambda x: F.multi_head_attention_forward(
            *[x] * 3, 5, 1, torch.ones(15, 5) / 9, None, None, None, False, 0.0, torch.eye(5), None
        )[0],
    ]
    signal = numbers(2)
    for call in calls:
        x = numbers(1).requires_grad_()
        (ordinary,) = torch.autograd.grad((call(x) * signal).sum(), x)
        for rule in (rules.guided, rules.deconvnet, rules.redirected):
            with rule():
                result = call(x)
            assert torch.equal(torch.autograd.grad((result * signal).sum(), x)[0], ordinary)


def test_nothing_is_left_after_the_block_or_an_exception():
    x, signal = numbers(1).requires_grad_(), numbers(2)
    (ordinary,) = torch.autograd.grad((torch.relu(x) * signal).sum(), x)
    with rules.deconvnet():
        torch.relu(x)
    with pytest.raises(ValueError, match="no"), rules.guided():
        raise ValueError("no")
    assert not _get_current_function_mode_stack() and x._backward_hooks is None
    assert torch.equal(torch.autograd.grad((torch.relu(x) * signal).sum(), x)[0], ordinary)


def test_without_gradients_a_rectifier_is_what_it_is():
    x = numbers(1)
    with rules.guided():
        assert torch.equal(torch.relu(x), x.clamp(min=0))
        with torch.no_grad():
            asks = x.clone().requires_grad_()
            assert not torch.relu(asks).requires_grad
        y = x.clone()
        assert y.relu_() is y and torch.equal(y, torch.relu(x))
        assert torch.equal(torch.relu(torch.tensor([-1, 2])), torch.tensor([0, 2]))
