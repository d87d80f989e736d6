"""The whole way from a network and a dataset to a result."""

from netdissect.pipeline.dissect import dissect

__all__ = ["dissect"]
