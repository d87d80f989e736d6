"""Results side by side, from saved results alone: no network, no dataset, no torch."""

from netdissect.compare.alignment import Alignment, align, align_results
from netdissect.compare.compared_network import ComparedNetwork, Conditions
from netdissect.compare.comparison import Comparison, compare_networks
from netdissect.compare.matching import match_layers

__all__ = [
    "Alignment",
    "ComparedNetwork",
    "Comparison",
    "Conditions",
    "align",
    "align_results",
    "compare_networks",
    "match_layers",
]
