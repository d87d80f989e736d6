"""From a network and a dataset to thresholds, tallies and top images, in one pass over the images.

``collect`` runs the network and keeps of its activations what the rest needs; ``count`` does the rest, as often as one
likes, without the network. ``find_components`` is for bases that follow from the activations.
"""

from netdissect.measure.collect import CHUNK_SECONDS, collect
from netdissect.measure.components import find_components
from netdissect.measure.count import Measurement, count

__all__ = ["CHUNK_SECONDS", "Measurement", "collect", "count", "find_components"]
