"""Receptive fields: the part of an image that each position of a layer's maps depends on."""

from netdissect.engine.field import Field
from netdissect.networks.tracing.operation import Positions
from netdissect.networks.tracing.positions import summed

#: Centres that differ by less, in pixels, are equal.
_TOLERANCE = 1e-6


class NoFieldError(Exception):
    """The positions of a layer have no receptive fields of their own; the text gives the reason."""


def field_of_maps(positions: Positions) -> Field:
    """Return the receptive field of maps ``(1, u, h, w)`` at ``positions``: the largest field among the units.

    Raises ``NoFieldError``.

    >>> from netdissect.networks.tracing.positions import image_field
    >>> field_of_maps((image_field((1, 3, 2, 4), dim=2), image_field((1, 3, 2, 4), dim=3))).columns
    (0.0, 1.0, 2.0, 3.0)
    """
    axes = []
    for axis, field in enumerate(positions):
        largest = summed(field, [1])
        centre, size = largest.centre[0, 0], largest.size[0, 0]
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
