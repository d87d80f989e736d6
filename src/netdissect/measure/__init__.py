"""From a network and a dataset to thresholds, tallies and top images, in one pass over the images.

``collect`` runs the network and keeps of its activations what the rest needs; ``count`` does the rest, as often as one
likes, without the network. ``fit_bases`` is for bases that follow from the activations.
"""

from netdissect.measure.collect import collect
from netdissect.measure.count import Measurement, count
from netdissect.measure.fitting import fit_bases

__all__ = ["Measurement", "collect", "count", "fit_bases"]
