"""What a unit looks for, as pictures."""

import io
from dataclasses import dataclass, field

from PIL import Image


@dataclass(frozen=True)
class Visualization:
    """One picture of what a unit looks for, made by ``method``; ``caption`` says what is seen.

    ``variant`` tells pictures of one method apart: how back-propagation was done, and whether an image is one of the
    ``highest`` or ``along the range``. It is empty where there is but one kind of them. ``activation`` is the unit's
    where the picture is of, or, of a picture that was made to excite the unit, its highest on that picture.
    ``image_name`` is that of the dataset's image that the picture is of, empty if it is of none.
    """

    unit: int
    method: str
    variant: str
    caption: str
    activation: float
    jpeg: bytes = field(repr=False)
    image_name: str = ""

    @property
    def picture(self) -> Image.Image:
        """The picture, in RGB; its pixels are read when they are asked for."""
        return Image.open(io.BytesIO(self.jpeg))
