"""What a unit looks for: top images, deconvolution, back-propagation, inceptionism.

Each of the four ways gives pictures of units; what these are called is found elsewhere. ``rules`` say how rectifiers
propagate gradients, ``activations`` makes a layer a function that can be differentiated, ``visualize`` does all of it.
"""

from netdissect.visualization.dreaming import Dreaming
from netdissect.visualization.inception import Excitation
from netdissect.visualization.looking import check_looks, visualized
from netdissect.visualization.options import VisualizationOptions

__all__ = ["Dreaming", "Excitation", "VisualizationOptions", "check_looks", "visualized"]
