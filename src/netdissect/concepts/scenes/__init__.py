"""Procedural scenes whose labels are exact to the pixel: the data set that needs no download."""

from netdissect.concepts.scenes.dataset import Scenes

__all__ = ["Scenes"]
