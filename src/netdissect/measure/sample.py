"""The images whose maximal responses are kept: the same ones, whichever network runs over them."""

import hashlib
import heapq

from netdissect.concepts.base import ConceptDataset
from netdissect.types import plain_text


def sampled_images(data: ConceptDataset, size: int) -> frozenset[int]:
    """The indices of at most ``size`` images: all, or those whose names have the smallest hashes.

    So runs whose images were drawn by another limit or seed have as many of them in common as can be.
    """
    if len(data) <= size:
        return frozenset(range(len(data)))
    return frozenset(heapq.nsmallest(size, range(len(data)), key=lambda index: _hash(data.image_name(index))))


def _hash(name: str) -> bytes:
    return hashlib.blake2b(plain_text(name).encode(), digest_size=16).digest()
