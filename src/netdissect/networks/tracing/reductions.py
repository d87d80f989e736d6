"""Rules of operations that sum over dimensions: reductions, products of matrices, attention."""

from collections.abc import Callable

from netdissect.networks.tracing.operation import Operation, Positions, UntracedError, each
from netdissect.networks.tracing.positions import AxisField, constant_field, summed
from netdissect.networks.tracing.rearranging import elementwise


def reduced(operation: Operation) -> Positions:
    """Return the positions after a sum, mean, maximum or the like over some dimensions, or all."""
    if "other" in operation.arguments:  # the larger of two tensors, for example
        joined = elementwise(operation)[0]
        assert joined is not None
        return joined
    given = operation.given("self")
    dims = operation.arguments.get("dim")
    if dims is None or dims == []:
        dims = list(range(len(given[0].shape)))
    dims = [dims] if isinstance(dims, int) else dims
    keepdim = operation.output.ndim == len(given[0].shape)
    return each(given, lambda field, _: summed(field, dims, keepdim=keepdim))


def product(first: str, second: str, *, transposed: bool = False) -> Callable[[Operation], Positions]:
    """Return the rule of a product of the arguments ``first`` and ``second``, the latter ``transposed`` or not.

    The product sums over the last dimension of the first matrix, and the last but one of the second.
    """

    def rule(operation: Operation) -> Positions:
        left, right = (operation.positions(operation.arguments[name]) for name in (first, second))
        shape = operation.output.shape

        def of_left(field: AxisField) -> AxisField:
            return summed(field, [-1]).expanded(shape)

        def of_right(field: AxisField) -> AxisField:
            total = summed(field, [-1 if transposed else -2])
            total = total.rearranged(lambda numbers: numbers.transpose(-1, -2)) if transposed else total
            return total.expanded(shape)

        if left is not None and right is not None:
            return each(left, lambda field, axis: _attended(of_left(field), of_right(right[axis])))
        if left is not None:
            return each(left, lambda field, _: of_left(field))
        if right is None:
            raise UntracedError
        return each(right, lambda field, _: of_right(field))

    return rule


def _attended(query: AxisField, key: AxisField) -> AxisField:
    """Return the field of attention: it depends on all keys, and has the positions of its queries."""
    has_positions = bool(query.centre.isnan().logical_not().any())
    return (query if has_positions else key).undefined()


def attention(operation: Operation) -> Positions:
    """Return the positions after attention as one operation: those of its queries."""
    query, shape = operation.arguments["query" if "query" in operation.arguments else "src"], operation.output.shape
    positions = operation.positions(query) or (constant_field(query.shape),) * 2  # learned queries have no positions
    return each(positions, lambda field, _: summed(field, [-1]).expanded(shape).undefined())
