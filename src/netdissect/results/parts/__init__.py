"""The parts of a layer's result: each is a class that knows its file, and all but the counts may be missing."""

from netdissect.results.parts.activations import Activations
from netdissect.results.parts.counts import Counts
from netdissect.results.parts.pictures import Pictures
from netdissect.results.parts.sample import Sample
from netdissect.results.parts.top_images import LayerTopImages

__all__ = ["Activations", "Counts", "LayerTopImages", "Pictures", "Sample"]
