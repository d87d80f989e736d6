"""Receptive fields: which part of an image each position of a layer's maps looks at."""

from netdissect.engine.field import Field
from netdissect.networks.tracing.operation import Positions
from netdissect.networks.tracing.positions import summed

#: Centres are told apart, and steps compared, to this fraction of a pixel.
_TOLERANCE = 1e-6


class NoFieldError(Exception):
    """A layer has no receptive field of its own at each position; the text says why."""


def field_of_maps(positions: Positions) -> Field:
    """The field of a layer whose elements look at ``positions``, as ``(1, u, h, w)``. Raises ``NoFieldError``.

    Of its units the one with the largest field counts.
    """
    axes = []
    for axis, field in enumerate(positions):
        of_units = summed(field, [1])
        centre, size = of_units.centre[0, 0], of_units.size[0, 0]
        if bool(size.isinf().any()):
            raise NoFieldError("it sees all of the image or of a window, by pooling or attention")
        if bool(centre.isnan().any()):
            raise NoFieldError("some of its positions see nothing of the image")
        line = centre[:, 0] if axis == 0 else centre[0]
        if bool(((centre - (line[:, None] if axis == 0 else line)).abs() > _TOLERANCE).any()):
            raise NoFieldError("its positions do not lie in rows and columns")
        apart = line.diff()
        if bool((apart <= _TOLERANCE).any()):
            raise NoFieldError("its positions do not follow one another as those of the image do")
        step = field.step if len(apart) == 0 else float(apart.mean())
        axes.append((tuple(line.tolist()), float(size.max()), step))
    (rows, height, down), (columns, width, across) = axes
    return Field(rows, columns, (height, width), (down, across))
