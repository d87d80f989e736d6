"""The rule of each operation: how it changes the positions of its tensors.

Operations are those that torch executes in the end (``aten``), whatever the network's code looks like. An operation is
not traced if it is neither listed here nor marked by torch as working on each element alone: it may move elements.
"""

import re
from collections.abc import Callable
from typing import Any

from torch import Tag, Tensor
from torch.utils._pytree import tree_leaves

from netdissect.networks.tracing.operation import Operation, Positions, UntracedError
from netdissect.networks.tracing.rearranging import copy, elementwise, laid_out, made, rearranged, reshaped
from netdissect.networks.tracing.reductions import attention, product, reduced
from netdissect.networks.tracing.windows import (
    adaptive_pool,
    convolution,
    interpolated,
    padded,
    pool,
    shuffled_pixels,
)


def positions_after(operation: Operation) -> list[Positions | None]:
    """Return the positions of each tensor that the operation returned, None for one without positions.

    Raises ``UntracedError`` if no rule knows the operation.
    """
    found = _rule(operation)(operation)
    found = found if isinstance(found, list) else [found]
    outputs = [leaf for leaf in tree_leaves(operation.result) if isinstance(leaf, Tensor)]
    return found + [None] * (len(outputs) - len(found))  # the indices beside maxima, for example


def _rule(operation: Operation) -> Callable[[Operation], Any]:
    """Return the rule of an operation."""
    if operation.function.namespace == "aten":
        for pattern, rule in _RULES:
            if pattern.fullmatch(operation.name):
                return rule
    return elementwise if Tag.pointwise in operation.function.tags else _untraced


def _untraced(operation: Operation) -> Positions:
    """Raise ``UntracedError``: the rule of operations without a rule."""
    raise UntracedError


#: Rules by a pattern of operations' names; the first pattern that fits counts.
_RULES: list[tuple[re.Pattern[str], Callable[[Operation], Any]]] = [
    (re.compile(pattern), rule)
    for pattern, rule in {
        r"_?convolution|(mkldnn|cudnn|miopen)_convolution": convolution,
        r"(max|avg)_pool[123]d(_with_indices)?": pool,
        r"_?adaptive_(avg|max)_pool[123]d": adaptive_pool,
        r"_?upsample_\w+": interpolated,
        r"pixel_shuffle": shuffled_pixels,
        r"constant_pad_nd|(reflection|replication)_pad[123]d": padded,
        r"view|_unsafe_view|_reshape_alias|reshape": reshaped,
        r"permute|transpose|t|squeeze|unsqueeze|slice|select|split|split_with_sizes|unbind|cat|stack|roll|flip|"
        r"repeat|unfold|index|index_select|pixel_unshuffle|channel_shuffle|native_channel_shuffle|diagonal|rot90|"
        r"unsafe_split|unsafe_split_with_sizes|_unsafe_index": rearranged,
        r"copy": copy,
        r"as_strided": laid_out,
        r"new_\w+|\w+_like|fill|zero": made,
        r"mean|sum|prod|amax|amin|max|min|median|var|std|var_mean|std_mean|norm|linalg_vector_norm|logsumexp": reduced,
        r"addmm|_addmm_activation": product("mat1", "mat2"),
        r"mm|bmm": product("self", "mat2"),
        r"baddbmm": product("batch1", "batch2"),
        r"linear": product("input", "weight", transposed=True),
        r"_?scaled_dot_product\w+|_native_multi_head_attention|_transformer_encoder_layer_fwd": attention,
        # These work on each element alone, or normalize by others. Older versions of torch mark few of them.
        r"alias|detach|clone|contiguous|lift|lift_fresh|to|_to_copy|expand|expand_as|broadcast_to|hardswish|mish|"
        r"relu6|hardtanh|(leaky|r)_?relu(_with_noise)?|[cs]?elu|hardsigmoid|softplus|threshold|(soft|hard)shrink|"
        r"log_sigmoid_forward|_?prelu(_kernel)?|floor_divide|where|masked_fill|\w*dropout|bernoulli|fake_quantize\w*|"
        r"_fake_quantize\w*|\w*batch_norm\w*|(native_)?(layer|group)_norm|_?(fused_)?rms_norm|renorm|"
        r"_?(log_|safe_|masked_)?softmax": elementwise,
    }.items()
]
