"""Procedural scenes whose labels are exact to the pixel, as arrays."""
