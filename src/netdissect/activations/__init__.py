"""Activations kept on disk: written once, in one pass over the images, and read as often as one likes."""

from netdissect.activations.kept import KeptActivations
from netdissect.activations.writer import ActivationWriter, kept_plan

__all__ = ["ActivationWriter", "KeptActivations", "kept_plan"]
