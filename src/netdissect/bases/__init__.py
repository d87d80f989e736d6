"""Bases of a layer's activation space: the directions, or features, that are dissected as its units.

A basis is a class of its own, registered in ``choices.BASES``. It may be any function of the layer's maps, also one
that a pass over the images fits first.
"""

from netdissect.bases.base import Basis, Transform
from netdissect.bases.naming import BasisChoice, read_basis
from netdissect.bases.rotation import Rotated
from netdissect.bases.view import BasisView, choose_views, layers_of

__all__ = [
    "Basis",
    "BasisChoice",
    "BasisView",
    "Rotated",
    "Transform",
    "choose_views",
    "layers_of",
    "read_basis",
]
