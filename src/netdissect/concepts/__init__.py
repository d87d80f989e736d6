"""Datasets of images whose pixels are labelled with concepts: the protocol and its readers.

The names stand in ``__init__.pyi``, and are imported when first asked for: help texts list the kinds of datasets
without PIL.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
