"""Rules by which rectifiers propagate a gradient, while a network runs within a ``with``.

A rectifier is a torch function, whether a module, a method or the network's own code calls it, in place or not: ReLU,
ReLU6 and the like, leaky and smooth ones, clamping from below at 0. A rectifier that a network composes of other
functions (``x * sigmoid(1.7 * x)``), or hides from torch's Python functions (TorchScript), keeps its own gradient.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.overrides import TorchFunctionMode

#: Names of torch functions, without the final underscore of functions that work in place.
_RECTIFIERS = frozenset(("relu", "relu6", "leaky_relu", "rrelu", "prelu", "threshold", "elu", "selu", "celu"))
_RECTIFIERS |= frozenset(("silu", "gelu", "hardswish", "mish", "softplus"))

#: Functions that are rectifiers if their second argument, the smallest value that passes, is 0.
_LIMITERS = frozenset(("clamp", "clip", "clamp_min", "hardtanh"))

#: Maps the signal at a rectifier's output, and the gradient at its input, to the propagated signal.
_Propagate = Callable[[Tensor, Tensor], Tensor]


def guided() -> AbstractContextManager[Any]:
    """Pass the gradient where the signal from above is positive (guided backpropagation, Springenberg et al. 2015)."""
    return _Rectifiers(lambda signal, gradient: torch.where(signal > 0, gradient, 0))


def deconvnet() -> AbstractContextManager[Any]:
    """Pass the positive part of the signal, whatever the rectifier's input was (Zeiler and Fergus 2014)."""
    return _Rectifiers(_positive)


def redirected() -> AbstractContextManager[Any]:
    """Pass the deconvnet's signal for images whose whole gradient at a rectifier is zero; all others are ordinary.

    So ascent can leave a start where units are dead (Olah et al., Feature Visualization, 2017). The first dimension of
    a rectifier's input is taken to be the images.
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
    """Lets rectifiers compute as usual, while gradients pass them by ``propagate``."""

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
        # A copy is used by this call alone, so that its hook sees this rectifier's gradient and no other. A rectifier
        # that works in place does so on the copy: then autograd knows what was written, also to a view.
        given = args[0].clone()
        signals: list[Tensor | None] = []

        def propagated(gradient: Tensor | None) -> Tensor | None:
            signal = signals.pop()  # None, like the gradient, if no gradient leads to the rectifier
            return gradient if signal is None or gradient is None else self.propagate(signal, gradient)

        given.register_hook(propagated)
        result = function(given, *args[1:], **kwargs)
        in_place = result is given
        result.register_hook(signals.append)
        return args[0].copy_(result) if in_place else result


def _rectifies(function: Any, others: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Return whether a call of ``function`` is a rectifier; ``others`` are its arguments after the first.

    >>> _rectifies(torch.relu, (), {}), _rectifies(torch.clamp, (1,), {})
    (True, False)
    """
    name = getattr(function, "__name__", "").partition(".")[0].strip("_")  # as in aten's relu.default, and relu_
    if name in _LIMITERS:
        lowest = others[0] if others else kwargs.get("min", kwargs.get("min_val"))
        return isinstance(lowest, int | float) and lowest == 0
    return name in _RECTIFIERS
