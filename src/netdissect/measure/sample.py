"""The images whose maximal responses are kept: the same images for every network."""

import hashlib
import heapq

from netdissect.concepts.base import ConceptDataset
from netdissect.types import plain_text


def sampled_images(data: ConceptDataset, size: int) -> frozenset[int]:
    """Return the indices of at most ``size`` images: all images, or those whose names have the smallest hashes.

    So runs whose images were drawn with another limit or seed share as many of them as possible.

    >>> from netdissect.concepts import Scenes
    >>> sampled_images(Scenes(3), 5)
    frozenset({0, 1, 2})
    """
    if len(data) <= size:
        return frozenset(range(len(data)))
    return frozenset(heapq.nsmallest(size, range(len(data)), key=lambda index: _hash(data.image_name(index))))


def _hash(name: str) -> bytes:
    """Return the hash of an image's name."""
    return hashlib.blake2b(plain_text(name).encode(), digest_size=16).digest()
