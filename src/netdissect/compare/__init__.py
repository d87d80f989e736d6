"""Results side by side, from what is saved of them. Nothing here needs a network, images or torch."""

from netdissect.compare.alignment import Alignment, align, align_results
from netdissect.compare.compared_network import Conditions, Network
from netdissect.compare.comparison import Comparison, compare_networks
from netdissect.compare.matching import match_layers

__all__ = [
    "Alignment",
    "Comparison",
    "Conditions",
    "Network",
    "align",
    "align_results",
    "compare_networks",
    "match_layers",
]
