"""The layout of a layer's output: its dimensions of units, and of positions."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from netdissect.choices import LAYOUTS
from netdissect.networks.tracing.operation import Positions
from netdissect.networks.tracing.positions import AxisField, summed, varies

#: At most so many class and register tokens begin a sequence, where nothing else tells them from tokens of positions.
_MOST_EXTRA_TOKENS = 16


class LayoutError(Exception):
    """An output has no known layout; the text gives the reason."""

    def __init__(
        self, reason: str = "neither maps (n,u,h,w) or (n,h,w,u), nor tokens (n,t,u), nor a vector (n,u)"
    ) -> None:
        super().__init__(reason)


@dataclass(frozen=True)
class Layout:
    """The layout of a layer's output; ``name`` is one of ``LAYOUTS``.

    In a sequence of tokens, ``tokens`` are the indices of tokens that have positions, row by row, and ``grid`` is the
    number of rows and columns. Class and register tokens have no position.
    """

    name: str
    tokens: tuple[int, ...] = ()
    grid: tuple[int, int] | None = None

    def maps(self, output: Float[Tensor, "n ..."]) -> Float[Tensor, "n u h w"]:
        """Return the output as activation maps; a vector gives maps of one position.

        >>> Layout("ntu", tokens=(1, 2, 3, 4, 5, 6), grid=(2, 3)).maps(torch.zeros(1, 7, 8)).shape
        torch.Size([1, 8, 2, 3])
        """
        if self.name == "nu":
            return output[:, :, None, None]
        if self.name == "nhwu":
            return output.permute(0, 3, 1, 2)
        if self.grid is not None:
            begin, end = self.tokens[0], self.tokens[-1] + 1
            if self.tokens == tuple(range(begin, end)):
                chosen = output[:, begin:end]
            else:
                chosen = output.index_select(1, torch.tensor(self.tokens, device=output.device))
            return chosen.unflatten(1, self.grid).permute(0, 3, 1, 2)
        return output

    def shape(self, output: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of one image's maps, ``(u, h, w)`` or ``(u,)`` for a vector, for an output of a shape.

        >>> Layout("nhwu").shape((1, 14, 14, 96))
        (96, 14, 14)
        """
        if self.grid is not None:
            return (output[-1], *self.grid)
        return (output[3], output[1], output[2]) if self.name == "nhwu" else output[1:]

    def tokens_left_out(self, output: tuple[int, ...]) -> list[int]:
        """Return the indices of tokens without a position, for the shape (t, u) of one image's output.

        >>> Layout("ntu", tokens=(1, 2, 3, 4), grid=(2, 2)).tokens_left_out((5, 8))
        [0]
        """
        return sorted(set(range(output[0])) - set(self.tokens)) if self.tokens else []


def layout_of(
    shape: tuple[int, ...],
    positions: Positions | None,
    image: tuple[int, int],
    *,
    lost: bool = False,
    asked: str | None = None,
) -> Layout:
    """Return the layout of an output of ``shape``, for one image of ``image`` (H, W) pixels.

    ``asked`` is the name of the layout if the caller gave it. Otherwise the layout follows from the dimensions along
    which ``positions`` differ. These are None if they were ``lost``, or if the output does not depend on the image.
    Raises ``LayoutError``.

    >>> layout_of((1, 5, 8), None, (32, 32), asked="ntu")
    Layout(name='ntu', tokens=(1, 2, 3, 4), grid=(2, 2))
    """
    if asked is not None and len(asked) != len(shape):
        raise LayoutError(f"not {LAYOUTS[asked]} ({','.join(asked)})")
    if len(shape) == 2:
        return Layout("nu")
    if len(shape) == 3:
        tokens = None if positions is None else _tokens_by_position(positions)
        if tokens is None and positions is not None and asked is None:
            raise LayoutError(f"whose {shape[1]} tokens do not lie in rows and columns of the image")
        return tokens or _tokens_by_count(shape[1], image, certain=asked is None)
    if len(shape) == 4:
        if asked is None and positions is not None:
            return Layout(_layout_of_maps(shape, positions))
        return Layout(asked or (_layout_by_shape(shape, image) if lost else "nuhw"))
    raise LayoutError


def _layout_of_maps(shape: tuple[int, ...], positions: Positions) -> str:
    """Return the name of the layout of maps whose positions are known."""
    down, across = ([dim for dim in range(4) if varies(field, dim)] for field in positions)
    if not down and not across:
        is_pooled = any(bool(field.size.isinf().any()) for field in positions)
        return "nhwu" if is_pooled and shape[1:3] == (1, 1) != shape[2:4] else "nuhw"
    if set(down) <= {2} and set(across) <= {3}:
        return "nuhw"
    if set(down) <= {1} and set(across) <= {2}:
        return "nhwu"
    # Positions of units, too, may differ: branches side by side, or pixels that became channels.
    if {2} <= set(down) <= {1, 2} and {3} <= set(across) <= {1, 3}:
        return "nuhw"
    if {1} <= set(down) <= {1, 3} and {2} <= set(across) <= {2, 3}:
        return "nhwu"
    raise LayoutError("not laid out as maps are: --layout nuhw or nhwu says which it is, if it is one of them")


def _layout_by_shape(shape: tuple[int, ...], image: tuple[int, int]) -> str:
    """Return the name of the layout of maps whose positions were lost.

    Units are last if a grid with the image's proportions comes first, and none comes last.
    """
    before, last = (height * image[1] == width * image[0] for height, width in (shape[1:3], shape[2:4]))
    return "nhwu" if before and not last else "nuhw"


def _tokens_by_position(positions: Positions) -> Layout | None:
    """Return the layout of tokens in the order of their positions, None if these form no grid."""
    if any(varies(field, 2) for field in positions):
        raise LayoutError("whose last dimension is not units, as that of tokens (n,t,u) is")
    rows, columns = (_token_positions(field) for field in positions)
    placed = [token for token in range(len(rows)) if not math.isnan(rows[token] + columns[token])]
    tokens = sorted(placed, key=lambda token: (rows[token], columns[token]))
    height, width = len({rows[token] for token in placed}), len({columns[token] for token in placed})
    grid = [(rows[token], columns[token]) for token in tokens]
    if not tokens or len(set(grid)) != len(tokens) or len(tokens) != height * width:
        return None
    return Layout("ntu", tuple(tokens), (height, width))


def _token_positions(field: AxisField) -> list[float]:
    """Return the position of each token along an axis, NaN if it has none."""
    return [float(position) for position in summed(field, [2]).centre[0, :, 0]]


def _tokens_by_count(count: int, image: tuple[int, int], *, certain: bool) -> Layout:
    """Return the layout of tokens in a grid of the image's proportions, after class and register tokens.

    The first number of such tokens that leaves a grid is taken. If the layout must be ``certain``, it is an error that
    several numbers do.
    """
    found = []
    for extra in range(min(_MOST_EXTRA_TOKENS + 1, count)):
        height = math.isqrt((count - extra) * image[0] // image[1])
        if height and (count - extra) % height == 0 and height * image[1] == (count - extra) // height * image[0]:
            found.append(Layout("ntu", tuple(range(extra, count)), (height, (count - extra) // height)))
    if not found or (certain and len(found) > 1):
        ways = "are a grid in several ways: --layout ntu takes the first" if found else "are no grid"
        raise LayoutError(f"whose {count} tokens, some of which may be for no position, {ways}")
    return found[0]
