"""Network Dissection: which concepts the units of a vision network respond to.

>>> import netdissect
>>> demo = "netdissect.networks.demo:demo_network"
>>> result = netdissect.dissect(demo, layers="relu2", data="scenes", limit=4, size=56, progress=False)
>>> list(result)
['relu2']

The public names stand in ``__init__.pyi``. A name is imported when first asked for, so that the command's ``--help``
does not wait for torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
