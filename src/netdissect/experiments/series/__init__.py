"""The same layers over the steps of a training."""

from netdissect.experiments.series.series import Series

__all__ = ["Series"]
