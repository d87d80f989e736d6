"""Frozen results of dissections: tables, counts, saved and loaded. Nothing here needs a network, images or torch."""

from netdissect.results.colors import category_colors
from netdissect.results.layer import LayerResult
from netdissect.results.run import ConceptExample, Result, ShownImage, check_free
from netdissect.results.words import layer_in_words

__all__ = [
    "ConceptExample",
    "LayerResult",
    "Result",
    "ShownImage",
    "category_colors",
    "check_free",
    "layer_in_words",
]
