"""Detectors against rotation: whether concepts belong to the axes of a layer."""

from netdissect.experiments.rotation.curves import Curve, rotation_curves

__all__ = ["Curve", "rotation_curves"]
