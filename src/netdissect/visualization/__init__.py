"""Pictures of what units look for: methods of looking, their options, and the page of their pictures."""

from netdissect.visualization.methods import Method
from netdissect.visualization.options import Dreaming, Excitation, VisualizationOptions
from netdissect.visualization.registries import METHODS, VARIANTS

__all__ = ["METHODS", "VARIANTS", "Dreaming", "Excitation", "Method", "VisualizationOptions"]
