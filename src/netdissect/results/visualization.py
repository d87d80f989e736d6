"""A picture of what a unit looks for."""

import io
from dataclasses import dataclass, field

from PIL import Image


@dataclass(frozen=True)
class Visualization:
    """One picture of what a unit looks for, made by ``method``; ``caption`` says what is seen.

    ``variant`` distinguishes pictures of one method: the way of back-propagation, or whether an image is one of the
    ``highest`` or ``along the range``. It is empty for a method of one kind. ``activation`` is the unit's at the
    position that the picture shows, or its highest on a picture that was made to excite it. ``image_name`` names the
    dataset's image that the picture shows, empty if it shows none.
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
        """The picture in RGB, whose pixels are read when first used."""
        return Image.open(io.BytesIO(self.jpeg))
