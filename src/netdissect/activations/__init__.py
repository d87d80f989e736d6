"""Activations kept on disk: written in one pass over the images, and read as often as needed."""

from netdissect.activations.kept import KeptActivations
from netdissect.activations.writer import ActivationWriter, kept_plan

__all__ = ["ActivationWriter", "KeptActivations", "kept_plan"]
