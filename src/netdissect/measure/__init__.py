"""From a network and a dataset to thresholds, tallies and top images, in one pass over the images.

``collect`` runs the network and keeps the activations that may be needed. ``count`` computes the rest from these, as
often as needed, without the network. ``fit_bases`` fits bases that follow from the activations.
"""

from netdissect.measure.collect import collect
from netdissect.measure.count import Measurement, count
from netdissect.measure.fitting import fit_bases

__all__ = ["Measurement", "collect", "count", "fit_bases"]
