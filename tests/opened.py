"""Pictures whose files are closed again."""

from PIL import Image


def opened(path):
    """Return the picture in a file, read to its end."""
    with Image.open(path) as picture:
        picture.load()
        return picture
