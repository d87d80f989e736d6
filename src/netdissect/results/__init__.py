"""Frozen results of dissections: tables, counts, saved and loaded. Nothing here needs a network, images or torch."""

from netdissect.results.layer import LayerResult
from netdissect.results.run import Result, ShownImage, check_free

__all__ = ["LayerResult", "Result", "ShownImage", "check_free"]
