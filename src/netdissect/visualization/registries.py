"""The choices of looking at units by name: methods, variants of back-propagation, parametrizations of images."""

from netdissect.registry import Registry

#: Methods of looking: classes derived from ``methods.Method``.
METHODS = Registry(
    "method",
    [
        ("top", "netdissect.visualization.top:Top", "images that excite a unit, at its receptive field"),
        ("deconvnet", "netdissect.visualization.deconvnet:Deconvnet", "its activation projected back"),
        ("backprop", "netdissect.visualization.backprop:Backprop", "its gradient"),
        ("inceptionism", "netdissect.visualization.inception:Inceptionism", "images made to excite it"),
    ],
)

#: Variants of back-propagation: objects with ``look(context, units, kind)``.
VARIANTS = Registry(
    "variant of back-propagation",
    [
        ("gradient", "netdissect.visualization.backprop:GRADIENT", "the gradient itself"),
        ("guided", "netdissect.visualization.backprop:GUIDED", "positive signals alone, at rectifiers"),
        ("smoothed", "netdissect.visualization.backprop:SMOOTHED", "a mean over noisy copies of the image"),
        ("integrated", "netdissect.visualization.backprop:INTEGRATED", "a mean along the way from black"),
        ("ascent", "netdissect.visualization.backprop:ASCENT", "the model image of a class"),
    ],
)

#: Numbers that an image is made from.
PARAMETRIZATIONS = Registry(
    "parametrization",
    [
        ("fourier", "netdissect.visualization.parametrization:Fourier", "waves in uncorrelated colors"),
        ("pixels", "netdissect.visualization.parametrization:Pixels", "pixels"),
    ],
)
