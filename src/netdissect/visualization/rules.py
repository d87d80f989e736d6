"""How rectifiers propagate a gradient, while a network runs in a ``with``.

A rectifier is a torch function, whether a module, a method or the network's own code calls it, in place or not: ReLU,
ReLU6 and the like, leaky and smooth ones, clamping from below at 0. What a network composes of other functions (``x *
sigmoid(1.7 * x)``), or hides from torch's Python functions (TorchScript), keeps its own gradient.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.overrides import TorchFunctionMode

#: Names of torch functions, without the underscore at the end of those that work in place.
_RECTIFIERS = frozenset(("relu", "relu6", "leaky_relu", "rrelu", "prelu", "threshold", "elu", "selu", "celu"))
_RECTIFIERS |= frozenset(("silu", "gelu", "hardswish", "mish", "softplus"))

#: These are rectifiers where the smallest value that they let through, their second argument, is 0.
_LIMITERS = frozenset(("clamp", "clip", "clamp_min", "hardtanh"))

#: From the signal that reaches a rectifier's output, and its gradient at the input, to what is propagated.
_Propagate = Callable[[Tensor, Tensor], Tensor]


def guided() -> AbstractContextManager[Any]:
    """A gradient goes on where the signal from above is positive (guided backpropagation, Springenberg et al. 2015)."""
    return _Rectifiers(lambda signal, gradient: torch.where(signal > 0, gradient, 0))


def deconvnet() -> AbstractContextManager[Any]:
    """The positive part of the signal goes on, whatever the rectifier was given (Zeiler and Fergus 2014)."""
    return _Rectifiers(_positive)


def redirected() -> AbstractContextManager[Any]:
    """An image whose whole gradient at a rectifier is zero has there that of the deconvnet; all else is ordinary.

    So ascent can leave a start where units are dead (Olah et al., Feature Visualization, 2017). Images are taken to lie
    along the first dimension of what is rectified.
    """

    def propagate(signal: Float[Tensor, "*shape"], gradient: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        alive = gradient.any(dim=tuple(range(1, gradient.ndim))) if gradient.ndim > 1 else gradient != 0
        if alive.all():
            return gradient
        alive = alive.view(alive.shape + (1,) * (gradient.ndim - alive.ndim))
        return torch.where(alive, gradient, _positive(signal, gradient))

    return _Rectifiers(propagate)


def _positive(signal: Tensor, gradient: Tensor) -> Tensor:
    return signal.clamp(min=0)


class _Rectifiers(TorchFunctionMode):
    """Rectifiers that are called meanwhile compute what they do, but ``propagate`` what it says."""

    def __init__(self, propagate: _Propagate) -> None:
        super().__init__()
        self.propagate = propagate

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if not args and "input" in kwargs:
            args = (kwargs.pop("input"),)
        rectifies = args and _rectifies(function, args[1:], kwargs)
        if not (rectifies and torch.is_grad_enabled() and args[0].requires_grad):
            return function(*args, **kwargs)
        # A copy is of use to this call alone, so that the hook at it sees this rectifier's gradient and no other, and
        # a rectifier that works in place does so there: then autograd knows what was written, to a view, too.
        given = args[0].clone()
        signals: list[Tensor | None] = []

        def propagated(gradient: Tensor | None) -> Tensor | None:
            signal = signals.pop()  # None, as the gradient then is, where none leads to the rectifier
            return gradient if signal is None or gradient is None else self.propagate(signal, gradient)

        given.register_hook(propagated)
        result = function(given, *args[1:], **kwargs)
        in_place = result is given
        result.register_hook(signals.append)
        return args[0].copy_(result) if in_place else result


def _rectifies(function: Any, others: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a call of ``function`` is a rectifier; ``others`` are its arguments after the first."""
    name = getattr(function, "__name__", "").partition(".")[0].strip("_")  # as in aten's relu.default, and relu_
    if name in _LIMITERS:
        lowest = others[0] if others else kwargs.get("min", kwargs.get("min_val"))
        return isinstance(lowest, int | float) and lowest == 0
    return name in _RECTIFIERS
